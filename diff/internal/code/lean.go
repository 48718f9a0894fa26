package code

// The lean coders do what the full ones do with less of it: four contexts, one
// set of weights, no checks on who else uses a place in a table. They take about
// an eighth of the time, for some percent more bytes.

// leanInputs is the number of contexts of a lean decision.
const leanInputs = 4

// leanWeights weigh the inputs, in units of 1/2^16.
type leanWeights [leanInputs]int32

// leanWeight is what weights are at first.
const leanWeight = 65536 * 4 / 10

// A leanMixer predicts bits from what was seen in four contexts: a bit history
// each, of which it learns what it means.
type leanMixer struct {
	probs   [leanInputs][256]uint16 // that a 1 follows a history, in units of 1/2^16
	weights []leanWeights
	rate    int32 // of learning the weights
}

func newLeanMixer(sets int, rate int32) leanMixer {
	m := leanMixer{weights: make([]leanWeights, sets), rate: rate}
	for i := range m.probs {
		for k, p := range initialProb {
			m.probs[i][k] = uint16(p.p16())
		}
	}
	for i := range m.weights {
		m.weights[i] = leanWeights{leanWeight, leanWeight, leanWeight, leanWeight}
	}
	return m
}

// code codes a bit by the histories at h0 to h3, and takes note of it there. set
// selects weights.
func (m *leanMixer) code(c *rangeCoder, bit int, set uint, h0, h1, h2, h3 *history) int {
	w := &m.weights[set]
	s0, s1, s2, s3 := *h0, *h1, *h2, *h3
	p0, p1, p2, p3 := &m.probs[0][s0], &m.probs[1][s1], &m.probs[2][s2], &m.probs[3][s3]
	x0, x1, x2, x3 := leanStretch(*p0), leanStretch(*p1), leanStretch(*p2), leanStretch(*p3)
	p := leanMix((int64(x0)*int64(w[0]) + int64(x1)*int64(w[1]) + int64(x2)*int64(w[2]) + int64(x3)*int64(w[3])) >> 16)
	bit = c.bit(bit, uint32(p))
	y := bit & 1
	*h0, *h1, *h2, *h3 = nextState[s0][y], nextState[s1][y], nextState[s2][y], nextState[s3][y]
	leanLearn(p0, bit)
	leanLearn(p1, bit)
	leanLearn(p2, bit)
	leanLearn(p3, bit)
	err := ((int32(bit)<<16 - p) * m.rate) >> 6
	if uint32(err+tinyError) > 2*tinyError {
		w[0] += (x0*err + 1<<13) >> 14
		w[1] += (x1*err + 1<<13) >> 14
		w[2] += (x2*err + 1<<13) >> 14
		w[3] += (x3*err + 1<<13) >> 14
	}
	return bit
}

func leanStretch(p uint16) int32 { return int32(stretchTable[p>>4]) }

// leanMix gives the 16-bit probability, far enough from certainty, for a sum of
// stretched ones.
func leanMix(x int64) int32 {
	return int32(leanSquash[max(-2048, min(2047, x))+2048])
}

// leanLearn moves a probability towards what has come.
func leanLearn(p *uint16, bit int) {
	*p += uint16((int32(bit)<<16 - int32(bit) - int32(*p)) >> 6)
}

// leanBits codes bits in hashed contexts.
type leanBits struct {
	leanMixer
	tables [leanInputs]*[1 << 16]history
}

func newLeanBits(sets int, rate int32) *leanBits {
	b := &leanBits{leanMixer: newLeanMixer(sets, rate)}
	for i := range b.tables {
		b.tables[i] = new([1 << 16]history)
	}
	return b
}

// code codes a bit; of each context, a hash, the upper half counts. set selects
// weights.
func (b *leanBits) code(c *rangeCoder, bit int, set uint, ctx *[leanInputs]uint32) int {
	return b.leanMixer.code(c, bit, set,
		&b.tables[0][ctx[0]>>16], &b.tables[1][ctx[1]>>16], &b.tables[2][ctx[2]>>16], &b.tables[3][ctx[3]>>16])
}

// A leanSymbols codes symbols of eight bits, bit by bit from the top, in hashed
// contexts.
type leanSymbols struct {
	leanMixer
	lines [leanInputs]*[1 << leanLines]line // the first byte of a line is not used
}

// leanLines is the number of bits that index the lines of one context.
const leanLines = 15

func newLeanSymbols(sets int) *leanSymbols {
	s := &leanSymbols{leanMixer: newLeanMixer(sets<<8, 24)}
	for i := range s.lines {
		s.lines[i] = new([1 << leanLines]line)
	}
	return s
}

// code codes sym; set selects weights.
func (s *leanSymbols) code(c *rangeCoder, sym int, set uint, ctx *[leanInputs]uint32) int {
	node := uint(1)
	for _, shift := range [2]uint{4, 0} {
		// A line has the nodes of half a symbol.
		n := uint32(node) * 0x9E3779B1
		l0 := &s.lines[0][(ctx[0]+n)>>(32-leanLines)]
		l1 := &s.lines[1][(ctx[1]+n)>>(32-leanLines)]
		l2 := &s.lines[2][(ctx[2]+n)>>(32-leanLines)]
		l3 := &s.lines[3][(ctx[3]+n)>>(32-leanLines)]
		part := sym >> shift
		for sub := uint(1); sub < 16; {
			part <<= 1
			bit := s.leanMixer.code(c, part>>4&1, set<<8|node, &l0[sub], &l1[sub], &l2[sub], &l3[sub])
			sub = sub<<1 | uint(bit)
			node = node<<1 | uint(bit)
		}
	}
	return int(node & 255)
}

// A leanFlag predicts a decision from three probabilities.
type leanFlag struct {
	weights []leanWeights
}

func newLeanFlag(sets int) leanFlag {
	f := leanFlag{make([]leanWeights, sets)}
	for i := range f.weights {
		f.weights[i] = leanWeights{leanWeight, leanWeight, leanWeight}
	}
	return f
}

// code codes a bit that p0 to p2 predict, and teaches the last two.
func (f leanFlag) code(c *rangeCoder, bit int, set uint, p0, p1, p2 *uint16) int {
	w := &f.weights[set]
	x0, x1, x2 := leanStretch(*p0), leanStretch(*p1), leanStretch(*p2)
	p := leanMix((int64(x0)*int64(w[0]) + int64(x1)*int64(w[1]) + int64(x2)*int64(w[2])) >> 16)
	bit = c.bit(bit, uint32(p))
	leanLearn(p1, bit)
	leanLearn(p2, bit)
	err := ((int32(bit)<<16 - p) * 15) >> 6
	w[0] += (x0*err + 1<<13) >> 14
	w[1] += (x1*err + 1<<13) >> 14
	w[2] += (x2*err + 1<<13) >> 14
	return bit
}

// even sets probabilities to one half.
func even(t []uint16) {
	for i := range t {
		t[i] = 1 << 15
	}
}

func equalBit(a, b int) int {
	if a == b {
		return 1
	}
	return 0
}
