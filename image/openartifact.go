package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-delta/docker-delta/image/internal/tree"
	"github.com/docker-delta/docker-delta/image/internal/unpack"
)

// Artifact is an OCI artifact that is no image, alone in an OCI layout: in a
// directory, or in an archive, which may be compressed.
type Artifact struct {
	// Raw is the manifest, verified, Descriptor its own.
	Raw        []byte
	Descriptor ocispec.Descriptor
	Manifest   ocispec.Manifest

	store *treeStore
}

// OpenArtifact opens the only artifact at path, whatever its type. It fails with
// ErrNotImage where there is no OCI layout, or one of several things.
func OpenArtifact(ctx context.Context, path string, opt Options) (*Artifact, error) {
	t, err := layoutTree(ctx, path, &opt)
	if err != nil {
		return nil, withRef(path, err)
	}
	a, err := newArtifact(ctx, &treeStore{name: path, tree: t})
	if err != nil {
		t.Close()
		return nil, withRef(path, err)
	}
	return a, nil
}

// layoutTree gives the files of a directory or an archive.
func layoutTree(ctx context.Context, path string, opt *Options) (tree.Tree, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if st.IsDir() {
		return tree.Dir(path), nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	in, size := file(f), st.Size()
	var head [unpack.SniffLen]byte
	n, err := f.ReadAt(head[:], 0)
	if err == nil || err == io.EOF {
		err = nil
		if unpack.Detect(head[:n]) != unpack.None {
			var plain file
			if plain, size, err = decompress(ctx, f, size, opt); err == nil {
				f.Close()
				in = plain
			}
		}
	}
	var t tree.Tree
	if err == nil {
		t, err = tree.Tar(in, size, in)
	}
	if err != nil {
		in.Close()
		if errors.Is(err, tree.ErrNotTar) {
			err = fmt.Errorf("%w: %w", ErrNotImage, err)
		}
		return nil, err
	}
	return t, nil
}

func newArtifact(ctx context.Context, s *treeStore) (*Artifact, error) {
	raw, err := tree.ReadFile(s.tree, ocispec.ImageIndexFile, maxJSON)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: it has no %s", ErrNotImage, ocispec.ImageIndexFile)
	}
	if err != nil {
		return nil, err
	}
	toc, err := parseDocument(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ocispec.ImageIndexFile, err)
	}
	if toc.kind != docIndex || len(toc.index) != 1 {
		return nil, fmt.Errorf("%w: its %s names %d manifests, expected one", ErrNotImage, ocispec.ImageIndexFile, len(toc.index))
	}
	d, err := readManifest(ctx, s, toc.index[0])
	if err != nil {
		return nil, err
	}
	if d.kind != docManifest {
		return nil, fmt.Errorf("%w: %s, expected a manifest", ErrNotImage, d.kind)
	}
	return &Artifact{Raw: d.raw, Descriptor: d.descriptor(), Manifest: d.manifest, store: s}, nil
}

// Open opens a blob. The reader returns io.EOF only after the bytes matched the
// descriptor, and a *DigestError otherwise.
func (a *Artifact) Open(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
	rc, _, err := a.store.blob(ctx, desc)
	if err != nil {
		return nil, err
	}
	return &readCloser{newVerifier(ctx, rc, "blob "+desc.Digest.String(), desc.Digest, desc.Size), []io.Closer{rc}}, nil
}

// Read reads a blob of at most limit bytes into memory.
func (a *Artifact) Read(ctx context.Context, desc ocispec.Descriptor, limit int64) ([]byte, error) {
	return readBlob(ctx, a.store, "blob "+desc.Digest.String(), desc, limit)
}

// Close closes the file.
func (a *Artifact) Close() error { return a.store.tree.Close() }
