package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"slices"
	"sync"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"github.com/docker-delta/docker-delta/format"
)

// Pushed tells what Push did.
type Pushed struct {
	// Manifest describes the package's manifest in the registry.
	Manifest ocispec.Descriptor
	// Sent and Bytes count the blobs that were sent; Skipped those that the
	// repository had.
	Sent, Skipped int
	Bytes         int64
}

// listTries is how often the list of a registry without the referrers API is
// written again, because another writer replaced it meanwhile.
const listTries = 5

// blobTries is how often blobs are looked after that the registry says it lacks.
const blobTries = 3

// Push stores a package: its blobs as they are, those that the repository has
// already not again, then its manifest, byte for byte, under tag if that is not
// empty. With a subject, it can be found from the image that it rebuilds. meter,
// if not nil, is told of the bytes of the blobs.
func (r *Repository) Push(ctx context.Context, pkg *format.Package, tag string, meter Meter) (*Pushed, error) {
	raw, err := pkg.RawManifest()
	if err != nil {
		return nil, err
	}
	config, err := pkg.RawConfig()
	if err != nil {
		return nil, err
	}
	blobs := distinct(append([]ocispec.Descriptor{pkg.Manifest.Config}, pkg.Manifest.Layers...))
	p := &pusher{r: r, blobs: blobs, open: func(desc ocispec.Descriptor) (io.Reader, error) {
		if desc.Digest == pkg.Manifest.Config.Digest {
			return bytes.NewReader(config), nil
		}
		s, err := pkg.Blob(desc.Digest)
		if err != nil {
			return nil, err
		}
		return io.NewSectionReader(s, 0, s.Size()), nil
	}}
	p.done.Manifest = pkg.Descriptor
	p.done.Manifest.Annotations = nil
	if err := p.pushBlobs(ctx, meter); err != nil {
		return nil, err
	}
	return &p.done, p.pushManifest(ctx, p.done.Manifest, raw, pkg.Manifest.Subject, tag)
}

// pusher sends the blobs of a manifest, and then the manifest.
type pusher struct {
	r     *Repository
	blobs []ocispec.Descriptor
	open  func(desc ocispec.Descriptor) (io.Reader, error)

	transfer *transfer

	mu   sync.Mutex
	done Pushed
}

// pushBlobs sends those blobs that the repository lacks.
func (p *pusher) pushBlobs(ctx context.Context, meter Meter) error {
	p.transfer = newTransfer(meter, p.blobs)
	return p.r.each(ctx, p.blobs, p.push)
}

// push sends a blob unless the repository has it.
func (p *pusher) push(ctx context.Context, desc ocispec.Descriptor) error {
	blobs := p.r.remote.Blobs()
	there, err := blobs.Exists(ctx, desc)
	if err != nil {
		return p.r.explain("blob "+desc.Digest.String(), err)
	}
	if there {
		p.transfer.add(desc.Size)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.done.Skipped++
		return nil
	}
	err = p.r.again(ctx, func() error {
		content, err := p.open(desc)
		if err != nil {
			return err
		}
		sent := &sentBytes{r: content, t: p.transfer}
		err = blobs.Push(ctx, desc, sent)
		if err != nil {
			p.transfer.add(-sent.n)
		}
		return err
	})
	if err != nil {
		return p.r.explain("sending blob "+desc.Digest.String(), err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done.Sent++
	p.done.Bytes += desc.Size
	return nil
}

// sentBytes tells a transfer what is read.
type sentBytes struct {
	r io.Reader
	t *transfer
	n int64
}

func (s *sentBytes) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.n += int64(n)
	s.t.add(int64(n))
	return n, err
}

// again repeats what the transport cannot: a body that is read once.
func (r *Repository) again(ctx context.Context, do func() error) error {
	return r.repeat(ctx, worthRetrying, do)
}

// readAgain repeats an answer that breaks off while it is read; of requests, the
// transport has seen to that. What came damaged is had once more.
func (r *Repository) readAgain(ctx context.Context, do func() error) error {
	once := false
	return r.repeat(ctx, func(err error) bool {
		if errors.Is(err, format.ErrCorrupt) && !once {
			once = true
			return true
		}
		var request *url.Error
		var answer *errcode.ErrorResponse
		return worthRetrying(err) && !errors.As(err, &request) && !errors.As(err, &answer)
	}, do)
}

func (r *Repository) repeat(ctx context.Context, worth func(error) bool, do func() error) error {
	wait := r.wait
	for try := 0; ; try++ {
		err := do()
		if err == nil || try >= r.retries || ctx.Err() != nil || !worth(err) {
			return err
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
		wait = min(2*wait, 10*time.Second)
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// pushManifest stores the manifest. Where the registry keeps no list of
// referrers, the list is an index under a tag that every writer replaces; who
// loses such a race writes again.
func (p *pusher) pushManifest(ctx context.Context, desc ocispec.Descriptor, raw []byte, subject *ocispec.Descriptor, tag string) error {
	r := p.r
	if subject != nil {
		// Finds out which of the two ways the registry goes.
		if _, err := r.list(ctx, subject.Digest); err != nil {
			return err
		}
	}
	reference := tag
	if reference == "" {
		reference = desc.Digest.String()
	}
	for try := 0; ; try++ {
		if err := p.storeManifest(ctx, desc, raw, reference); err != nil {
			return r.explain("sending its manifest", err)
		}
		if subject == nil {
			return nil
		}
		listed, err := r.isListed(ctx, desc, subject)
		if err != nil || listed {
			return err
		}
		if try == listTries {
			return fmt.Errorf("%s: the package %s is stored, but the registry does not list it with its image: %w", r.Name(), desc.Digest, errNotListed)
		}
	}
}

// storeManifest sends the manifest, and the blobs once more that the registry then
// says it lacks. It had them: but where another writer sends the same blob at this
// moment, docker-registry (2.8) does not see it while it writes the blob's link
// again, and a collection of garbage takes blobs that no manifest names yet.
func (p *pusher) storeManifest(ctx context.Context, desc ocispec.Descriptor, raw []byte, reference string) error {
	for try := 0; ; try++ {
		err := p.r.again(ctx, func() error {
			return p.r.remote.Manifests().PushReference(ctx, desc, bytes.NewReader(raw), reference)
		})
		if err == nil || try == blobTries || !lacksBlobs(err) {
			return err
		}
		if err := sleep(ctx, p.r.wait+rand.N(p.r.wait)); err != nil {
			return err
		}
		more := &pusher{r: p.r, blobs: p.blobs, open: p.open}
		if err := more.pushBlobs(ctx, nil); err != nil {
			return err
		}
		p.done.Sent += more.done.Sent
		p.done.Bytes += more.done.Bytes
	}
}

// lacksBlobs tells whether a manifest was refused for want of a blob.
func lacksBlobs(err error) bool {
	var answer *errcode.ErrorResponse
	return errors.As(err, &answer) && slices.ContainsFunc(answer.Errors, func(e errcode.Error) bool {
		return e.Code == errcode.ErrorCodeManifestBlobUnknown || e.Code == errcode.ErrorCodeBlobUnknown
	})
}

// isListed looks whether a package is in the list of its subject's referrers. A
// list that writers replace is looked at a second time a moment later, when those
// who had read it before our entry have written.
func (r *Repository) isListed(ctx context.Context, desc ocispec.Descriptor, subject *ocispec.Descriptor) (bool, error) {
	for look := 0; ; look++ {
		list, err := r.list(ctx, subject.Digest)
		if err != nil {
			return false, err
		}
		if !slices.ContainsFunc(list, func(d ocispec.Descriptor) bool { return d.Digest == desc.Digest }) {
			return false, nil
		}
		hasAPI := r.remote.SetReferrersCapability(true) == nil // fails if list found that it has none
		if hasAPI || look == 1 {
			return true, nil
		}
		if err := sleep(ctx, r.wait+rand.N(r.wait)); err != nil {
			return false, err
		}
	}
}

var errNotListed = errors.New("others may be writing the same list")
