package code

import "encoding/binary"

// A mixCopyCoder codes copies. Each byte is a decision, equal or not, and the
// difference if not, both predicted by mixing. Far from differences the decisions
// are cheap: first one table decides alone while it is sure, and after zoneLength
// equal bytes the distance to the next difference is coded as one number.
type mixCopyCoder struct {
	c       *binaryCoder
	differs *bitModel    // is the byte different?
	diff    *symbolModel // the difference
	gaps    *numberModel
	guesses guessTables
	quick   [2][1 << quickBits]uint16 // probabilities of a difference where it is quiet

	cold    uint64 // equal bytes passed over: since the zone ended, or to come
	known   bool   // when decoding, cold is valid
	since   int    // equal bytes since the last difference
	run     int    // differences in a row
	lengths [2]int // the last lengths of equal bytes between differences
	flags   uint32 // different or not, the last byte lowest
	// The last 8 predicted and actual bytes and differences, the last lowest.
	pred, actual, diffs uint64
	// The last 4 differences that were not 0, the last lowest.
	last uint32
	// The last difference at each predicted byte.
	lastAt [256]byte
}

const (
	// zoneLength is the number of equal bytes after which single decisions end.
	zoneLength = 256
	quickBits  = 17
	// quickAfter is the number of equal bytes after which decisions may be quick,
	// if a difference is less probable than quickLimit, in units of 1/2^16.
	quickAfter = 8
	quickLimit = 65536 / 400
)

// differsContexts is the number of contexts in which a mixCopyCoder decides
// whether a byte differs.
const differsContexts = 14

func newMixCopyCoder(c *binaryCoder) *mixCopyCoder {
	m := &mixCopyCoder{c: c}
	m.differs = newBitModel(17, differsContexts, maxGuesses, [2]int{1 << 13, 1 << 11}, 1<<19, 15)
	m.diff = newSymbolModel(22, maxContexts, maxGuesses, 1<<10, 30)
	m.gaps = newNumberModel()
	m.guesses.init()
	for i := range m.quick {
		for k := range m.quick[i] {
			m.quick[i][k] = 65536 / 64
		}
	}
	return m
}

func (m *mixCopyCoder) write(pos int64, pred, actual []byte) error {
	m.code(pos, pred, actual)
	return m.c.err
}

func (m *mixCopyCoder) equal(n int64) error {
	m.cold += uint64(n) // no decision is coded this far from differences
	return m.c.err
}

func (m *mixCopyCoder) decode(pos int64, pred, dst []byte) error {
	m.code(pos, pred, dst)
	return m.c.err
}

func (m *mixCopyCoder) bits() float64 { return m.c.bits() }

func (m *mixCopyCoder) close() error {
	if m.cold > 0 {
		m.codeGap(m.cold)
	}
	return m.c.close()
}

// code codes data, or decodes into it.
func (m *mixCopyCoder) code(pos int64, pred, data []byte) {
	decoding := m.c.decoding()
	for i := 0; i < len(pred) && m.c.err == nil; i++ {
		forced := false
		if m.since >= zoneLength {
			n := m.pass(pred[i:], data[i:])
			if i += n; i == len(pred) {
				return
			}
			m.wake(pred[:i])
			forced = true
		}
		// next is up to 8 predicted bytes, the first lowest.
		var next uint64
		if i+8 <= len(pred) {
			next = binary.LittleEndian.Uint64(pred[i:])
		} else {
			for k, b := range pred[i:] {
				next |= uint64(b) << (8 * k)
			}
		}
		diff := 0
		if !decoding {
			diff = int(data[i] - pred[i])
		}
		at := uint32(pos+int64(i)) & 3
		if forced || m.different(next, at, diff != 0) {
			diff = m.difference(next, at, diff, forced)
		}
		m.remember(next, diff)
		if decoding {
			data[i] = byte(next) + byte(diff)
		}
	}
}

// pass goes over equal bytes, as far as they reach.
func (m *mixCopyCoder) pass(pred, data []byte) int {
	if !m.c.decoding() {
		n := equalPrefix(pred, data)
		m.cold += uint64(n)
		if n < len(pred) {
			m.codeGap(m.cold)
			m.cold = 0
		}
		return n
	}
	if !m.known {
		m.cold = m.codeGap(0)
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

func (m *mixCopyCoder) codeGap(n uint64) uint64 {
	a, b := uint32(bucket(m.lengths[0])), uint32(bucket(m.lengths[1]))
	ctx := [numberContexts]uint32{0, a, b<<4 | a, uint32(m.lengths[0]), m.last, m.last & 0xff}
	n = m.gaps.code(m.c, n, 0, &ctx)
	m.since += int(min(n, 1<<20))
	return n
}

// wake restores the memory of the last bytes, which were passed over.
func (m *mixCopyCoder) wake(passed []byte) {
	if len(passed) >= 8 {
		m.pred = binary.BigEndian.Uint64(passed[len(passed)-8:])
		m.actual = m.pred
		m.diffs = 0
	}
	m.flags = 0
}

// different codes whether the byte at hand is not what was predicted.
func (m *mixCopyCoder) different(next uint64, at uint32, d bool) bool {
	bit := 0
	if d {
		bit = 1
	}
	if m.since < quickAfter {
		return m.mixedDifferent(next, at, bit)
	}
	a := &m.quick[0][hash(next&0xff, m.pred&0xffffff)>>(64-quickBits)]
	b := &m.quick[1][hash(next&0xffffffff, 0)>>(64-quickBits)]
	if max(*a, *b) < quickLimit {
		bit = m.c.code(bit, max(16, (uint32(*a)+uint32(*b))/2))
		if bit != 0 {
			m.guesses.look(m, next)
		}
		d = bit != 0
	} else {
		d = m.mixedDifferent(next, at, bit)
	}
	updateQuick(a, d)
	updateQuick(b, d)
	return d
}

func updateQuick(p *uint16, bit bool) {
	if bit {
		*p += (65535 - *p) >> 5
	} else {
		*p -= *p >> 5
	}
}

// remember takes the byte into account for those that follow.
func (m *mixCopyCoder) remember(next uint64, diff int) {
	p := next & 0xff
	m.pred = m.pred<<8 | p
	m.actual = m.actual<<8 | (p+uint64(diff))&0xff
	m.diffs = m.diffs<<8 | uint64(diff)
	m.guesses.learn(diff)
	if diff == 0 {
		m.flags <<= 1
		m.since++
		m.run = 0
		return
	}
	m.flags = m.flags<<1 | 1
	if m.since > 0 {
		m.lengths[1], m.lengths[0] = m.lengths[0], m.since
	}
	m.since = 0
	m.run++
	m.last = m.last<<8 | uint32(diff)
	m.lastAt[p] = byte(diff)
}

// bucket is a coarse logarithm, less than 16.
func bucket(n int) int {
	switch {
	case n < 8:
		return n
	case n < 16:
		return 8 + (n-8)>>2
	case n < 64:
		return 10 + (n-16)>>4
	case n < zoneLength:
		return 13
	}
	return 14
}
