package code

import (
	"encoding/binary"
	"math/bits"
)

// A leanLiteralCoder codes literals: first whether the byte is what an earlier
// literal or the old bytes at the place lead to expect, if they do; and if it is
// not, the byte from those before it.
type leanLiteralCoder struct {
	c       *rangeCoder
	symbols *leanSymbols
	flag    leanFlag
	sure    [2][128]uint16   // that a guess is right, by its confidence
	seen    *[1 << 14]uint16 // the same, by the byte guessed and the one before
	agreed  [1 << 10]uint16  // the same, by what both guesses say
	pos     int64
	last    uint64 // the last 8 bytes, the last lowest
	word    uint32 // hash of the letters and digits at the end
	match   leanMatcher
	old     leanFollower
}

func newLeanLiteralCoder(c *rangeCoder) *leanLiteralCoder {
	m := &leanLiteralCoder{c: c, symbols: newLeanSymbols(2), flag: newLeanFlag(8), seen: new([1 << 14]uint16)}
	m.match.init()
	even(m.sure[0][:])
	even(m.sure[1][:])
	even(m.seen[:])
	even(m.agreed[:])
	return m
}

func (m *leanLiteralCoder) write(a Around, lit []byte) error {
	m.start(a)
	for _, b := range lit {
		m.code(int(b))
	}
	return m.c.err
}

func (m *leanLiteralCoder) decode(a Around, dst []byte) error {
	m.start(a)
	for i := range dst {
		dst[i] = byte(m.code(0))
		if m.c.err != nil {
			return m.c.err
		}
	}
	return nil
}

func (m *leanLiteralCoder) bits() float64 { return m.c.bits() }

func (m *leanLiteralCoder) work() int64 { return m.c.work }

func (m *leanLiteralCoder) close() error { return m.c.close() }

// start goes to where a literal is.
func (m *leanLiteralCoder) start(a Around) {
	m.pos = a.Pos
	m.old = leanFollower{old: a.Old}
	if len(a.Before) == 0 {
		return
	}
	m.match.place = 0
	for _, b := range a.Before[max(0, len(a.Before)-beforeUsed):] {
		m.put(b)
	}
}

// put takes a byte into account.
func (m *leanLiteralCoder) put(b byte) {
	m.last = m.last<<8 | uint64(b)
	switch {
	case b|32 >= 'a' && b|32 <= 'z', b >= '0' && b <= '9', b >= 128:
		m.word = (m.word + uint32(b) + 1) * 0x2F0B4C47
	default:
		m.word = 0
	}
	m.match.put(b, m.last)
}

// leanSure is the probability from which on a guess is asked for.
const leanSure = 1 << 13

// code codes a byte.
func (m *leanLiteralCoder) code(sym int) int {
	mSym, mConf := m.match.guess()
	oSym, oConf := m.old.guess()
	mSure, oSure := &m.sure[0][mConf&127], &m.sure[1][oConf&127]
	guess, other, conf, sure, from := mSym, oSym, mConf, mSure, 0
	if mSym < 0 || oSym >= 0 && *oSure > *mSure {
		guess, other, conf, sure, from = oSym, mSym, oConf, oSure, 1
	}
	hit, set := false, uint(0)
	if guess >= 0 && *sure >= leanSure {
		kind := from
		switch {
		case other == guess:
			kind |= 4
		case other >= 0:
			kind |= 2
		}
		bit := m.flag.code(m.c, equalBit(sym, guess), uint(kind), sure,
			&m.seen[hash32(uint32(guess), uint32(m.last&0xff), 1)>>18], &m.agreed[(conf<<3|kind)&1023])
		if hit = bit != 0; hit {
			sym = guess
		}
		set = 1
	}
	if !hit {
		sym = m.byte(sym, set)
	}
	if mSym >= 0 {
		leanLearn(mSure, equalBit(mSym, sym))
		m.match.check(mSym == sym)
	}
	if oSym >= 0 {
		leanLearn(oSure, equalBit(oSym, sym))
	}
	m.pos++
	m.put(byte(sym))
	m.old.follow(m.last)
	return sym
}

// byte codes a byte from those before it.
func (m *leanLiteralCoder) byte(sym int, set uint) int {
	l := uint32(m.last)
	ctx := [leanInputs]uint32{hash32(l&0xff, 1, 1), hash32(l&0xffff, 2, 2)}
	if isText(m.last) {
		ctx[2] = hash32(l&0xffffff, 3, 3)
		ctx[3] = hash32(m.word, l&0xff, 4)
	} else {
		ctx[2] = hash32(uint32(m.last>>24)&0xff00ff, 8, uint32(m.pos&3))
		ctx[3] = hash32(l, 4, 4)
	}
	return m.symbols.code(m.c, sym, set, &ctx)
}

// A leanMatcher finds an earlier place with the same last bytes, and guesses
// that it goes on as it did there.
type leanMatcher struct {
	b      []byte   // the last bytes, by their number modulo the length
	n      uint32   // bytes ever put, and 1, so that 0 is no place
	index  []uint32 // places by hash
	place  uint32   // what is expected next, or 0
	length int
}

const (
	leanMatch   = 5       // least number of bytes that are the same
	leanHistory = 1 << 22 // bytes that are remembered
	leanIndex   = 17      // bits that index places
)

func (m *leanMatcher) init() {
	m.b = make([]byte, 1<<12)
	m.n = 1
	m.index = make([]uint32, 1<<leanIndex)
}

// put adds a byte, the last of last, and looks for a place unless there is one.
func (m *leanMatcher) put(b byte, last uint64) {
	if m.n == uint32(len(m.b)) && m.n < leanHistory {
		m.b = append(m.b, make([]byte, m.n)...)
	}
	mask := uint32(len(m.b) - 1)
	m.b[m.n&mask] = b
	m.n++
	slot := &m.index[last<<(64-8*leanMatch)*0x9E3779B97F4A7C15>>(64-leanIndex)]
	place := *slot
	*slot = m.n
	if m.place != 0 || place == 0 || m.n-place >= mask-32 {
		return
	}
	n := uint32(0)
	for n < 32 && n < place && m.b[(place-1-n)&mask] == m.b[(m.n-1-n)&mask] {
		n++
	}
	if n >= leanMatch {
		m.place, m.length = place, int(n)
	}
}

// guess tells the byte expected, or -1, and the confidence, less than 32.
func (m *leanMatcher) guess() (sym, conf int) {
	if m.place == 0 {
		return -1, 0
	}
	return int(m.b[m.place&uint32(len(m.b)-1)]), matchConf(m.length)
}

// check goes on where the guess was right.
func (m *leanMatcher) check(right bool) {
	if !right {
		m.place = 0
		return
	}
	m.place++
	m.length++
}

// A leanFollower goes along old bytes that the new ones may resemble.
type leanFollower struct {
	old    []byte
	at     int // what is expected next
	length int // right guesses in a row
	misses int
}

// leanReach is how far a leanFollower looks for its place when it has lost it.
const leanReach = 16

func (f *leanFollower) guess() (sym, conf int) {
	if f.at >= len(f.old) {
		return -1, 0
	}
	return int(f.old[f.at]), min(f.length, 15)<<3 | min(f.misses, 7)
}

// follow moves on after a byte, or to the nearest place where the old bytes are
// the same as the last three.
func (f *leanFollower) follow(last uint64) {
	right := f.at < len(f.old) && f.old[f.at] == byte(last)
	f.at++
	if right {
		f.length++
		return
	}
	f.length = 0
	f.misses++
	three := bits.ReverseBytes32(uint32(last) << 8)
	for d := range leanReach {
		if f.fits(f.at+d, three) {
			f.at, f.length = f.at+d, 3
			return
		}
		if f.fits(f.at-d, three) {
			f.at, f.length = f.at-d, 3
			return
		}
	}
}

// fits tells whether three bytes stand before a place.
func (f *leanFollower) fits(at int, three uint32) bool {
	return at >= 4 && at <= len(f.old) && binary.LittleEndian.Uint32(f.old[at-4:])>>8 == three
}
