package image

import (
	"context"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Form is what a destination wants to be given.
type Form int

const (
	// AutoForm leaves the choice to the destination, see FormOf.
	AutoForm Form = iota
	// Plain is layers by DiffID, as decompressed tars.
	Plain
	// Exact is the manifest and the compressed blobs as the image has them.
	Exact
)

func (f Form) String() string { return [...]string{"auto", "plain", "exact"}[f] }

// Compression is how layers are packed for an image that has no blobs of its own,
// where a destination of the Exact form needs some.
type Compression int

const (
	// AutoCompression is gzip for registries and none elsewhere.
	AutoCompression Compression = iota
	// NoCompression stores layers as tars.
	NoCompression
	// GzipCompression stores layers as gzip, level 6, without a time.
	GzipCompression
)

// WriteOptions say how an image is stored.
type WriteOptions struct {
	Options
	// Names are tags for the image, where the destination keeps names beside
	// the one in its own reference. Nil gives none: the image's own names are
	// not taken over.
	Names []string
	// Form overrides what the destination prefers. Docker-archives are always
	// Plain.
	Form Form
	// Compression matters for images without manifest or blobs only.
	Compression Compression
	// Thin leaves out layers that the daemon already has. Should the daemon not
	// take such an archive, the whole image is sent, so layers may be opened a
	// second time.
	Thin bool
	// InDaemon lists images that were read from the daemon. Thin loads into a
	// containerd store know by them what the daemon has, where the files of the
	// store cannot be read.
	InDaemon []Image
	// Stdout receives what goes to "-"; it must not be nil then.
	Stdout io.Writer
}

// Result tells what was stored.
type Result struct {
	// ImageID is the digest of the config.
	ImageID digest.Digest
	// Manifest describes the manifest that was stored, if any.
	Manifest ocispec.Descriptor
	// Original reports that it is the image's own manifest, byte for byte.
	Original bool
	Form     Form
	// DaemonID is the ID under which a daemon shows the image, otherwise empty.
	DaemonID digest.Digest
	// Names are the names under which the image can now be found, as its kind of
	// destination spells them.
	Names []string
	// Blobs and Bytes count the layers and configs that were sent; Skipped those
	// that the destination had.
	Blobs, Skipped int
	Bytes          int64
}

// Write stores img at dest, which is a reference in Skopeo's grammar, a plain
// path for a docker-archive, or "-" for a docker-archive on the standard output.
//
// Layers are opened in order, one at a time and each digest once (but see Thin),
// in the form of the destination (see FormOf). A layer whose Size is -1 goes
// through a temporary file where the destination has to know its size. Nothing
// becomes visible before all of it was verified; on failure, or when ctx is
// cancelled, nothing is left behind, except in registries, which keep blobs that
// no manifest names until they collect them.
func Write(ctx context.Context, dest string, img Image, opt WriteOptions) (Result, error) {
	r, err := ParseDestination(dest)
	if err != nil {
		return Result{}, err
	}
	if opt.Names, err = normalizeNames(opt.Names); err != nil {
		return Result{}, err
	}
	res, err := writeRef(ctx, r, img, &opt)
	if err != nil {
		if ctx.Err() != nil { // the cause, not what it led to
			err = ctx.Err()
		}
		return Result{}, withRef(dest, writeHint(err))
	}
	return res, nil
}

func writeRef(ctx context.Context, r Reference, img Image, opt *WriteOptions) (Result, error) {
	switch r.Transport {
	case DockerDaemon:
		return writeDaemon(ctx, r, img, opt)
	case DockerArchive, OCIArchive, Stdio:
		return firstResult(writeArchive(ctx, r, oneImage(img, opt), opt))
	case OCILayout:
		return firstResult(writeLayout(ctx, r, oneImage(img, opt), opt))
	case Dir:
		return writeDir(ctx, r, img, opt)
	case Registry:
		return writeRegistry(ctx, r, img, opt)
	case ContainersStorage:
		return writeStorage(ctx, r, img, opt)
	}
	return Result{}, fmt.Errorf("%s cannot be written to", r.Transport)
}

func oneImage(img Image, opt *WriteOptions) *Images {
	return &Images{Images: []Named{{Image: img, Names: opt.Names}}}
}

func firstResult(list []Result, err error) (Result, error) {
	if err != nil {
		return Result{}, err
	}
	return list[0], nil
}

// FormOf tells which form [Write] asks an image for, so that an image that is
// made on the fly knows what to prepare. A docker daemon is asked for its kind of
// store: the containerd store keeps manifests and blobs, the classic one does not.
func FormOf(ctx context.Context, dest string, opt WriteOptions) (Form, error) {
	r, err := ParseDestination(dest)
	if err != nil {
		return 0, err
	}
	switch r.Transport {
	case DockerArchive, Stdio:
		return Plain, nil
	case DockerDaemon:
		if opt.Form != AutoForm {
			return opt.Form, nil
		}
		d, err := Connect(ctx, opt.Options)
		if err != nil {
			return 0, withRef(dest, err)
		}
		defer d.Close()
		return d.form(), nil
	case ContainersStorage:
		if opt.Form == AutoForm {
			return Plain, nil
		}
	}
	if opt.Form == AutoForm {
		return Exact, nil
	}
	return opt.Form, nil
}

// hasBlobs reports an image with a manifest and all its blobs.
func hasBlobs(img Image) bool {
	raw, _ := img.Manifest()
	if raw == nil {
		return false
	}
	for _, l := range img.Layers() {
		if l.Blob() == nil {
			return false
		}
	}
	return true
}

// isUncompressed reports that the image's own manifest names plain tars, so that
// its plain form is its exact form.
func isUncompressed(img Image) bool {
	for _, l := range img.Layers() {
		if b := l.Blob(); b == nil || b.Digest != l.DiffID() {
			return false
		}
	}
	return true
}
