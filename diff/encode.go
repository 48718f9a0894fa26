package diff

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/docker-delta/docker-delta/diff/internal/code"
)

// Encode codes the target, which is the pieces one behind the other, against
// the reference of refSize bytes. What a piece's candidates leave is looked for
// in the runs of the reference in search, and in the target itself.
//
// It finds operations from candidates first, then from elsewhere, and then codes
// the data. Memory is bounded: about eight times the bytes that are matched at
// once, of which there are at most some hundred million.
func Encode(ctx context.Context, w io.Writer, target io.ReaderAt, pieces []Piece, ref io.ReaderAt, refSize int64, search []Extent, opt Options) (Stats, error) {
	l := &layout{refSize: refSize}
	for i, p := range pieces {
		if p.Len < 0 || p.Same >= 0 && p.Same > refSize-p.Len {
			return Stats{}, fmt.Errorf("diff: piece %d of %d bytes at %d", i, p.Len, p.Same)
		}
		for _, e := range p.Candidates {
			if e.Off < 0 || e.Len < 0 || e.Len > refSize-e.Off {
				return Stats{}, fmt.Errorf("diff: piece %d has a candidate of %d bytes at %d", i, e.Len, e.Off)
			}
		}
		l.target += p.Len
	}
	f := &finder{space: space{ref, target, refSize}, level: opt.Level, workers: opt.workers(), pieces: pieces, memory: newMemory()}
	opt.debugf("diff: %d of %d target bytes are to be matched", searched(pieces), l.target)
	if err := f.fill(ctx, l, search, opt); err != nil {
		return Stats{}, err
	}
	opt.debugf("diff: %d operations, %d executables", len(l.ops), len(l.groups))
	if err := l.check(); err != nil {
		return Stats{}, fmt.Errorf("diff: internal error: %w", err)
	}
	return newTally(l, opt.Shares).code(ctx, w, f.space, opt)
}

// searched counts the bytes of pieces for which operations are looked for.
func searched(pieces []Piece) (n int64) {
	for _, p := range pieces {
		if p.Same < 0 {
			n += p.Len
		}
	}
	return n
}

// job is a run of pieces that one goroutine works on.
type job struct {
	from, to int   // indexes of the pieces
	off      int64 // in the target
}

const (
	// jobSize is the number of target bytes from which on a job is full.
	jobSize = 1 << 20
	// jobPieces is the number of pieces from which on a job is full.
	jobPieces = 4096
)

// jobs cuts a list of pieces into jobs.
func jobs(pieces []Piece) (list []job) {
	off, size, begin := int64(0), int64(0), int64(0)
	from := 0
	for i, p := range pieces {
		off += p.Len
		if p.Same < 0 {
			size += p.Len
		}
		if size >= jobSize || i+1-from >= jobPieces || i+1 == len(pieces) {
			list = append(list, job{from, i + 1, begin})
			from, size, begin = i+1, 0, off
		}
	}
	return list
}

// fill finds the operations of all pieces.
func (f *finder) fill(ctx context.Context, l *layout, search []Extent, opt Options) error {
	f.found = make([]found, len(f.pieces))
	list := jobs(f.pieces)
	var matched atomic.Int64
	err := inParallel(ctx, opt.workers(), len(list), func(next func() (int, bool)) error {
		f := f.windowed(l.target) // found is shared
		for i, ok := next(); ok; i, ok = next() {
			off := list[i].off
			for k := list[i].from; k < list[i].to; k++ {
				err := f.memory.with(ctx, f.pieces[k].weight(), func() (err error) {
					f.found[k], err = f.piece(ctx, f.pieces[k], off)
					return err
				})
				if err != nil {
					return err
				}
				off += f.pieces[k].Len
			}
			opt.progress(Matching, matched.Add(off-list[i].off), l.target)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := f.fillGaps(ctx, search, opt); err != nil {
		return err
	}
	var ops opList
	for i, r := range f.found {
		if n := f.pieces[i].Len - 2*code.EqualBorder; r.same && n > code.EqualBorder {
			l.equal = append(l.equal, Extent{ops.at + code.EqualBorder, n})
		}
		ops.append(r.ops)
		l.groups = append(l.groups, r.groups...)
	}
	l.ops, f.found = ops.ops, nil
	return nil
}

// found is what has been found for a piece.
type found struct {
	ops    []op
	groups []group
	same   bool // all of it is copied as it is
}

// weight estimates the memory that matching the piece takes.
func (p Piece) weight() int64 {
	if p.Same >= 0 {
		return 0
	}
	var old int64
	for _, e := range p.Candidates {
		old += e.Len
	}
	return 2*min(p.Len, maxNew) + matchWeight(min(old, maxOld))
}

// matchWeight estimates the memory that it takes to match against so many bytes.
func matchWeight(old int64) int64 {
	if old > largeOld {
		return 4*old + 64<<20
	}
	return 6 * old
}
