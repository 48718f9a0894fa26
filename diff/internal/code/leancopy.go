package code

import "encoding/binary"

// A leanCopyCoder codes copies. Near to differences each byte is a decision,
// equal or not; after leanZone equal bytes the distance to the next difference
// is coded as one number. A difference is what came last in one of two contexts,
// or else is coded bit by bit.
type leanCopyCoder struct {
	c       *rangeCoder
	differs *leanBits // is the byte different?
	gaps    leanNumbers
	guesses [2]*[1 << guessBits]uint32 // entries as in guessTables
	hit     leanFlag                   // is the difference the best guess?
	sure    [64]uint16                 // that it is, by its count and the run
	seen    [1 << 12]uint16            // the same, by guess, predicted byte and last difference
	agreed  [256]uint16                // the same, by what both guesses say
	symbols *leanSymbols               // the difference

	cold    uint64    // equal bytes passed over: since the zone ended, or to come
	known   bool      // when decoding, cold is valid
	since   int       // equal bytes since the last difference
	run     uint32    // differences in a row, at most 3
	lengths [2]uint32 // the last lengths of equal bytes between differences
	flags   uint32    // different or not, the last byte lowest
	// The last predicted and actual bytes and differences, the last lowest.
	pred, actual, diffs uint32
	last                uint32 // the last 4 differences that were not 0, the last lowest
}

// leanZone is the number of equal bytes after which single decisions end.
const leanZone = 16

func newLeanCopyCoder(c *rangeCoder) *leanCopyCoder {
	m := &leanCopyCoder{c: c, differs: newLeanBits(512, 20), gaps: newLeanNumbers(), hit: newLeanFlag(32), symbols: newLeanSymbols(8)}
	for i := range m.guesses {
		m.guesses[i] = new([1 << guessBits]uint32)
	}
	// At first, a byte is taken to be equal.
	for i := range m.differs.probs {
		m.differs.probs[i][0] = 1 << 12
	}
	even(m.sure[:])
	even(m.seen[:])
	even(m.agreed[:])
	return m
}

func (m *leanCopyCoder) write(pos int64, pred, actual []byte) error {
	m.code(pos, pred, actual)
	return m.c.err
}

func (m *leanCopyCoder) decode(pos int64, pred, dst []byte) error {
	m.code(pos, pred, dst)
	return m.c.err
}

func (m *leanCopyCoder) equal(n int64) error {
	m.cold += uint64(n) // no decision is coded this far from differences
	return m.c.err
}

func (m *leanCopyCoder) bits() float64 { return m.c.bits() }

func (m *leanCopyCoder) work() int64 { return m.c.work }

func (m *leanCopyCoder) close() error {
	if m.cold > 0 {
		m.gap(m.cold)
	}
	return m.c.close()
}

// code codes data, or decodes into it.
func (m *leanCopyCoder) code(pos int64, pred, data []byte) {
	decoding := m.c.decoding()
	for i := 0; i < len(pred) && m.c.err == nil; i++ {
		forced := false
		if m.since >= leanZone {
			n := m.pass(pred[i:], data[i:])
			if i += n; i == len(pred) {
				return
			}
			m.wake(pred[:i])
			forced = true
		}
		// next is up to 4 predicted bytes, the first lowest.
		var next uint32
		if i+4 <= len(pred) {
			next = binary.LittleEndian.Uint32(pred[i:])
		} else {
			for k, b := range pred[i:] {
				next |= uint32(b) << (8 * k)
			}
		}
		diff := 0
		if !decoding {
			diff = int(data[i] - pred[i])
		}
		at := uint32(pos+int64(i)) & 3
		if forced || m.different(next, at, 1-equalBit(diff, 0)) {
			diff = m.difference(next, at, diff)
		}
		m.remember(next, diff)
		if decoding {
			data[i] = byte(next) + byte(diff)
		}
	}
}

// pass goes over equal bytes, as far as they reach.
func (m *leanCopyCoder) pass(pred, data []byte) int {
	if !m.c.decoding() {
		n := equalPrefix(pred, data)
		m.cold += uint64(n)
		if n < len(pred) {
			m.gap(m.cold)
			m.cold = 0
		}
		return n
	}
	if !m.known {
		m.cold = m.gap(0)
		m.known = true
	}
	if m.c.err != nil {
		return len(pred)
	}
	n := len(pred)
	if m.cold < uint64(n) {
		n = int(m.cold)
		m.known = false
	}
	predicted(data[:n], pred)
	m.cold -= uint64(n)
	return n
}

func (m *leanCopyCoder) gap(n uint64) uint64 {
	a, b := uint32(bucket(int(m.lengths[0]))), uint32(bucket(int(m.lengths[1])))
	ctx := [leanInputs]uint32{hash32(b<<4|a, 0, 1), hash32(m.lengths[0], 0, 2), hash32(m.last, 0, 3), hash32(m.last&0xff, 0, 4)}
	n = m.gaps.code(m.c, n, 0, &ctx)
	m.since += int(min(n, 1<<20))
	return n
}

// wake restores the memory of the last bytes, which were passed over.
func (m *leanCopyCoder) wake(passed []byte) {
	if len(passed) >= 4 {
		m.pred = binary.BigEndian.Uint32(passed[len(passed)-4:])
		m.actual, m.diffs = m.pred, 0
	}
	m.flags = 0
}

// different codes whether the byte at hand is not what was predicted.
func (m *leanCopyCoder) different(next, at uint32, bit int) bool {
	p0, f := next&0xff, m.flags
	ctx := [leanInputs]uint32{
		((m.pred<<8|p0)*0x9E3779B1 + 0x1234567) * 0x85EBCA77,
		(next*0x85EBCA77 ^ next>>15) * 0x9E3779B1,
		((f<<2|at)*0x9E3779B1 ^ f<<7) * 0x2C1B3C6D,
		(m.diffs<<16 | f&15<<8 | p0) * 0x9E3779B1,
	}
	return m.differs.code(m.c, bit, uint(f&0x7f<<2|at), &ctx) != 0
}

// guess gives the differences that came last in two contexts, as entries of
// their tables, which have 0 in the place of a count where there is none. at are
// the hashes of the contexts.
func (m *leanCopyCoder) guess(next uint32) (e, at [2]uint32) {
	at = [2]uint32{hash32(next, m.diffs&0xff, m.run|1<<16), hash32(next&0xff, m.actual&0xffffff, 4)}
	for i, h := range at {
		e[i] = m.guesses[i][h>>(32-guessBits)]
		if none := h << (32 - guessBits); e[i]>>12 != none>>12 {
			e[i] = none &^ 0xfff
		}
	}
	return e, at
}

// difference codes a difference, which is not 0.
func (m *leanCopyCoder) difference(next, at uint32, diff int) int {
	e, place := m.guess(next)
	best, other, from := e[0]&0xfff, e[1]&0xfff, uint32(0)
	if other>>8 > best>>8 {
		best, other, from = other, best, 1
	}
	p0, hit, set := next&0xff, false, uint32(0)
	if count := best >> 8; count > 0 {
		guess, agree := best&0xff, uint32(0)
		switch {
		case other>>8 == 0:
		case other&0xff == guess:
			agree = 1
		default:
			agree = 2
		}
		sure := &m.sure[count<<2|m.run]
		bit := m.hit.code(m.c, equalBit(int(guess), diff), uint(agree<<3|m.run<<1|from), sure,
			&m.seen[hash32(guess, p0, m.last&0xff)>>20], &m.agreed[agree<<6|count<<2|at])
		leanLearn(sure, bit)
		if hit = bit != 0; hit {
			diff = int(guess)
		}
		set = 1
	}
	if !hit {
		l := m.last
		ctx := [leanInputs]uint32{
			hash32(l&0xffff, m.run, 1), hash32(p0, m.run, 2), hash32(m.diffs&0xff, m.run, 3), hash32(next&0xffff, 0, 4),
		}
		diff = m.symbols.code(m.c, diff, uint(set<<2|m.run), &ctx)
	}
	for i, h := range place {
		switch x := &e[i]; {
		case *x>>8&15 == 0 || int(*x&0xff) != diff:
			*x = *x&^0xfff | 1<<8 | uint32(diff)
		case *x>>8&15 < 15:
			*x += 1 << 8
		}
		m.guesses[i][h>>(32-guessBits)] = e[i]
	}
	return diff
}

// remember takes the byte into account for those that follow.
func (m *leanCopyCoder) remember(next uint32, diff int) {
	p := next & 0xff
	m.pred = m.pred<<8 | p
	m.actual = m.actual<<8 | (p+uint32(diff))&0xff
	m.diffs = m.diffs<<8 | uint32(diff)
	if diff == 0 {
		m.flags <<= 1
		m.since++
		m.run = 0
		return
	}
	m.flags = m.flags<<1 | 1
	if m.since > 0 {
		m.lengths[1], m.lengths[0] = m.lengths[0], uint32(m.since)
	}
	m.since = 0
	m.run = min(m.run+1, 3)
	m.last = m.last<<8 | uint32(diff)
}
