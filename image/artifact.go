package image

import (
	"context"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Artifacts opens what the indexes name beside images, such as attestations, in
// the form of images whose layers are the blobs as they are: the DiffID of each
// is its digest, nothing is decompressed. Config and manifest are exact. Each
// comes once. They are closed with the Set.
func (s *Set) Artifacts(ctx context.Context) ([]Image, error) {
	var list []Image
	seen := make(map[digest.Digest]bool)
	for _, desc := range s.Extra {
		if seen[desc.Digest] {
			continue
		}
		seen[desc.Digest] = true
		a, err := s.artifact(ctx, desc)
		if err != nil {
			return nil, fmt.Errorf("%s, which the index names beside images: %w", desc.Digest, err)
		}
		list = append(list, a)
	}
	return list, nil
}

func (s *Set) artifact(ctx context.Context, desc ocispec.Descriptor) (Image, error) {
	d, err := readManifest(ctx, s.store, desc)
	if err != nil {
		return nil, err
	}
	if d.kind != docManifest {
		return nil, fmt.Errorf("%s, expected a manifest", d.kind)
	}
	config, err := readBlob(ctx, s.store, "the config", d.manifest.Config, maxJSON)
	if err != nil {
		return nil, err
	}
	a := &artifact{config: config, manifest: d}
	for i := range d.manifest.Layers {
		a.layers = append(a.layers, &rawBlob{set: s, desc: d.manifest.Layers[i]})
	}
	return a, nil
}

// artifact is a manifest of anything.
type artifact struct {
	config   []byte
	manifest *document
	layers   []Layer
}

func (a *artifact) Names() []string            { return nil }
func (a *artifact) Config() []byte             { return a.config }
func (a *artifact) Manifest() ([]byte, string) { return a.manifest.raw, a.manifest.mediaType }
func (a *artifact) Platform() ocispec.Platform { return ocispec.Platform{} }
func (a *artifact) Layers() []Layer            { return a.layers }

// rawBlob is a blob that is taken as it is.
type rawBlob struct {
	set  *Set
	desc ocispec.Descriptor
}

func (b *rawBlob) DiffID() digest.Digest     { return b.desc.Digest }
func (b *rawBlob) Blob() *ocispec.Descriptor { return &b.desc }
func (b *rawBlob) Size() int64               { return b.desc.Size }
func (b *rawBlob) Plain(ctx context.Context) (io.ReadCloser, error) {
	return b.set.Blob(ctx, b.desc)
}
func (b *rawBlob) Compressed(ctx context.Context) (io.ReadCloser, error) {
	return b.set.Blob(ctx, b.desc)
}

// CheckComplete fails where the indexes name what the source does not have, so
// that they cannot be stored elsewhere.
func (s *Set) CheckComplete() error {
	if len(s.Missing) == 0 {
		return nil
	}
	desc := s.Missing[0]
	what := "a manifest that its index names"
	if desc.Platform != nil {
		what = "the manifest for " + FormatPlatform(normalize(*desc.Platform))
	}
	source := "the source"
	if s.store != nil {
		source = s.store.source()
	}
	return &MissingError{Source: source, What: what, Digest: desc.Digest, Hint: "get a complete copy of all platforms, or choose one with --platform"}
}
