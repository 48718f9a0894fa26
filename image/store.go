package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-delta/docker-delta/image/internal/tree"
)

// store gives contents by digest, unverified.
type store interface {
	// source names the store in messages.
	source() string
	// manifest reads a manifest or an index.
	manifest(ctx context.Context, desc ocispec.Descriptor) ([]byte, error)
	// blob opens a config or a layer; size is -1 when unknown.
	blob(ctx context.Context, desc ocispec.Descriptor) (rc io.ReadCloser, size int64, err error)
	// local reports that probing costs nothing, so that absent things are found
	// when an image is opened.
	local() bool
}

// readManifest reads and verifies a manifest or index.
func readManifest(ctx context.Context, s store, desc ocispec.Descriptor) (*document, error) {
	raw, err := s.manifest(ctx, desc)
	if err != nil {
		return nil, err
	}
	if err := verifyBytes(raw, "the manifest", desc); err != nil {
		return nil, err
	}
	d, err := parseDocument(raw)
	if err != nil {
		return nil, err
	}
	if d.kind == docManifest && desc.MediaType == dockerManifestType {
		d.mediaType = desc.MediaType
	}
	return d, nil
}

// readBlob reads and verifies a small blob.
func readBlob(ctx context.Context, s store, what string, desc ocispec.Descriptor, limit int64) ([]byte, error) {
	if desc.Size > limit {
		return nil, fmt.Errorf("%s has %d bytes, more than the limit of %d", what, desc.Size, limit)
	}
	rc, _, err := s.blob(ctx, desc)
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	return io.ReadAll(newVerifier(ctx, rc, what, desc.Digest, desc.Size))
}

func verifyBytes(raw []byte, what string, desc ocispec.Descriptor) error {
	v := newVerifier(context.Background(), bytes.NewReader(raw), what, desc.Digest, desc.Size)
	_, err := io.Copy(io.Discard, v)
	return err
}

// treeStore finds contents in an archive or a directory by the names that the
// known formats give them.
type treeStore struct {
	name string // the path, for messages
	tree tree.Tree
}

func (s *treeStore) source() string { return s.name }
func (s *treeStore) local() bool    { return true }

// blobNames are the names under which the formats store a digest: OCI layouts;
// dir:; its manifests; docker-archives of docker, skopeo and go-containerregistry.
func blobNames(d digest.Digest) []string {
	hex := d.Encoded()
	return []string{
		"blobs/" + d.Algorithm().String() + "/" + hex,
		hex, hex + ".manifest.json", hex + ".json", hex + ".tar", hex + ".tar.gz", d.String(),
	}
}

func (s *treeStore) open(d digest.Digest) (*tree.File, error) {
	var first error
	for _, name := range blobNames(d) {
		f, err := s.tree.Open(name)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		first = firstError(first, err)
	}
	return nil, first
}

func (s *treeStore) manifest(_ context.Context, desc ocispec.Descriptor) ([]byte, error) {
	f, err := s.open(desc.Digest)
	if err != nil {
		return nil, s.missing(err, "a manifest", desc)
	}
	defer f.Close()
	if f.Size() > maxJSON {
		return nil, fmt.Errorf("%s: a manifest of %d bytes, more than the limit of %d", desc.Digest, f.Size(), maxJSON)
	}
	return io.ReadAll(f)
}

func (s *treeStore) blob(_ context.Context, desc ocispec.Descriptor) (io.ReadCloser, int64, error) {
	f, err := s.open(desc.Digest)
	if err != nil {
		return nil, 0, s.missing(err, "a blob", desc)
	}
	return f, f.Size(), nil
}

func (s *treeStore) missing(err error, what string, desc ocispec.Descriptor) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return &MissingError{Source: s.name, What: what, Digest: desc.Digest}
}
