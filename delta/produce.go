package delta

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/opencontainers/go-digest"
)

// producers are the layers of an image that are being made while somebody reads
// them. They use the pages and the base, so those may be closed only when all of
// them have ended.
type producers struct {
	mu     sync.Mutex
	closed bool
	live   map[*produced]bool
}

// produced is what a layer in the making is read from.
type produced struct {
	*io.PipeReader
	digest digest.Digest // of all that is read
	from   *producers
	cancel context.CancelFunc
	ended  chan struct{}
}

// Close stops the making and waits for its end.
func (p *produced) Close() error {
	err := p.PipeReader.Close()
	p.cancel()
	<-p.ended
	p.from.mu.Lock()
	delete(p.from.live, p)
	p.from.mu.Unlock()
	return err
}

// Verifies implements [image.Verifying].
func (p *produced) Verifies(d digest.Digest) bool { return p.digest == d }

// start begins run, whose output is read from what is returned; run fails if the
// output has not the digest.
func (p *producers) start(ctx context.Context, d digest.Digest, run func(ctx context.Context, w io.Writer) error) io.ReadCloser {
	ctx, cancel := context.WithCancel(ctx)
	pr, pw := io.Pipe()
	out := &produced{PipeReader: pr, digest: d, from: p, cancel: cancel, ended: make(chan struct{})}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		pw.CloseWithError(os.ErrClosed)
		close(out.ended)
		return out
	}
	if p.live == nil {
		p.live = map[*produced]bool{}
	}
	p.live[out] = true
	go func() {
		defer close(out.ended)
		pw.CloseWithError(run(ctx, pw))
	}()
	return out
}

// close stops all that are live and waits for their end.
func (p *producers) close() {
	p.mu.Lock()
	p.closed = true
	var live []*produced
	for out := range p.live {
		live = append(live, out)
	}
	p.mu.Unlock()
	for _, out := range live {
		_ = out.Close()
	}
}

// produce starts run behind a reader that ends only when the bytes have the
// digest.
func (w *rebuild) produce(ctx context.Context, l *rebuiltLayer, stage string, want digest.Digest, size int64, run func(context.Context, io.Writer) error) io.ReadCloser {
	return w.producers.start(ctx, want, func(ctx context.Context, out io.Writer) error {
		m := w.opt.meter(Progress{Stage: stage, Layer: l.at, Layers: l.of, Total: size})
		defer m.finish()
		v := &verifier{w: io.MultiWriter(out, m), sum: want.Verifier(), left: size}
		err := run(ctx, v)
		if err == nil {
			err = ctx.Err()
		}
		if err == nil && (v.left != 0 || !v.sum.Verified()) {
			err = fmt.Errorf("%w: what was rebuilt is not %s", ErrVerify, want)
		}
		if err != nil && ctx.Err() == nil {
			err = cmp.Or(w.lent.suspect(ctx), err)
		}
		return classify(err)
	})
}
