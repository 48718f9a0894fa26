package code

// A symbolModel predicts symbols of eight bits from bit histories in hashed
// contexts and from guesses at the symbol, bit by bit from the top, and codes
// them.
//
// Histories lie in lines of 16 bytes: a check byte and one history for each
// node of the binary tree of half a symbol. So a context costs two cache misses
// per symbol.
type symbolModel struct {
	table    []line
	mask     uint32
	contexts int
	ctx      [maxContexts]uint64 // hashes of the contexts, set by the caller
	base     [maxContexts]*line  // their lines
	probs    [maxContexts]historyProbs
	guesses  int
	guess    [maxGuesses]guess // set by the caller
	mixer    *mixer
	sel      int    // set of the mixer's weights, set by the caller
	apms     [2]apm // correct the mixer in contexts of their own
	apmCtx   int    // set by the caller, less than 256
}

const (
	maxContexts = 16
	maxGuesses  = 6
	// guessConfs is the number of states of confidence of a guess.
	guessConfs = 128
	// symbolLimit bounds the memory of adaptive probabilities.
	symbolLimit = 255
)

// A line is a check and the histories of the nodes of half a symbol's tree.
type line [16]history

// A guess says what the whole symbol may be.
type guess struct {
	sym   int                      // or -1
	conf  int                      // what is known of the guess, less than guessConfs
	probs [guessConfs]adaptiveProb // that a bit is right
	cur   *adaptiveProb
	bit   int
}

func newSymbolModel(tableBits uint, contexts, guesses int, set int, rate int32) *symbolModel {
	m := &symbolModel{
		table:    make([]line, 1<<(tableBits-4)),
		mask:     1<<(tableBits-4) - 1,
		contexts: contexts,
		guesses:  guesses,
	}
	for i := range m.probs {
		m.probs[i] = initialProb
	}
	for i := range m.guess {
		fill(m.guess[i].probs[:], probOf(3<<20, 0))
		m.guess[i].sym = -1
	}
	inputs := contexts + guesses + 1
	m.mixer = newMixer(inputs, [2]int{256, set}, 65536*5/2/int32(inputs), rate)
	m.mixer.in[inputs-1] = 256
	m.apms[0].init(symbolAPM, 6)
	m.apms[1].init(256, 6)
	return m
}

// symbolAPM is the number of contexts of the first of a symbolModel's last
// stages.
const symbolAPM = 1 << 13

// line finds the histories of a context, or takes the place of those that
// have seen least among three.
func (m *symbolModel) line(h uint64) *line {
	check := history(h>>56) | 1
	i := uint32(h) & m.mask
	l := &m.table[i]
	if l[0] == check {
		return l
	}
	l1, l2 := &m.table[i^1], &m.table[i^2]
	if l1[0] == check {
		return l1
	}
	if l2[0] == check {
		return l2
	}
	least := stateTotal[l[1]]
	if n := stateTotal[l1[1]]; n < least {
		l, least = l1, n
	}
	if stateTotal[l2[1]] < least {
		l = l2
	}
	*l = line{check}
	return l
}

// code codes sym in the contexts that are set, or decodes it.
func (m *symbolModel) code(c *binaryCoder, sym int) int {
	node := 1 // of the tree of the whole symbol
	for left := uint(8); left > 0; {
		if left&3 == 0 {
			for i := range m.ctx[:m.contexts] {
				h := m.ctx[i]
				if left == 4 {
					h = (h ^ uint64(node)<<32) * 0x9E3779B97F4A7C15
				}
				m.base[i] = m.line(h ^ h>>29)
			}
		}
		left--
		// Within its half of the symbol, a node starts again from 1.
		sub := uint32(node)
		if left < 4 {
			sub = uint32(node)&(1<<(3-left)-1) | 1<<(3-left)
		}
		p := m.predict(node, left, sub)
		bit := c.code(sym>>left&1, uint32(p))
		m.update(bit, sub)
		node = node<<1 | bit
	}
	return node & 255
}

// predict gives the probability that the next bit, which is left bits above
// the symbol's lowest, is 1.
func (m *symbolModel) predict(node int, left uint, sub uint32) int32 {
	in := m.mixer.in[:m.contexts]
	for i := range in {
		in[i] = stretch(m.probs[i][m.base[i][sub&15]].p16())
	}
	nc := m.contexts
	for i := range m.guess[:m.guesses] {
		g := &m.guess[i]
		g.cur = nil
		m.mixer.in[nc+i] = 0
		if g.sym >= 0 && (g.sym|256)>>(left+1) == node {
			g.bit = g.sym >> left & 1
			g.cur = &g.probs[g.conf]
			st := stretch(g.cur.p16())
			if g.bit == 0 {
				st = -st
			}
			m.mixer.in[nc+i] = st
		}
	}
	st := m.mixer.mix(node, m.sel)
	first := int(uint32(m.apmCtx<<8|node) * 0x9E3779B1 >> 19)
	p := (2*squash(st) + m.apms[0].refine(st, first) + m.apms[1].refine(st, node)) >> 2
	return max(16, min(65536-16, p))
}

func (m *symbolModel) update(bit int, sub uint32) {
	for i, l := range m.base[:m.contexts] {
		s := l[sub&15]
		m.probs[i][s].update(bit, symbolLimit)
		l[sub&15] = nextState[s][bit&1]
	}
	for i := range m.guess[:m.guesses] {
		if g := &m.guess[i]; g.cur != nil {
			g.cur.update(1^bit^g.bit, symbolLimit)
		}
	}
	m.mixer.update(bit)
	m.apms[0].update(bit)
	m.apms[1].update(bit)
}
