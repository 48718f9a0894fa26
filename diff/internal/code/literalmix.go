package code

// A mixLiteralCoder codes literals by mixing: from the last bytes, whole and in
// parts, from earlier literals that had the same last bytes, and from the old
// bytes at the place.
type mixLiteralCoder struct {
	c       *binaryCoder
	model   *symbolModel
	pos     int64
	last    uint64 // the last 8 bytes, the last lowest
	word    uint32 // hash of the letters and digits at the end
	matches [2]matcher
	history *ring
	old     follower
}

// literalParams say how much to do.
type literalParams struct {
	tableBits, historyBits uint
}

// fullLiterals are for a stream of any length.
var fullLiterals = literalParams{tableBits: 23, historyBits: 22}

// beforeUsed is how many bytes before a literal are taken into account.
const beforeUsed = 16

func newMixLiteralCoder(c *binaryCoder, p literalParams) *mixLiteralCoder {
	m := &mixLiteralCoder{c: c, history: newRing(p.historyBits)}
	m.model = newSymbolModel(p.tableBits, maxContexts, 3, 1<<11, 24)
	for i, n := range [...]uint{7, 4} {
		m.matches[i] = matcher{min: n, index: make([]uint32, 1<<min(18, p.historyBits))}
	}
	return m
}

func (m *mixLiteralCoder) write(a Around, lit []byte) error {
	m.start(a)
	for _, b := range lit {
		m.code(int(b))
	}
	return m.c.err
}

func (m *mixLiteralCoder) decode(a Around, dst []byte) error {
	m.start(a)
	for i := range dst {
		dst[i] = byte(m.code(0))
		if m.c.err != nil {
			return m.c.err
		}
	}
	return nil
}

func (m *mixLiteralCoder) bits() float64 { return m.c.bits() }

func (m *mixLiteralCoder) close() error { return m.c.close() }

// start goes to where a literal is.
func (m *mixLiteralCoder) start(a Around) {
	m.pos = a.Pos
	m.old = follower{old: a.Old}
	if len(a.Before) == 0 {
		return
	}
	for i := range m.matches {
		m.matches[i].stop()
	}
	for _, b := range a.Before[max(0, len(a.Before)-beforeUsed):] {
		m.put(b)
	}
}

// put takes a byte into account.
func (m *mixLiteralCoder) put(b byte) {
	m.last = m.last<<8 | uint64(b)
	switch {
	case b|32 >= 'a' && b|32 <= 'z', b >= '0' && b <= '9', b >= 128:
		m.word = (m.word + uint32(b) + 1) * 0x2F0B4C47
	default:
		m.word = 0
	}
	m.history.put(b)
	for i := range m.matches {
		m.matches[i].find(m.history, m.last)
	}
}

// code codes a byte.
func (m *mixLiteralCoder) code(sym int) int {
	s := m.model
	longest := 0
	for i := range m.matches {
		g := &s.guess[i]
		g.sym, g.conf = m.matches[i].guess(m.history)
		longest = max(longest, g.conf)
	}
	old := &s.guess[2]
	old.sym, old.conf = m.old.guess()
	m.contextsAll()
	s.sel = longest<<4 | old.conf>>3&15
	s.apmCtx = int(m.last & 0xff)
	sym = s.code(m.c, sym)
	for i := range m.matches {
		m.matches[i].check(s.guess[i].sym == sym)
	}
	m.pos++
	m.put(byte(sym))
	m.old.follow(m.last)
	return sym
}
