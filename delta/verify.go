package delta

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/image"
)

// Verify proves the delta: its structure and the digest of each of its parts,
// and, when it has a base to work on, that every target comes back, by
// rebuilding all of it to nowhere. base may be nil; a delta that needs a base
// is then only read.
func (d *Delta) Verify(ctx context.Context, base image.Image, opt RebuildOptions) error {
	if err := d.Allows(opt.Names...); err != nil {
		return err
	}
	for _, desc := range d.pkg.Manifest.Layers {
		if _, err := d.pkg.Blob(desc.Digest); err != nil {
			return classify(err)
		}
	}
	for _, st := range append(slices.Clone(d.steps), d.main) {
		for i := range st.layers {
			if st.layers[i].Carried == format.CarriedDelta {
				if _, err := d.open(ctx, &st.layers[i]); err != nil {
					return classify(err)
				}
			}
		}
	}
	if base == nil && !d.StandsAlone() {
		return nil
	}
	set, err := d.RebuildSet(ctx, base, opt)
	if err != nil {
		return err
	}
	defer set.Close()
	proved := make(map[digest.Digest]bool)
	for _, img := range set.Images {
		if err := verifyImage(ctx, img, proved, opt); err != nil {
			return err
		}
	}
	return nil
}

// verifyImage reads all layers, but those that were proved for another image.
func verifyImage(ctx context.Context, img image.Image, proved map[digest.Digest]bool, opt RebuildOptions) error {
	layers := img.Layers()
	for i, l := range layers {
		id, open := l.DiffID(), l.Plain
		if b := l.Blob(); b != nil {
			id, open = b.Digest, l.Compressed // which proves the decompressed tar on its way
		}
		if proved[id] {
			continue
		}
		opt.progress(Progress{Stage: "verify", Layer: i + 1, Layers: len(layers)})
		if err := drain(ctx, open); err != nil {
			return fmt.Errorf("layer %s: %w", l.DiffID(), err)
		}
		proved[id] = true
	}
	return nil
}

func drain(ctx context.Context, open func(context.Context) (io.ReadCloser, error)) error {
	r, err := open(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	if _, err := io.Copy(io.Discard, r); err != nil {
		return err
	}
	return r.Close()
}
