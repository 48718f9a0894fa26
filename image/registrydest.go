package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/pkg/blobinfocache/none"
	"go.podman.io/image/v5/types"
)

// remoteSink writes through a transport of containers/image.
type remoteSink struct {
	dest types.ImageDestination
}

func (s *remoteSink) has(ctx context.Context, desc ocispec.Descriptor) (bool, error) {
	ok, _, err := s.dest.TryReusingBlob(ctx, blobInfo(desc), none.NoCache, false)
	return ok, err
}

func (s *remoteSink) put(ctx context.Context, desc ocispec.Descriptor, r io.Reader) error {
	isConfig := desc.MediaType == ocispec.MediaTypeImageConfig || desc.MediaType == dockerConfigType
	whole := &wholeReader{r: r}
	got, err := s.dest.PutBlob(ctx, whole, blobInfo(desc), none.NoCache, isConfig)
	if err != nil {
		return remoteError(err)
	}
	if err := whole.finish(); err != nil {
		return err
	}
	if got.Digest != desc.Digest {
		return fmt.Errorf("it was stored as %s, expected %s", got.Digest, desc.Digest)
	}
	return nil
}

// wholeReader is read to its end, and to what goes wrong there: a client of HTTP
// may stop at the last byte that it has announced, or go on reading for a moment
// after the answer.
type wholeReader struct {
	mu  sync.Mutex
	r   io.Reader
	err error // of the end
}

func (w *wholeReader) Read(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return 0, w.err
	}
	var n int
	n, w.err = w.r.Read(p)
	return n, w.err
}

// finish reads what is left and gives the error of the end, if there was one.
func (w *wholeReader) finish() error {
	_, err := io.Copy(io.Discard, w)
	return err
}

func blobInfo(desc ocispec.Descriptor) types.BlobInfo {
	return types.BlobInfo{Digest: desc.Digest, Size: desc.Size, MediaType: desc.MediaType, URLs: desc.URLs, Annotations: desc.Annotations}
}

func writeRegistry(ctx context.Context, r Reference, img Image, opt *WriteOptions) (Result, error) {
	return firstResult(pushSet(ctx, "//"+r.Path, oneImage(img, opt), opt))
}

// writeRegistrySet pushes what one name stands for, or, of several named ones,
// each below the given repository.
func writeRegistrySet(ctx context.Context, r Reference, set *Images, opt *WriteOptions) ([]Result, error) {
	if set.tops() == 1 {
		return pushSet(ctx, "//"+r.Path, set, opt)
	}
	named, err := reference.ParseNormalizedNamed(r.Path)
	if err != nil || !reference.IsNameOnly(named) {
		return nil, hint(fmt.Errorf("%s is one name for %d images", r.Path, set.tops()), "give the repository that theirs are to be put below, as in docker://registry.example/site")
	}
	results := make([]Result, len(set.Images))
	for _, group := range set.groups() {
		names := group.names
		if len(names) == 0 {
			return nil, errors.New("one of several images has no name that it could be pushed under; choose one, or push it alone")
		}
		for _, n := range names {
			part, err := pushSet(ctx, "//"+below(r.Path, n), &group.set, opt)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", below(r.Path, n), err)
			}
			for k, i := range group.numbers {
				part[k].Names = append(results[i].Names, part[k].Names...)
				results[i] = part[k]
			}
		}
	}
	return results, nil
}

// pushSet pushes what one name stands for: an image, or an index and what is
// below it.
func pushSet(ctx context.Context, name string, set *Images, opt *WriteOptions) ([]Result, error) {
	ref, err := docker.ParseReference(name)
	if err != nil {
		return nil, hint(err, "expected docker://registry/name:tag")
	}
	dest, err := ref.NewImageDestination(ctx, opt.systemContext())
	if err != nil {
		return nil, remoteError(err)
	}
	defer dest.Close()
	form, compress := Exact, opt.Compression
	if opt.Form == Plain {
		form = Plain
	} else if compress == AutoCompression {
		compress = GzipCompression
	}
	all, err := set.copy(ctx, &remoteSink{dest: dest}, form, compress, opt, nil)
	if err != nil {
		return nil, err
	}
	top := set.contents(all)[0].desc
	named := ref.DockerReference()
	if d, ok := named.(reference.Digested); ok && d.Digest() != top.Digest {
		return nil, fmt.Errorf("the manifest is %s, which cannot be pushed as %s", top.Digest, d.Digest())
	}
	put := func(d digest.Digest, raw []byte) error {
		instance := &d
		if d == top.Digest {
			instance = nil // under the name
		}
		return remoteError(dest.PutManifest(ctx, raw, instance))
	}
	for _, c := range all {
		if err := put(c.desc.Digest, c.manifest); err != nil {
			return nil, err
		}
	}
	for _, ix := range set.Indexes { // what they name is there by now
		if err := put(ix.Descriptor.Digest, ix.Raw); err != nil {
			return nil, err
		}
	}
	if err := dest.Commit(ctx, nil); err != nil {
		return nil, remoteError(err)
	}
	if err := checkPushed(ctx, ref, top.Digest, opt); err != nil {
		return nil, err
	}
	results := set.results(all, "")
	for i := range results {
		results[i].Names = []string{named.String()}
	}
	return results, nil
}

// checkPushed asks the registry what the name stands for now.
func checkPushed(ctx context.Context, ref types.ImageReference, want digest.Digest, opt *WriteOptions) error {
	got, err := docker.GetDigest(ctx, opt.systemContext(), ref)
	if err != nil {
		return fmt.Errorf("asking the registry what it stored: %w", remoteError(err))
	}
	if got != want {
		return fmt.Errorf("the registry says the image is %s, expected %s", got, want)
	}
	return nil
}
