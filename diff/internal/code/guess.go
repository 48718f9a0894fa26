package code

// guessTables remember which difference came last in a context, and how often
// in a row: the same substitution is made again and again.
type guessTables struct {
	// An entry is a check of 20 bits, a count of 4, and the difference.
	tables [maxGuesses][]uint32
	slots  [maxGuesses]*uint32
	syms   [maxGuesses]int // the guesses, which may be 0
	loaded bool
	// probs say, by count and run, how far to trust a guess on whether a byte
	// differs at all.
	probs [maxGuesses][guessConfs]adaptiveProb
	conf  [maxGuesses]int // count and run; less than 4 means no guess
}

const guessBits = 16

func (g *guessTables) init() {
	for i := range g.tables {
		g.tables[i] = make([]uint32, 1<<guessBits)
		fill(g.probs[i][:], probOf(3<<20, 0))
	}
}

// look finds the guesses for the byte at hand.
func (g *guessTables) look(m *mixCopyCoder, next uint64) {
	p0 := next & 0xff
	run := min(m.run, 3)
	ctx := [maxGuesses]uint64{
		hash(next&0xffffffff, m.diffs&0xff<<8|uint64(run)|1<<16),
		hash(next&0xffff, m.pred&0xffff<<16|m.diffs&0xff<<40|2),
		hash(next, m.pred&0xffffff<<8|3),
		hash(p0, m.actual&0xffffff<<32|4),
		hash(p0, m.actual&0xffff<<32|m.pred&0xffff<<8|5),
		hash(m.diffs&0xffffff, 6),
	}
	// Branches on what memory says would often be mispredicted; these are moves.
	for i, h := range ctx {
		s := &g.tables[i][h>>(64-guessBits)]
		g.slots[i] = s
		e, none := *s, uint32(h)<<12
		if e>>12 != none>>12 {
			e = none
		}
		*s = e
		g.conf[i] = int(e>>8&15)<<2 | run
		g.syms[i] = int(e & 0xff)
	}
	g.loaded = true
}

// inputs gives what the guesses say on whether the byte differs, and how much
// the best is worth, less than 32.
func (g *guessTables) inputs(in []int32) (best int) {
	for i := range in {
		c := g.conf[i]
		st := stretch(g.probs[i][c&(guessConfs-1)].p16())
		worth := c >> 2 << 1
		other := -st
		if g.syms[i] == 0 {
			st = other
		}
		if c < 4 {
			st = 0
		}
		in[i] = st
		more := worth + 1
		if g.syms[i] != 0 {
			worth = more
		}
		best = max(best, worth)
	}
	return best
}

// learnDifferent tells whether the byte differed.
func (g *guessTables) learnDifferent(bit int) {
	for i := range g.slots {
		right := 1 ^ bit
		if g.syms[i] != 0 {
			right = bit
		}
		g.probs[i][g.conf[i]&(guessConfs-1)].update(right, bitLimit)
	}
}

// offer gives the guesses at a difference to its model, and tells which is
// best, or -1.
func (g *guessTables) offer(s *symbolModel) int {
	best, conf := -1, -1
	for i := range g.slots {
		x := &s.guess[i]
		x.sym = -1
		if g.conf[i] < 4 || g.syms[i] == 0 {
			continue
		}
		x.sym, x.conf = g.syms[i], g.conf[i]
		if x.conf > conf {
			best, conf = i, x.conf
		}
	}
	return best
}

// learn takes the difference into the tables, if it was looked for.
func (g *guessTables) learn(diff int) {
	if !g.loaded {
		return
	}
	g.loaded = false
	for _, s := range g.slots {
		e := *s
		switch {
		case e>>8&15 == 0 || int(e&0xff) != diff:
			e = e&^0xfff | 1<<8 | uint32(diff)
		case e>>8&15 < 15:
			e += 1 << 8
		}
		*s = e
	}
}
