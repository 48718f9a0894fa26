package delta

import (
	"context"
	"fmt"
	"io"

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
	c := d.pkg.Config
	for _, desc := range d.pkg.Manifest.Layers {
		if _, err := d.pkg.Blob(desc.Digest); err != nil {
			return classify(err)
		}
	}
	for i := range c.Layers {
		if c.Layers[i].Carried == format.CarriedDelta {
			if _, err := d.open(ctx, &c.Layers[i]); err != nil {
				return classify(err)
			}
		}
	}
	if base == nil && len(c.Bases) > 0 {
		return nil
	}
	for i := range c.Targets {
		if opt.Platform != "" && c.Targets[i].Platform != opt.Platform {
			continue
		}
		if err := d.verifyTarget(ctx, &c.Targets[i], base, opt); err != nil {
			return err
		}
	}
	return nil
}

func (d *Delta) verifyTarget(ctx context.Context, t *format.Target, base image.Image, opt RebuildOptions) error {
	r, err := d.rebuild(ctx, t, base, opt)
	if err != nil {
		return err
	}
	defer r.Close()
	layers := r.Layers()
	for i, l := range layers {
		opt.progress(Progress{Stage: "verify", Layer: i + 1, Layers: len(layers)})
		open := l.Plain
		if l.Blob() != nil {
			open = l.Compressed // which proves the decompressed tar on its way
		}
		if err := drain(ctx, open); err != nil {
			return fmt.Errorf("layer %s: %w", l.DiffID(), err)
		}
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
