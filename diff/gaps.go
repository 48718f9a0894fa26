package diff

import (
	"context"
	"sort"

	"github.com/docker-delta/docker-delta/diff/internal/match"
)

const (
	// minGap is the least literal that is looked for elsewhere.
	minGap = 48
	// maxGapOld bounds the bytes from elsewhere that a piece is matched with.
	maxGapOld = 64 << 20
	// placeReach is how far around an anchor bytes are taken.
	placeReach = 16 << 10
	placeSlack = 256
)

// gap is a piece that has long literals.
type gap struct {
	piece    int
	off      int64    // of the piece, in the target
	literals []Extent // of the target
}

// gaps lists the pieces that have long literals.
func (f *finder) gaps() (list []gap) {
	off := int64(0)
	for i, r := range f.found {
		g, at := gap{piece: i, off: off}, off
		for _, o := range r.ops {
			at += o.Len
			if o.Lit >= minGap {
				g.literals = append(g.literals, Extent{at, o.Lit})
			}
			at += o.Lit
		}
		if len(g.literals) > 0 {
			list = append(list, g)
		}
		off += f.pieces[i].Len
	}
	return list
}

// fillGaps looks for the long literals that candidates left.
func (f *finder) fillGaps(ctx context.Context, search []Extent, opt Options) error {
	gaps := f.gaps()
	var literals []Extent
	for _, g := range gaps {
		literals = append(literals, g.literals...)
	}
	opt.debugf("diff: %d bytes of %d pieces are looked for in %d bytes elsewhere", sum(literals), len(gaps), sum(search))
	if len(gaps) == 0 {
		return nil
	}
	all := newElsewhere(sum(literals))
	if err := f.wantAll(ctx, all, literals, opt.workers()); err != nil {
		return err
	}
	if err := all.scan(ctx, f.space, search, opt.workers()); err != nil {
		return err
	}
	return inParallel(ctx, opt.workers(), len(gaps), func(next func() (int, bool)) error {
		for i, ok := next(); ok; i, ok = next() {
			if err := f.fillGap(ctx, gaps[i], all); err != nil {
				return err
			}
		}
		return nil
	})
}

// wantAll notes the anchors of literals as looked for, in their order.
func (f *finder) wantAll(ctx context.Context, all *elsewhere, literals []Extent, workers int) error {
	const batch = 1 << 20 // anchors that are held at a time, about
	for len(literals) > 0 {
		n, size := 0, int64(0)
		for n < len(literals) && size < batch<<all.rate {
			size += literals[n].Len
			n++
		}
		lists := make([][]anchor, n)
		err := inParallel(ctx, workers, n, func(next func() (int, bool)) error {
			for i, ok := next(); ok; i, ok = next() {
				err := f.eachAnchor(literals[i], all.rate, func(a anchor) { lists[i] = append(lists[i], a) })
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, list := range lists {
			for _, a := range list {
				all.want(a)
			}
		}
		literals = literals[n:]
	}
	return nil
}

func sum(list []Extent) (n int64) {
	for _, e := range list {
		n += e.Len
	}
	return n
}

// eachAnchor calls visit for the anchors of a run of the target, with addresses
// in the space.
func (f *finder) eachAnchor(run Extent, rate uint, visit func(anchor)) error {
	var list []anchor
	buf := make([]byte, min(run.Len, elsewhereChunk))
	for run.Len >= anchorSpan {
		b := buf[:min(run.Len, elsewhereChunk)]
		if err := readFull(f.target, b, run.Off); err != nil {
			return err
		}
		list = appendAnchors(list[:0], b, f.refSize+run.Off, rate)
		for _, a := range list {
			visit(a)
		}
		// What comes next overlaps by a span, so that no anchor falls between.
		n := int64(len(b)) - (anchorSpan - 1)
		run.Off, run.Len = run.Off+n, run.Len-n
	}
	return nil
}

// fillGap replaces the long literals of a piece by what is found elsewhere.
func (f *finder) fillGap(ctx context.Context, g gap, all *elsewhere) error {
	places, err := f.places(g, all)
	if err != nil || len(places) == 0 {
		return err
	}
	longest := int64(0)
	for _, lit := range g.literals {
		longest = max(longest, lit.Len)
	}
	weight := 2*min(longest, maxNew) + matchWeight(min(sum(places), maxGapOld))
	return f.memory.with(ctx, weight, func() error {
		old, err := f.collect(places, maxGapOld)
		if err != nil {
			return err
		}
		m := match.New(old.bytes, f.matching(len(old.bytes)))
		defer m.Close()
		var list opList
		for _, o := range f.found[g.piece].ops {
			list.copy(o.Old, o.Len)
			if o.Lit < minGap {
				list.literal(o.Lit)
				continue
			}
			for n := o.Lit; n > 0; {
				data := make([]byte, min(n, maxNew))
				if err := readFull(f.target, data, g.off+list.at); err != nil {
					return err
				}
				for _, c := range m.Match(data, 0) {
					old.ops(&list, c.Old, c.Len)
					list.literal(int64(c.Lit))
				}
				n -= int64(len(data))
			}
		}
		f.found[g.piece].ops = list.ops
		return nil
	})
}

// places lists the extents where anchors of the long literals of a piece have
// been seen: in the reference, or in the target at least a frame before the piece.
func (f *finder) places(g gap, all *elsewhere) ([]Extent, error) {
	limit := f.refSize + max(g.off-frameSize, 0)
	var list []Extent
	for _, lit := range g.literals {
		start := f.refSize + lit.Off
		err := f.eachAnchor(lit, all.rate, func(a anchor) {
			p := all.find(a.hash)
			if p < 0 || p > limit {
				return
			}
			from := p - min(a.at-start+placeSlack, placeReach)
			to := p + min(start+lit.Len-a.at+placeSlack, placeReach)
			if p <= f.refSize {
				to = min(to, f.refSize)
			} else {
				from, to = max(from, f.refSize), min(to, limit)
			}
			if from = max(from, 0); from < to {
				list = append(list, Extent{from, to - from})
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return f.merge(list), nil
}

// merge sorts extents and joins those that touch, on one side of the border
// between reference and target.
func (s space) merge(list []Extent) []Extent {
	sort.Slice(list, func(i, j int) bool { return list[i].Off < list[j].Off })
	var out []Extent
	for _, e := range list {
		if k := len(out) - 1; k >= 0 && e.Off <= out[k].End() && (e.Off != s.refSize || out[k].Off == e.Off) {
			out[k].Len = max(out[k].End(), e.End()) - out[k].Off
			continue
		}
		out = append(out, e)
	}
	return out
}
