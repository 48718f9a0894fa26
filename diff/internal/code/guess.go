package code

// guessTables remember which difference came last in a context, and how often
// in a row: the same substitution is made again and again.
type guessTables struct {
	n int
	// An entry is a check of 20 bits, a count of 4, and the difference.
	tables [maxGuesses][]uint32
	slots  [maxGuesses]*uint32
	loaded bool
	// probs say, by count and run, how far to trust a guess on whether a byte
	// differs at all.
	probs [maxGuesses][guessConfs]adaptiveProb
	conf  [maxGuesses]int // count and run, or -1
}

const guessBits = 16

func (g *guessTables) init(n int) {
	g.n = n
	for i := range n {
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
	for i, h := range ctx[:g.n] {
		s := &g.tables[i][h>>(64-guessBits)]
		g.slots[i] = s
		if *s>>12 != uint32(h)&0xfffff {
			*s = uint32(h) << 12
		}
		g.conf[i] = -1
		if n := int(*s >> 8 & 15); n > 0 {
			g.conf[i] = n<<2 | run
		}
	}
	g.loaded = true
}

// sym is guess i, which may be 0.
func (g *guessTables) sym(i int) int { return int(*g.slots[i] & 0xff) }

// inputs gives what the guesses say on whether the byte differs, and how much
// the best is worth, less than 32.
func (g *guessTables) inputs(in []int32) (best int) {
	for i := range g.n {
		in[i] = 0
		c := g.conf[i]
		if c < 0 {
			continue
		}
		st := stretch(g.probs[i][c].p16())
		worth := c >> 2 << 1
		if g.sym(i) == 0 {
			st = -st
		} else {
			worth++
		}
		in[i] = st
		best = max(best, worth)
	}
	return best
}

// learnDifferent tells whether the byte differed.
func (g *guessTables) learnDifferent(bit int) {
	for i := range g.n {
		if c := g.conf[i]; c >= 0 {
			right := 1 ^ bit
			if g.sym(i) != 0 {
				right = bit
			}
			g.probs[i][c].update(right, bitLimit)
		}
	}
}

// offer gives the guesses at a difference to its model, and tells which is
// best, or -1.
func (g *guessTables) offer(s *symbolModel) int {
	best, conf := -1, -1
	for i := range g.n {
		x := &s.guess[i]
		x.sym = -1
		if g.conf[i] < 0 || g.sym(i) == 0 {
			continue
		}
		x.sym, x.conf = g.sym(i), g.conf[i]
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
	for _, s := range g.slots[:g.n] {
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
