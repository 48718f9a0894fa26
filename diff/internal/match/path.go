package match

import (
	"math/bits"
	"slices"
)

// Costs in sixteenths of a bit, as measured on what the coders make of real
// deltas. They are averages: nothing depends on their being right.
const (
	costEqual   = 2        // a copied byte that is equal
	costDiffer  = 6 * 16   // a copied byte that differs
	costLiteral = 3*16 + 8 // a literal byte
	costJump    = 20 * 16  // an operation, without the distance of its jump
	costEnd     = 6 * 16   // a literal behind a copy
)

// state is an alignment, or the literal, that competes for the cheapest way to
// code the new text up to a place.
type state struct {
	delta   int
	to      int // the alignment is of use below
	cost    int
	start   int // of the present run in this state
	prev    int // node before that run
	node    int // of that run, or -1 as long as nobody asked
	literal bool
}

// node is a run on a way that may turn out cheapest.
type node struct {
	start, delta, prev int
	literal            bool
}

// path finds the cheapest way through the new text: Viterbi's algorithm (1967),
// where a state may be entered at any place for the cost of an operation.
type path struct {
	s      *scanner
	nodes  []node
	states []state // the first one is the literal
}

func (p *path) nodeOf(k int) int {
	t := &p.states[k]
	if t.node < 0 {
		p.nodes = append(p.nodes, node{t.start, t.delta, t.prev, t.literal})
		t.node = len(p.nodes) - 1
	}
	return t.node
}

// jump is the cost of going over from state k to an alignment.
func (p *path) jump(k, delta int) int {
	t := &p.states[k]
	from := t.delta
	if t.literal && t.prev >= 0 {
		from = p.nodes[t.prev].delta
	}
	return costJump + 16*bits.Len(uint(abs(delta-from)))
}

// enter makes state k follow state best at a place, if that is cheaper.
func (p *path) enter(k, best, at int) {
	t, b := &p.states[k], &p.states[best]
	sw := costEnd
	if !t.literal {
		if t.cost <= b.cost+costJump {
			return
		}
		sw = p.jump(best, t.delta)
	}
	if t.cost > b.cost+sw {
		t.cost = b.cost + sw
		t.start = at
		t.prev = p.nodeOf(best)
		t.node = -1
	}
}

// cover finds the cheapest operations, given where alignments may be of use.
func (s *scanner) cover(list []interval) []Op {
	p := path{s: s, states: make([]state, 1, crowd+2)}
	p.states[0] = state{literal: true, prev: -1, node: -1, to: len(s.new) + 1}
	best := 0
	for i := 0; i < len(s.new); {
		for len(list) > 0 && list[0].from <= i {
			if v := list[0]; v.to > i && !p.has(v) {
				if len(p.states) > crowd {
					best = p.evict(best)
				}
				p.states = append(p.states, state{delta: v.delta, to: v.to, cost: 1 << 60, node: -1, prev: -1})
				p.enter(len(p.states)-1, best, i)
			}
			list = list[1:]
		}
		if best == 1 && len(p.states) == 2 {
			end := p.states[1].to
			if len(list) > 0 {
				end = min(end, list[0].from)
			}
			if n := common(s.under(i, p.states[1].delta), s.new[i:end]); n >= calm {
				i += n
				p.states[1].cost += n * costEqual
				p.states[0].cost += n * costLiteral
				p.enter(0, 1, i)
				best = p.expire(i, best)
				continue
			}
		}
		best = p.step(i)
		i++
		best = p.expire(i, best)
	}
	return p.trace(best)
}

// has tells whether an alignment competes already, and keeps it longer if so.
func (p *path) has(v interval) bool {
	for k := range p.states {
		if t := &p.states[k]; !t.literal && t.delta == v.delta {
			t.to = max(t.to, v.to)
			return true
		}
	}
	return false
}

// evict drops the most expensive alignment, and returns where the cheapest
// state, which stays, is found then.
func (p *path) evict(best int) int {
	worst := -1
	for k := 1; k < len(p.states); k++ {
		if k != best && (worst < 0 || p.states[k].cost >= p.states[worst].cost) {
			worst = k
		}
	}
	p.states = slices.Delete(p.states, worst, worst+1)
	if worst < best {
		best--
	}
	return best
}

// step codes the byte at i in every state, and returns the cheapest.
func (p *path) step(i int) int {
	c := p.s.new[i]
	p.states[0].cost += costLiteral
	best, least := 0, p.states[0].cost
	for k := 1; k < len(p.states); k++ {
		t := &p.states[k]
		if p.s.old[i+t.delta] == c {
			t.cost += costEqual
		} else {
			t.cost += costDiffer
		}
		if t.cost < least {
			best, least = k, t.cost
		}
	}
	for k := range p.states {
		if k != best && p.states[k].cost > least+costEnd {
			p.enter(k, best, i+1)
		}
	}
	return best
}

// expire drops the alignments that are of no use from i on, and returns the
// cheapest state.
func (p *path) expire(i, best int) int {
	gone := false
	for k := range p.states {
		gone = gone || p.states[k].to <= i
	}
	if !gone {
		return best
	}
	// The literal always stays, and what goes can be entered no more.
	if p.states[best].to <= i {
		p.enter(0, best, i)
	}
	kept := p.states[:1]
	for _, t := range p.states[1:] {
		if t.to > i {
			kept = append(kept, t)
		}
	}
	p.states = kept
	best = 0
	for k := range kept {
		if kept[k].cost < kept[best].cost {
			best = k
		}
	}
	return best
}

// trace lists the operations of the way that ends in a state.
func (p *path) trace(best int) []Op {
	var way []node
	for n := p.nodeOf(best); n >= 0; n = p.nodes[n].prev {
		way = append(way, p.nodes[n])
	}
	var list []Op
	end := 0
	for k := len(way) - 1; k >= 0; k-- {
		end = len(p.s.new)
		if k > 0 {
			end = way[k-1].start
		}
		w := way[k]
		n := end - w.start
		switch last := len(list) - 1; {
		case n == 0:
		case w.literal && last < 0:
			list = append(list, Op{Lit: n})
		case w.literal:
			list[last].Lit += n
		case last >= 0 && list[last].Lit == 0 && list[last].Old+list[last].Len == w.start+w.delta:
			list[last].Len += n
		default:
			list = append(list, Op{Len: n, Old: w.start + w.delta})
		}
	}
	return list
}
