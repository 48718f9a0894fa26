package image

import (
	"context"
	"io"
	"sync"

	"github.com/docker-delta/docker-delta/internal/tempfile"
)

// Prefetch lets layers of a source that is far away travel side by side. When the
// first of them is opened, its reader gets it as it comes, while those after it in
// the list are copied to temporary files, so that up to n travel at once. It
// lists the numbers of layers that will surely be opened, in their order: others
// are fetched when they are opened. count, if not nil, is told of the bytes that
// come, of all layers, from several goroutines.
//
// What is fetched is kept until src is closed, which also ends what is under way.
func Prefetch(src Source, list []int, n int, opt Options, count func(n int)) {
	img, ok := src.(*opened)
	if !ok {
		return
	}
	if count == nil {
		count = func(int) {}
	}
	p := &prefetcher{list: list, n: n, opt: opt, count: count, ahead: map[int]*fetched{}}
	for i, l := range img.layers {
		l := l.(*storeLayer)
		direct := l.open
		counted := func(ctx context.Context) (io.ReadCloser, int64, error) {
			rc, size, err := direct(ctx)
			if err != nil {
				return nil, 0, err
			}
			return &countedStream{rc, count}, size, nil
		}
		p.direct = append(p.direct, counted)
		l.open = func(ctx context.Context) (io.ReadCloser, int64, error) { return p.open(ctx, i) }
	}
	img.closers = append([]io.Closer{p}, img.closers...)
}

type prefetcher struct {
	list   []int
	n      int
	opt    Options
	count  func(int)
	direct []func(context.Context) (io.ReadCloser, int64, error)

	mu      sync.Mutex
	started bool
	stop    context.CancelFunc
	work    sync.WaitGroup
	ahead   map[int]*fetched
}

// fetched is a layer that is fetched ahead; done is closed when it is there, or
// when err is set.
type fetched struct {
	done chan struct{}
	file *tempfile.File
	size int64
	err  error
}

func (p *prefetcher) open(ctx context.Context, i int) (io.ReadCloser, int64, error) {
	p.mu.Lock()
	if !p.started {
		p.start(ctx, i)
	}
	f := p.ahead[i]
	p.mu.Unlock()
	if f == nil {
		return p.direct[i](ctx)
	}
	select {
	case <-f.done:
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
	if f.err != nil {
		p.opt.debugf("fetching a layer ahead: %v", f.err)
		return p.direct[i](ctx)
	}
	return io.NopCloser(io.NewSectionReader(f.file, 0, f.size)), f.size, nil
}

// start begins to fetch what comes after layer i, which is being opened.
func (p *prefetcher) start(ctx context.Context, i int) {
	p.started = true
	var after []int
	for k, m := range p.list {
		if m == i {
			after = p.list[k+1:]
		}
	}
	if len(after) == 0 || p.n < 2 {
		return
	}
	ctx, p.stop = context.WithCancel(context.WithoutCancel(ctx))
	queue := make(chan int, len(after))
	for _, m := range after {
		p.ahead[m] = &fetched{done: make(chan struct{})}
		queue <- m
	}
	close(queue)
	for range min(p.n-1, len(after)) {
		p.work.Add(1)
		go func() {
			defer p.work.Done()
			for m := range queue {
				p.fetch(ctx, m)
			}
		}()
	}
}

func (p *prefetcher) fetch(ctx context.Context, i int) {
	p.mu.Lock()
	f := p.ahead[i]
	p.mu.Unlock()
	defer close(f.done)
	if f.err = ctx.Err(); f.err != nil {
		return
	}
	rc, _, err := p.direct[i](ctx)
	if err != nil {
		f.err = err
		return
	}
	defer rc.Close()
	f.file, f.size, f.err = p.opt.spool(&ctxReader{ctx, rc})
}

// Close ends what is under way and removes the files.
func (p *prefetcher) Close() error {
	p.mu.Lock()
	stop := p.stop
	p.mu.Unlock()
	if stop != nil {
		stop()
	}
	p.work.Wait()
	var err error
	for _, f := range p.ahead {
		if f.file != nil {
			err = firstError(err, f.file.Close())
		}
	}
	p.ahead = nil
	return err
}

// countedStream tells what is read.
type countedStream struct {
	io.ReadCloser
	count func(int)
}

func (c *countedStream) Read(b []byte) (int, error) {
	n, err := c.ReadCloser.Read(b)
	c.count(n)
	return n, err
}
