package diff

import (
	"context"
	"fmt"
	"io"
	"math/bits"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// Index finds content anywhere in a reference by sampled anchors. Its memory
// is bounded: about an eighth of the reference for small ones, and never more
// than 512 MiB; larger references are sampled more thinly.
type Index struct {
	rate  uint
	limit int64 // all offsets are below
	used  int
	slots []uint64 // tag<<40 | offset+1, or 0
}

const (
	indexChunk    = 1 << 20
	indexMaxSlots = 1 << 26
	indexOffset   = 40 // bits of an offset
)

// NewIndex reads the extents of the reference and notes their anchors.
func NewIndex(ctx context.Context, ref io.ReaderAt, extents []Extent, opt Options) (*Index, error) {
	var total int64
	for _, e := range extents {
		total += e.Len
	}
	ix := newIndex(total)
	return ix, ix.Add(ctx, ref, extents, opt)
}

// newIndex makes room for the anchors of total bytes.
func newIndex(total int64) *Index {
	rate := uint(5)
	for total>>rate > indexMaxSlots/2 {
		rate++
	}
	size := max(total>>rate*3/2, 1<<8)
	return &Index{rate: rate, slots: make([]uint64, 1<<bits.Len64(uint64(size)))}
}

// Add notes the anchors of more extents, in their order: what is found first
// stays.
func (ix *Index) Add(ctx context.Context, ref io.ReaderAt, extents []Extent, opt Options) error {
	type job struct {
		part Extent
		out  chan []anchor
	}
	workers := opt.workers()
	jobs, order := make(chan job), make(chan job, 2*workers)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(jobs)
		defer close(order)
		for _, e := range extents {
			if e.Off < 0 || e.Len < 0 || e.End() >= 1<<indexOffset {
				return fmt.Errorf("diff: extent of %d bytes at %d", e.Len, e.Off)
			}
			for off := e.Off; off < e.End(); off += indexChunk {
				// Overlap by a span, so that no anchor falls between.
				n := min(indexChunk+anchorSpan-1, e.End()-off)
				j := job{Extent{off, n}, make(chan []anchor, 1)}
				select {
				case order <- j:
				case <-ctx.Done():
					return ctx.Err()
				}
				select {
				case jobs <- j:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		}
		return nil
	})
	for range workers {
		g.Go(func() error {
			buf := make([]byte, indexChunk+anchorSpan)
			for j := range jobs {
				b := buf[:j.part.Len]
				if err := readFull(ref, b, j.part.Off); err != nil {
					return err
				}
				j.out <- appendAnchors(nil, b, j.part.Off, ix.rate)
			}
			return nil
		})
	}
	g.Go(func() error {
		for j := range order {
			select {
			case list := <-j.out:
				for _, a := range list {
					ix.insert(a)
				}
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	return g.Wait()
}

func (ix *Index) slot(hash uint32) (int, uint64) {
	x := uint64(hash) * 0x9E3779B97F4A7C15
	return int(x >> 38 & uint64(len(ix.slots)-1)), uint64(hash) & (1<<(64-indexOffset) - 1) << indexOffset
}

const probes = 8

func (ix *Index) insert(a anchor) {
	i, tag := ix.slot(a.hash)
	ix.limit = max(ix.limit, a.at)
	for p := range probes {
		s := &ix.slots[(i+p)&(len(ix.slots)-1)]
		if *s == 0 {
			*s = tag | uint64(a.at)
			ix.used++
			return
		}
		if *s>>indexOffset<<indexOffset == tag {
			return
		}
	}
}

// find returns the first place where an anchor was seen, or -1.
func (ix *Index) find(hash uint32) int64 {
	i, tag := ix.slot(hash)
	for p := range probes {
		s := ix.slots[(i+p)&(len(ix.slots)-1)]
		if s == 0 {
			return -1
		}
		if s>>indexOffset<<indexOffset == tag {
			return int64(s & (1<<indexOffset - 1))
		}
	}
	return -1
}

func (o Options) workers() int {
	if o.Concurrency > 0 {
		return o.Concurrency
	}
	return runtime.GOMAXPROCS(0)
}

func (o Options) debugf(format string, args ...any) {
	if o.Debugf != nil {
		o.Debugf(format, args...)
	}
}

// readFull reads len(b) bytes at off; too few are an error.
func readFull(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("diff: read %d bytes at %d: %w", len(b), off, err)
}
