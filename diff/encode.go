package diff

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
)

// Encode codes the target, which is the pieces one behind the other, against
// the reference of refSize bytes. The index may be nil; otherwise it covers
// the reference or a part of it.
//
// It works in three passes over the target: one notes anchors, one finds
// operations, one codes the data. Memory is bounded: about eight times the
// bytes that are matched at once, of which there are at most some hundred
// million, and the index of the target.
func Encode(ctx context.Context, w io.Writer, target io.ReaderAt, pieces []Piece, ref io.ReaderAt, refSize int64, ix *Index, opt Options) (Stats, error) {
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
	f := &finder{space: space{ref, target, refSize}, level: opt.Level}
	if ix == nil {
		ix = newIndex(0)
	}
	self, err := indexTarget(ctx, f.space, pieces, opt)
	if err != nil {
		return Stats{}, err
	}
	f.indexes = []*Index{ix, self}
	opt.debugf("diff: %d of %d target bytes are to be matched", searched(pieces), l.target)
	if err := f.all(ctx, l, pieces, opt); err != nil {
		return Stats{}, err
	}
	opt.debugf("diff: %d operations, %d executables", len(l.ops), len(l.groups))
	if err := l.check(); err != nil {
		return Stats{}, fmt.Errorf("diff: internal error: %w", err)
	}
	var head bytes.Buffer
	if err := appendHead(&head, l, opt.Level); err != nil {
		return Stats{}, err
	}
	if _, err := w.Write(head.Bytes()); err != nil {
		return Stats{}, err
	}
	return newTally(l, pieces, head.Len()).data(ctx, w, f.space, opt)
}

// indexTarget notes the anchors of what may be repeated in the target, by
// address.
func indexTarget(ctx context.Context, s space, pieces []Piece, opt Options) (*Index, error) {
	var list []Extent
	at := s.refSize
	for _, p := range pieces {
		if p.Same < 0 && p.Len > tiny {
			list = append(list, Extent{at, p.Len})
		}
		at += p.Len
	}
	return NewIndex(ctx, s, s.merge(list), opt)
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
	pieces []Piece
	off    int64 // in the target
	weight int64
	done   chan found
}

// found is what a job has found.
type found struct {
	ops    []op
	groups []group
}

const (
	// jobSize is the number of target bytes from which on a job is full.
	jobSize = 1 << 20
	// sameShare is how many times faster two runs are compared than matched.
	sameShare = 16
	// matchMemory bounds what all jobs together may hold at a time.
	matchMemory = 640 << 20
)

// all finds the operations of all pieces, in order.
func (f *finder) all(ctx context.Context, l *layout, pieces []Piece, opt Options) error {
	workers := opt.workers()
	memory := semaphore.NewWeighted(matchMemory)
	jobs, order := make(chan *job), make(chan *job, 64)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(jobs)
		defer close(order)
		off := int64(0)
		for len(pieces) > 0 {
			j := nextJob(pieces, off)
			pieces = pieces[len(j.pieces):]
			off += j.size()
			if err := memory.Acquire(ctx, j.weight); err != nil {
				return err
			}
			for _, c := range []chan *job{order, jobs} {
				select {
				case c <- j:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		}
		return nil
	})
	for range workers {
		g.Go(func() error {
			for j := range jobs {
				var r found
				if err := f.job(ctx, j, &r); err != nil {
					return err
				}
				memory.Release(j.weight)
				j.done <- r
			}
			return nil
		})
	}
	g.Go(func() error {
		var list opList
		for j := range order {
			select {
			case r := <-j.done:
				list.append(r.ops)
				l.groups = append(l.groups, r.groups...)
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		l.ops = list.ops
		return nil
	})
	return g.Wait()
}

// nextJob takes pieces from the front of the list.
func nextJob(pieces []Piece, off int64) *job {
	j := &job{off: off, done: make(chan found, 1)}
	var size, weight int64
	for _, p := range pieces {
		n := p.weight()
		if len(j.pieces) > 0 && (size >= jobSize || weight+n > matchMemory/4 || len(j.pieces) >= 4096) {
			break
		}
		j.pieces = append(j.pieces, p)
		if p.Same < 0 {
			size += p.Len
		} else {
			size += p.Len / sameShare
		}
		weight = max(weight, n)
	}
	j.weight = min(max(weight, 1), matchMemory)
	return j
}

func (j *job) size() (n int64) {
	for _, p := range j.pieces {
		n += p.Len
	}
	return n
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
	old = min(old, maxOld)
	index := 4 * old
	if old > largeOld {
		index = 2*old + 64<<20
	}
	return 2*min(p.Len, maxNew) + 2*old + index
}

func (f *finder) job(ctx context.Context, j *job, r *found) error {
	var list opList
	off := j.off
	for _, p := range j.pieces {
		if err := ctx.Err(); err != nil {
			return err
		}
		part, err := f.piece(p, off)
		if err != nil {
			return err
		}
		list.append(part.ops)
		r.groups = append(r.groups, part.groups...)
		off += p.Len
	}
	r.ops = list.ops
	return nil
}
