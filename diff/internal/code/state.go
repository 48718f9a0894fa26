package code

// A bit history is one byte that stands for the bits seen in a context: all of
// them while there are few, later how many were 0 and 1, not exactly, and which
// came last. What it means for the next bit is learned (see adaptive
// probabilities in mixer.go). The idea of such states is the paq family's; the
// table is generated here.

// history is the number of a state; 0 has seen nothing.
type history = uint8

var nextState [256][2]history

// stateTotal is how many bits a state stands for, roughly: its worth when
// another context wants the place.
var stateTotal [256]uint8

// stateLimit[k] is the largest count of one bit beside k of the other.
var stateLimit = [...]int{41, 30, 12, 7, 6, 5}

type counts struct {
	n    [2]int
	seen int // while few: the bits with a leading 1, then 0
	last int // else: the last bit, when both were seen
}

// fewBits is the length up to which a history is exact.
const fewBits = 4

func init() {
	index := map[counts]int{}
	var states []counts
	add := func(c counts) int {
		i, ok := index[c]
		if !ok {
			i = len(states)
			index[c] = i
			states = append(states, c)
		}
		return i
	}
	add(counts{seen: 1})
	for i := 0; i < len(states); i++ {
		for y := range 2 {
			nextState[i][y] = history(add(states[i].next(y)))
		}
		n := states[i].n
		stateTotal[i] = uint8(n[0] + n[1])
		initialProb[i] = probOf(uint32((n[1]*2+1)<<22/(2*(n[0]+n[1])+2)), 0)
	}
	if len(states) > 256 {
		panic("code: too many states")
	}
}

func (c counts) next(y int) counts {
	if c.seen != 0 && c.n[0]+c.n[1] < fewBits {
		c.n[y]++
		c.seen = c.seen<<1 | y
		return c
	}
	c.seen = 0
	// What was seen often and fails now is worth less.
	if o := c.n[1-y]; o > 2 {
		c.n[1-y] = discounted[min(o, len(discounted)-1)]
	}
	c.n[y]++
	for c.n[y] > stateLimit[min(c.n[1-y], len(stateLimit)-1)] ||
		c.n[1-y] > stateLimit[min(c.n[y], len(stateLimit)-1)] {
		if c.n[y] >= c.n[1-y] {
			c.n[y]--
		} else {
			c.n[1-y]--
		}
	}
	c.last = y
	if c.n[0] == 0 || c.n[1] == 0 {
		c.last = 0
	}
	return c
}

var discounted = [...]int{0, 1, 2, 3, 3, 4, 5, 5, 6, 6, 6, 6, 6, 7}
