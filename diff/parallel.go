package diff

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
)

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

func (o Options) progress(stage Stage, done, total int64) {
	if o.Progress != nil {
		o.Progress(stage, done, total)
	}
}

// inParallel runs the work on as many goroutines as there are workers. Each takes
// one number below n after the other by next, until there are no more, or until
// something fails or ctx ends.
func inParallel(ctx context.Context, workers, n int, work func(next func() (int, bool)) error) error {
	var taken atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for range min(workers, n) {
		g.Go(func() error {
			err := work(func() (int, bool) {
				if ctx.Err() != nil {
					return 0, false
				}
				i := int(taken.Add(1)) - 1
				return i, i < n
			})
			if err == nil {
				err = ctx.Err()
			}
			return err
		})
	}
	return g.Wait()
}

// matchMemory bounds what all matching at a time may hold, in bytes.
const matchMemory = 640 << 20

// memory is handed out to workers. Who asks for more than there is gets all.
type memory struct{ *semaphore.Weighted }

func newMemory() memory { return memory{semaphore.NewWeighted(matchMemory)} }

// with runs work that takes so many bytes, when they are there.
func (m memory) with(ctx context.Context, bytes int64, work func() error) error {
	bytes = min(max(bytes, 1), matchMemory)
	if err := m.Acquire(ctx, bytes); err != nil {
		return err
	}
	defer m.Release(bytes)
	return work()
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
