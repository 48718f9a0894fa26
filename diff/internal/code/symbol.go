package code

// A symbolModel predicts symbols of eight bits from bit histories in hashed
// contexts and from guesses at the symbol, bit by bit from the top, and codes
// them.
//
// Histories lie in lines of 16 bytes: a check byte and one history for each
// node of the binary tree of half a symbol. So a context costs two cache misses
// per symbol.
type symbolModel struct {
	table    []history
	mask     uint32
	contexts int
	ctx      [maxContexts]uint64 // hashes of the contexts, set by the caller
	base     [maxContexts]uint32 // their lines
	probs    [maxContexts]historyProbs
	guesses  int
	guess    [maxGuesses]guess // set by the caller
	mixer    *mixer
	sel      [2]int // sets of the mixer's weights, set by the caller
	apms     [2]apm
	apmCtx   int // set by the caller, less than 256
}

const (
	maxContexts = 16
	maxGuesses  = 6
	// guessConfs is the number of states of confidence of a guess.
	guessConfs = 128
	// symbolLimit bounds the memory of adaptive probabilities.
	symbolLimit = 255
)

// A guess says what the whole symbol may be.
type guess struct {
	sym   int                      // or -1
	conf  int                      // what is known of the guess, less than guessConfs
	probs [guessConfs]adaptiveProb // that a bit is right
	cur   *adaptiveProb
	bit   int
}

func newSymbolModel(tableBits uint, contexts, guesses int, sets [2]int, rate int32) *symbolModel {
	m := &symbolModel{
		table:    make([]history, 1<<tableBits),
		mask:     1<<tableBits - 16,
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
	m.mixer = newMixer(inputs, [3]int{256, sets[0], sets[1]}, 65536*5/2/int32(inputs), rate)
	m.mixer.in[inputs-1] = 256
	m.apms[0].init(256*256, 6)
	m.apms[1].init(256, 6)
	return m
}

// line finds the histories of a context, or takes the place of those that
// have seen least among three.
func (m *symbolModel) line(h uint64) uint32 {
	check := history(h>>56) | 1
	t := m.table
	i := uint32(h) & m.mask
	if t[i] == check {
		return i
	}
	j := i ^ 16
	if t[j] == check {
		return j
	}
	k := i ^ 32
	if t[k] == check {
		return k
	}
	a, b, c := stateTotal[t[i+1]], stateTotal[t[j+1]], stateTotal[t[k+1]]
	if b < a {
		i, a = j, b
	}
	if c < a {
		i = k
	}
	l := t[i : i+16 : i+16]
	clear(l)
	l[0] = check
	return i
}

// code codes sym in the contexts that are set, or decodes it.
func (m *symbolModel) code(c *binaryCoder, sym int) int {
	node := 1 // of the tree of the whole symbol
	for left := uint(8); left > 0; {
		if left&3 == 0 {
			for i := range m.ctx[:m.contexts] {
				h := m.ctx[i]
				if left == 4 {
					h = hash(h, uint64(node))
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
	in := &m.mixer.in
	nc := m.contexts
	for i := range m.base[:nc] {
		s := m.table[m.base[i]+sub]
		in[i] = 0
		if s != 0 {
			in[i] = stretch(m.probs[i][s].p16())
		}
	}
	for i := range m.guess[:m.guesses] {
		g := &m.guess[i]
		g.cur = nil
		in[nc+i] = 0
		if g.sym >= 0 && (g.sym|256)>>(left+1) == node {
			g.bit = g.sym >> left & 1
			g.cur = &g.probs[g.conf]
			st := stretch(g.cur.p16())
			if g.bit == 0 {
				st = -st
			}
			in[nc+i] = st
		}
	}
	st := m.mixer.mix(node, m.sel[0], m.sel[1])
	p := 2*squash(st) + m.apms[0].refine(st, m.apmCtx<<8|node) + m.apms[1].refine(st, node)
	return max(16, min(65536-16, p>>2))
}

func (m *symbolModel) update(bit int, sub uint32) {
	for i := range m.base[:m.contexts] {
		h := &m.table[m.base[i]+sub]
		if *h != 0 {
			m.probs[i][*h].update(bit, symbolLimit)
		}
		*h = nextState[*h][bit&1]
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
