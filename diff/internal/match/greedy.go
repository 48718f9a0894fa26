package match

import (
	"encoding/binary"
	"math/bits"
	"sync"
)

// The greedy way to match follows one alignment as long as it is of use, and
// takes the first other one that a sparse table of seeds proposes then. It makes
// no plan: an operation more here and there, for a tenth of the time.

const (
	// window is the number of bytes behind a difference of which at least half
	// have to be equal for an alignment to go on.
	window = 32
	// resume is the length of a gap over which an alignment goes on.
	resume = 64
	// minNear and minFar are the least matches that make an operation: near the
	// alignment before, and anywhere.
	minNear = 12
	minFar  = 20
	// doubtful is the number of equal bytes in a window below which another
	// alignment is looked for that serves better: for minBetter bytes more.
	doubtful  = 28
	minBetter = 8
	// minAlike is the number of equal bytes out of wide that make a short match
	// worth an operation.
	wide     = 48
	minAlike = 30
	// What an equal byte of a copy is worth more than a literal, and one that
	// differs less, in some measure. A run is not followed further back once it
	// has lost giveUp.
	gainEqual  = 7
	gainDiffer = 5
	giveUp     = 80
	// nearby is how near an alignment is near.
	nearby = 1 << 12
	// haste is the number of places without a match, as a power of two, after
	// which one place more is passed over each time.
	haste = 6
)

// sparse finds places of a text by eight bytes. Of the places with one hash value
// it knows the last.
type sparse struct {
	shift uint
	at    []uint32 // place + 1, or 0
}

var sparseMemory = sync.Pool{New: func() any { return new([]uint32) }}

func newSparse(text []byte) *sparse {
	n := len(text) - seedLen + 1
	if n < 1 {
		return nil
	}
	step := 4
	if n > 1<<22 {
		step = 8
	}
	width := min(max(bits.Len(uint(n/step)), 8), 24)
	t := &sparse{shift: uint(64 - width)}
	buf := sparseMemory.Get().(*[]uint32)
	if cap(*buf) < 1<<width {
		*buf = make([]uint32, 1<<width)
	}
	t.at = (*buf)[:1<<width]
	clear(t.at)
	for i := 0; i < n; i += step {
		t.at[hashAt(text[i:], t.shift)] = uint32(i) + 1
	}
	return t
}

// lazySparse makes the table when it is first asked for: many texts hardly
// differ and need none.
type lazySparse struct {
	once  sync.Once
	table *sparse
}

func (l *lazySparse) of(text []byte) *sparse {
	l.once.Do(func() { l.table = newSparse(text) })
	return l.table
}

// free gives the memory of the table back.
func (l *lazySparse) free() {
	l.once.Do(func() {})
	if l.table != nil {
		sparseMemory.Put(&l.table.at)
		l.table = nil
	}
}

// greedy matches new against old.
type greedy struct {
	old, new []byte
	seeds    *lazySparse
	ops      []Op
	done     int // bytes of new that are covered
}

// run is a part of the new text, new[from:to], that is found at an alignment.
type run struct{ from, to, delta int }

// match covers all of new, which is expected at a place of old.
func (g *greedy) match(at int) []Op {
	r := run{delta: at}
	for {
		end, next := g.follow(r.to, r.delta)
		if next.to == 0 {
			next = g.search(end, r.delta)
		}
		if next.to == 0 {
			g.copy(r.from, end, r.delta)
			break
		}
		if next.delta == r.delta && next.from-end <= resume && end > 0 {
			// The same alignment goes on over a short gap, with differences.
			r.to = next.to
			continue
		}
		end, next.from = g.border(r, end, next)
		g.copy(r.from, end, r.delta)
		g.literal(next.from)
		r = next
	}
	g.literal(len(g.new))
	return g.ops
}

// border moves the start of a run back to where it serves better than what is
// before: the run was, which goes on up to end, and a literal behind it. It
// returns where that run ends, and where the next begins.
func (g *greedy) border(was run, end int, next run) (int, int) {
	best, from, score := 0, next.from, 0
	lo := max(was.from, next.from-maxBack, -next.delta)
	for i := next.from - 1; i >= lo && score > best-giveUp; i-- {
		gain := -gainDiffer
		if g.old[i+next.delta] == g.new[i] {
			gain = gainEqual
		}
		if i < end {
			if g.old[i+was.delta] == g.new[i] {
				gain -= gainEqual
			} else {
				gain += gainDiffer
			}
		}
		if score += gain; score > best {
			best, from = score, i
		}
	}
	return min(end, from), from
}

// copy covers new[from:to] by a copy.
func (g *greedy) copy(from, to, delta int) {
	if to <= from {
		return
	}
	g.done = to
	if k := len(g.ops) - 1; k >= 0 && g.ops[k].Lit == 0 && g.ops[k].Old+g.ops[k].Len == from+delta {
		g.ops[k].Len += to - from
		return
	}
	g.ops = append(g.ops, Op{Len: to - from, Old: from + delta})
}

// literal covers new up to a place by a literal.
func (g *greedy) literal(to int) {
	if to <= g.done {
		return
	}
	if len(g.ops) == 0 {
		g.ops = append(g.ops, Op{})
	}
	g.ops[len(g.ops)-1].Lit += to - g.done
	g.done = to
}

// follow returns how far the alignment is of use from a place on, which ends
// with an equal byte, and perhaps a run of another one that serves better there.
func (g *greedy) follow(at, delta int) (int, run) {
	end := min(len(g.new), len(g.old)-delta)
	if at >= end || at+delta < 0 {
		return at, run{}
	}
	for i := at; ; {
		n := common(g.old[i+delta:end+delta], g.new[i:end])
		if i += n; n > 0 {
			at = i
		}
		if end-i < window {
			return at, run{}
		}
		equal := 0
		for k := 0; k < window; k += 8 {
			equal += equalBytes(binary.LittleEndian.Uint64(g.old[i+delta+k:]) ^ binary.LittleEndian.Uint64(g.new[i+k:]))
		}
		if equal < window/2 {
			return at, run{}
		}
		if equal < doubtful {
			if r := g.better(at, i, delta); r.to > 0 {
				return at, r
			}
		}
		// The window ends with what is equal there, or goes on.
		i += window
		for k := i; k > at; k-- {
			if g.old[k-1+delta] == g.new[k-1] {
				at = k
				break
			}
		}
	}
}

// better looks into the window from i on for a run of another alignment that
// serves better there.
func (g *greedy) better(at, i, delta int) run {
	t := g.seeds.of(g.old)
	if t == nil {
		return run{}
	}
	for k := i; k <= i+window-seedLen; k++ {
		v := binary.LittleEndian.Uint64(g.new[k:])
		if binary.LittleEndian.Uint64(g.old[k+delta:]) == v {
			continue
		}
		p := int(t.at[v*seedFactor>>t.shift]) - 1
		if p < 0 || binary.LittleEndian.Uint64(g.old[p:]) != v {
			continue
		}
		from, to := g.extend(at, k, p-k)
		if to-from < minFar {
			continue
		}
		if e := min(to, len(g.old)-delta); e > from && equalCount(g.old[from+delta:e+delta], g.new[from:e])+minBetter <= to-from {
			return run{from, to, p - k}
		}
	}
	return run{}
}

// equalBytes counts the zero bytes of x.
func equalBytes(x uint64) int {
	const low = 0x7f7f7f7f7f7f7f7f
	return bits.OnesCount64(^((x&low + low) | x | low))
}

// search finds the next run behind a place, if there is one.
func (g *greedy) search(at, delta int) run {
	t := g.seeds.of(g.old)
	if t == nil {
		return run{}
	}
	misses := 0
	for i := at; i+seedLen <= len(g.new); i += 1 + misses>>haste {
		misses++
		v := binary.LittleEndian.Uint64(g.new[i:])
		if o := i + delta; o >= 0 && o+seedLen <= len(g.old) && binary.LittleEndian.Uint64(g.old[o:]) == v {
			if from, to := g.extend(at, i, delta); to-from >= minNear {
				return run{from, to, delta}
			}
		}
		p := int(t.at[v*seedFactor>>t.shift]) - 1
		if p < 0 || binary.LittleEndian.Uint64(g.old[p:]) != v {
			continue
		}
		d := p - i
		from, to := g.extend(at, i, d)
		if n := to - from; n >= minFar || n >= minNear && abs(d-delta) < nearby || g.alike(to, d) {
			return run{from, to, d}
		}
	}
	return run{}
}

// alike tells whether most bytes behind a place are equal under an alignment.
func (g *greedy) alike(at, delta int) bool {
	o := at + delta
	if at+wide > len(g.new) || o+wide > len(g.old) {
		return false
	}
	equal := 0
	for k := 0; k < wide; k += 8 {
		equal += equalBytes(binary.LittleEndian.Uint64(g.old[o+k:]) ^ binary.LittleEndian.Uint64(g.new[at+k:]))
	}
	return equal >= minAlike
}

// extend returns the run around new[i] that is equal under an alignment, not
// before a place.
func (g *greedy) extend(at, i, delta int) (from, to int) {
	to = i + common(g.old[i+delta:], g.new[i:])
	for from = i; from > at && from+delta > 0 && g.old[from-1+delta] == g.new[from-1]; from-- {
	}
	return from, to
}
