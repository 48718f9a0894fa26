package diff

import (
	"fmt"
	"math"

	"github.com/docker-delta/docker-delta/diff/internal/predict"
)

const (
	// frameSize is the run of target bytes that is coded and decoded at once. A
	// copy out of the target itself reaches back at least so far.
	frameSize = 1 << 20
	// chunkSize is the run of bytes after which a model of a group learns.
	chunkSize = 8 << 10
	// aroundMax bounds the reference bytes that are shown for a literal.
	aroundMax = 64 << 10
	// beforeLen is how much of the target before a literal is shown.
	beforeLen = 32
)

// group is a target file whose bytes are predicted from an old file by a model.
type group struct {
	new    Extent // in the target
	old    Extent // in the address space
	params []byte
	size   int // of params
}

// layout is a target as operations: what encoder and decoder agree on before
// the first byte of data.
type layout struct {
	refSize, target int64
	ops             []op
	groups          []group
	// equal, known when encoding only, lists long runs of the target that are
	// copied as they are, without what is near their borders. They need not be read.
	equal []Extent
}

// check tells whether the layout can be executed: operations cover the target
// and copy only what exists by then.
func (l *layout) check() error {
	at := int64(0)
	for i, o := range l.ops {
		if o.Len < 0 || o.Lit < 0 || o.Len > l.target-at || o.Lit > l.target-at-o.Len {
			return fmt.Errorf("%w: operation %d does not fit the target", ErrCorrupt, i)
		}
		if o.Len+o.Lit == 0 || o.Len == 0 && i > 0 {
			return fmt.Errorf("%w: operation %d does nothing", ErrCorrupt, i)
		}
		if o.Len > 0 && !l.readable(Extent{o.Old, o.Len}, at) {
			return fmt.Errorf("%w: operation %d copies %d bytes from %d", ErrCorrupt, i, o.Len, o.Old)
		}
		at += o.Len + o.Lit
	}
	if at != l.target {
		return fmt.Errorf("%w: operations cover %d of %d bytes", ErrCorrupt, at, l.target)
	}
	at = 0
	for i, g := range l.groups {
		if g.new.Off < at || g.new.Len <= 0 || g.new.Len > l.target-g.new.Off ||
			g.old.Off < 0 || g.old.Len <= 0 || g.old.Len > l.refSize-g.old.Off {
			return fmt.Errorf("%w: group %d is out of place", ErrCorrupt, i)
		}
		at = g.new.End()
	}
	return nil
}

// readable tells whether a copy to the target offset at may read e: inside the
// reference, or inside the target and at least a frame back.
func (l *layout) readable(e Extent, at int64) bool {
	if e.Off < 0 || e.Len < 0 || e.Off > math.MaxInt64-e.Len {
		return false
	}
	if e.Off < l.refSize {
		return e.End() <= l.refSize
	}
	return e.Off-l.refSize <= at-frameSize
}

// segment is the part of an operation, copy or literal, in one frame.
type segment struct {
	at, n  int64
	old    int64        // address of a copy, or -1
	group  *group       // that predicts the copy, or nil
	copies []predict.Op // all of the group, where its model starts
	look   int64        // bytes of the copy behind the segment, for the model
	hint   Extent       // of a literal: the reference behind the copy before it
}

func (s segment) literal() bool { return s.old < 0 }

// walker goes through a layout frame by frame.
type walker struct {
	l     *layout
	at    int64 // target offset
	op    int
	in    int64 // bytes of the operation that are done
	group int
	begun int // groups up to here have started
	segs  []segment
}

// frame returns the segments of the next frame, or nil at the end. They are
// valid until the next call.
func (w *walker) frame() []segment {
	w.segs = w.segs[:0]
	start := w.at
	end := min(start+frameSize, w.l.target)
	for w.at < end {
		o := w.l.ops[w.op]
		if w.in == o.Len+o.Lit {
			w.op++
			w.in = 0
			continue
		}
		var s segment
		if w.in < o.Len {
			s = w.copy(o, end)
		} else {
			s = w.literal(o, start, end)
		}
		w.segs = append(w.segs, s)
		w.at += s.n
		w.in += s.n
	}
	if len(w.segs) == 0 {
		return nil
	}
	return w.segs
}

func (w *walker) copy(o op, end int64) segment {
	s := segment{at: w.at, n: min(end-w.at, o.Len-w.in), old: o.Old + w.in}
	for w.group < len(w.l.groups) && w.l.groups[w.group].new.End() <= w.at {
		w.group++
	}
	if w.group == len(w.l.groups) {
		return s
	}
	g := &w.l.groups[w.group]
	if w.at < g.new.Off {
		s.n = min(s.n, g.new.Off-w.at)
		return s
	}
	rest := min(o.Len-w.in, g.new.End()-w.at) // of the copy in this group
	from := max(w.at-w.in, g.new.Off)         // where that part of it begins
	s.n = min(s.n, rest)
	if c := (Extent{s.old - (w.at - from), w.at - from + rest}); c.Off >= g.old.Off && c.End() <= g.old.End() {
		s.group = g
		s.look = min(rest-s.n, predict.Lookahead)
		if w.begun <= w.group {
			// No earlier operation has a part in this group.
			s.copies = w.l.copies(g, w.op, w.at-w.in)
			w.begun = w.group + 1
		}
	}
	return s
}

func (w *walker) literal(o op, start, end int64) segment {
	s := segment{at: w.at, n: min(end-w.at, o.Len+o.Lit-w.in), old: -1}
	if o.Len == 0 {
		return s
	}
	limit := w.l.refSize
	if o.Old >= limit {
		limit += start
	}
	s.hint.Off = o.Old + w.in
	s.hint.Len = max(min(s.n+beforeLen, aroundMax, limit-s.hint.Off), 0)
	return s
}

// copies lists the parts of operations that the group's model predicts,
// relative to both files. It starts at the operation with index first, which
// covers the target from at.
func (l *layout) copies(g *group, first int, at int64) []predict.Op {
	var list []predict.Op
	for _, o := range l.ops[first:] {
		if at >= g.new.End() {
			break
		}
		from, to := max(at, g.new.Off), min(at+o.Len, g.new.End())
		old := o.Old + from - at
		if from < to && old >= g.old.Off && old+to-from <= g.old.End() {
			list = append(list, predict.Op{New: from - g.new.Off, Old: old - g.old.Off, Len: to - from})
		}
		at += o.Len + o.Lit
	}
	return list
}
