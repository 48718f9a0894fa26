// Package image reads and writes container images wherever they live: in a
// Docker daemon, a registry, an archive, a layout directory.
//
// [Open] gives an [Image] for a reference in Skopeo's grammar or a plain path,
// which is recognised by content. [Write] stores any Image, also one that does
// not exist anywhere yet, such as the result of applying a delta; [FormOf] tells
// beforehand what a destination will ask of it. [OpenAll] gives every platform
// of an index, and [Connect] a docker daemon to search for images.
//
// Nothing that a source claims is believed: what an Image gives out was checked
// against its digest, or ends in a [*DigestError] in place of io.EOF. Nothing is
// extracted into the file system (podman's storage does that itself), memory
// stays bounded whatever the size of an image, and what has to be kept goes
// through unlinked files in Options.TempDir.
//
// A program calls [Init] first in its main.
package image

import (
	"context"
	"io"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Image is one image of one platform.
//
// What a store cannot give is nil or empty: the classic docker store has no
// manifest and no compressed blobs, only a config and layers by DiffID.
type Image interface {
	// Names lists the references by which the image is known where it came
	// from ("registry.example/app:v2"), fully qualified, possibly none.
	Names() []string
	// Config is the exact image config; its digest is the image ID.
	Config() []byte
	// Manifest is the exact manifest and its media type, or nil.
	Manifest() (raw []byte, mediaType string)
	// Platform is what the config says, normalised.
	Platform() ocispec.Platform
	// Layers lists the layers, lowest first.
	Layers() []Layer
}

// Layer is one layer of an Image.
type Layer interface {
	// DiffID is the digest of the decompressed layer tar.
	DiffID() digest.Digest
	// Blob describes the layer as the manifest does (digest, size, media type),
	// or is nil when the store keeps no such blob.
	Blob() *ocispec.Descriptor
	// Size is the length of the decompressed tar, or -1 while unknown.
	Size() int64
	// Plain opens the decompressed tar. The reader returns io.EOF only after
	// the bytes matched the DiffID, and a *DigestError otherwise.
	Plain(ctx context.Context) (io.ReadCloser, error)
	// Compressed opens the blob as the manifest describes it, verified the same
	// way. It fails with ErrNoBlob when Blob is nil.
	Compressed(ctx context.Context) (io.ReadCloser, error)
}

// Direct is what a Layer implements whose decompressed tar may lie as it is in a
// file.
type Direct interface {
	// PlainAt opens that tar to be read at any place, or returns nil where there is
	// none. What it gives is not verified. It is closed before the image is.
	PlainAt(ctx context.Context) PlainFile
}

// PlainFile is an open file.
type PlainFile interface {
	io.ReaderAt
	io.Closer
}

// Verifying is what a reader of a Layer implements to say that it gives io.EOF only
// after bytes of this digest, so that they need not be verified once more.
type Verifying interface{ Verifies(d digest.Digest) bool }
