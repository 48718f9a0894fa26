package registry

import (
	"context"
	"sync"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
)

// transfer adds up what travels in several blobs at once.
type transfer struct {
	meter Meter

	mu          sync.Mutex
	done, total int64
}

// newTransfer begins to count; nothing is reported to a nil meter.
func newTransfer(meter Meter, blobs []ocispec.Descriptor) *transfer {
	t := &transfer{meter: meter}
	for _, b := range blobs {
		t.total += b.Size
	}
	t.add(0)
	return t
}

// add counts n more bytes, or fewer where something has to be sent again.
func (t *transfer) add(n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done += n
	if t.meter != nil {
		t.meter(t.done, t.total)
	}
}

func (t *transfer) Write(p []byte) (int, error) {
	t.add(int64(len(p)))
	return len(p), nil
}

// each does something with every blob, as many at once as the repository's
// options say. The first error stops the others.
func (r *Repository) each(ctx context.Context, blobs []ocispec.Descriptor, do func(context.Context, ocispec.Descriptor) error) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, b := range blobs {
		g.Go(func() error {
			select {
			case r.slots <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
			defer func() { <-r.slots }()
			return do(ctx, b)
		})
	}
	return g.Wait()
}

// distinct leaves out blobs that come a second time.
func distinct(blobs []ocispec.Descriptor) []ocispec.Descriptor {
	var out []ocispec.Descriptor
	seen := map[digest.Digest]bool{}
	for _, b := range blobs {
		if !seen[b.Digest] {
			seen[b.Digest] = true
			out = append(out, b)
		}
	}
	return out
}
