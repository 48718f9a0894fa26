package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/docker-delta/docker-delta/format"
)

// errTooLarge reports a package that has more bytes than it was listed with.
var errTooLarge = errors.New("the package is larger than it is worth")

// FetchOptions tune a download.
type FetchOptions struct {
	// Limit refuses a package of more bytes before its blobs are fetched; 0 is
	// no limit.
	Limit int64
	// Check, if set, sees the package's manifest before it is parsed and before
	// anything else is fetched, and may refuse it.
	Check func(manifest []byte) error
	// Meter, if set, is told of the bytes of the blobs.
	Meter Meter
}

// Fetch brings a package into dir, which it makes an OCI layout that
// delta.Open reads. Every blob is verified; a download that breaks off goes on
// where it stopped, also in a later call for the same dir.
func (r *Repository) Fetch(ctx context.Context, desc ocispec.Descriptor, dir string, opt FetchOptions) error {
	if err := desc.Digest.Validate(); err != nil || desc.Digest.Algorithm() != digest.SHA256 {
		return fmt.Errorf("%w: %q is no sha256 digest", format.ErrCorrupt, desc.Digest)
	}
	raw, err := r.manifest(ctx, desc)
	if err != nil {
		return r.explain("package "+desc.Digest.String(), err)
	}
	if opt.Check != nil {
		if err := opt.Check(raw); err != nil {
			return fmt.Errorf("package %s: %w", desc.Digest, err)
		}
	}
	var m format.Manifest
	if err := unmarshal(raw, &m); err != nil {
		return fmt.Errorf("%w: the manifest of package %s: %v", format.ErrCorrupt, desc.Digest, err)
	}
	blobs := append([]ocispec.Descriptor{m.Config}, m.Layers...)
	size := desc.Size
	for _, b := range blobs {
		if err := b.Digest.Validate(); err != nil || b.Digest.Algorithm() != digest.SHA256 || b.Size < 0 || b.Size > maxSize {
			return fmt.Errorf("%w: package %s names a blob %q of %d bytes", format.ErrCorrupt, desc.Digest, b.Digest, b.Size)
		}
		if size += b.Size; opt.Limit > 0 && size > opt.Limit {
			return fmt.Errorf("package %s: %w: over %d bytes", desc.Digest, errTooLarge, opt.Limit)
		}
	}
	store := filepath.Join(dir, ocispec.ImageBlobsDir, digest.SHA256.String())
	if err := os.MkdirAll(store, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(store, desc.Digest.Encoded()), raw, 0o600); err != nil {
		return err
	}
	blobs = distinct(blobs)
	t := newTransfer(opt.Meter, blobs)
	err = r.each(ctx, blobs, func(ctx context.Context, b ocispec.Descriptor) error {
		err := r.fetchBlob(ctx, b, filepath.Join(store, b.Digest.Encoded()), t)
		return r.explain("blob "+b.Digest.String()+" of package "+desc.Digest.String(), err)
	})
	if err != nil {
		return err
	}
	index, err := json.Marshal(ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex,
		Manifests: []ocispec.Descriptor{{MediaType: desc.MediaType, Digest: desc.Digest, Size: desc.Size, ArtifactType: m.ArtifactType}},
	})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, ocispec.ImageLayoutFile), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, ocispec.ImageIndexFile), index, 0o600)
}

// manifest reads and verifies a manifest.
func (r *Repository) manifest(ctx context.Context, desc ocispec.Descriptor) (raw []byte, err error) {
	if desc.Size < 0 || desc.Size > format.MaxManifest {
		return nil, fmt.Errorf("%w: a manifest of %d bytes", format.ErrCorrupt, desc.Size)
	}
	err = r.readAgain(ctx, func() error {
		rc, err := r.remote.Manifests().Fetch(ctx, desc)
		if err != nil {
			return err
		}
		defer rc.Close()
		if raw, err = io.ReadAll(io.LimitReader(rc, desc.Size+1)); err != nil {
			return err
		}
		if int64(len(raw)) != desc.Size || digest.FromBytes(raw) != desc.Digest {
			return fmt.Errorf("%w: the manifest is not %s", format.ErrCorrupt, desc.Digest)
		}
		return nil
	})
	return raw, err
}

// fetchBlob downloads a blob into a file, which may hold the beginning of it,
// and verifies all of it. What is damaged, be it that beginning, is had once more.
func (r *Repository) fetchBlob(ctx context.Context, desc ocispec.Descriptor, path string, t *transfer) error {
	err := r.fetchOnce(ctx, desc, path, t)
	if errors.Is(err, format.ErrCorrupt) && r.retries > 0 && ctx.Err() == nil {
		t.add(-desc.Size)
		err = r.fetchOnce(ctx, desc, path, t)
	}
	return err
}

func (r *Repository) fetchOnce(ctx context.Context, desc ocispec.Descriptor, path string, t *transfer) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := desc.Digest.Verifier()
	at, err := io.Copy(sum, io.LimitReader(f, desc.Size))
	if err != nil {
		return err
	}
	t.add(at)
	tries, wait := 0, r.wait
	for at < desc.Size || desc.Size == 0 {
		n, err := r.fetchRest(ctx, desc, at, io.MultiWriter(f, sum, t))
		at += n
		if err == nil {
			break
		}
		if n > 0 {
			tries, wait = 0, r.wait // it moves
		}
		if tries++; tries > r.retries || ctx.Err() != nil || !worthRetrying(err) {
			return err
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
		wait = min(2*wait, 10*time.Second)
	}
	if !sum.Verified() { // all of it is there
		_ = os.Remove(path) // or it would be believed to be the beginning
		return fmt.Errorf("%w: its bytes do not match its digest", format.ErrCorrupt)
	}
	return f.Close()
}

// fetchRest appends what follows the first bytes of a blob.
func (r *Repository) fetchRest(ctx context.Context, desc ocispec.Descriptor, from int64, w io.Writer) (int64, error) {
	rc, err := r.blob(ctx, desc, from)
	if err != nil {
		return 0, err
	}
	defer rc.Close()
	n, err := io.Copy(w, io.LimitReader(rc, desc.Size-from))
	if err == nil && n < desc.Size-from {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// blob opens a blob behind its first bytes. Where the server does not know
// ranges, they are read and dropped.
func (r *Repository) blob(ctx context.Context, desc ocispec.Descriptor, from int64) (io.ReadCloser, error) {
	if from == 0 {
		return r.remote.Blobs().Fetch(ctx, desc)
	}
	scheme := "https"
	if r.remote.PlainHTTP {
		scheme = "http"
	}
	ref := r.remote.Reference
	ctx = auth.AppendRepositoryScope(ctx, ref, auth.ActionPull)
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s://%s/v2/%s/blobs/%s", scheme, ref.Host(), ref.Repository, desc.Digest), nil)
	if err != nil {
		return nil, err
	}
	q.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", from, desc.Size-1))
	resp, err := r.remote.Client.Do(q)
	if err != nil {
		return nil, err
	}
	var start int64
	switch resp.StatusCode {
	case http.StatusPartialContent:
		if n, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-", &start); n == 1 && err == nil && start == from {
			return resp.Body, nil
		}
	case http.StatusOK:
		if _, err := io.CopyN(io.Discard, resp.Body, from); err != nil {
			resp.Body.Close()
			return nil, err
		}
		return resp.Body, nil
	case http.StatusNotFound:
		resp.Body.Close()
		return nil, errdef.ErrNotFound
	}
	resp.Body.Close()
	return nil, fmt.Errorf("the registry answers %s to a request for a range", resp.Status)
}

// worthRetrying tells the connection's failures from the registry's answers.
func worthRetrying(err error) bool {
	return !errors.Is(err, errdef.ErrNotFound) && !errors.Is(err, format.ErrCorrupt) && !isAnswer(err) && passing(err)
}
