package ocidelta

import (
	"context"
	"fmt"
	"io"

	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/ocidelta/internal/tardiff"
)

// Verify reads every blob of the package, and every operation of its tar-diffs.
func (p *Package) Verify(ctx context.Context) error {
	for i, b := range p.manifest.Layers {
		c, ok := p.carried[b.Digest]
		if !ok {
			continue
		}
		rc, err := p.artifact.Open(ctx, c)
		if err != nil {
			return err
		}
		if c.MediaType == tardiff.MediaType {
			_, err = tardiff.Scan(rc)
		} else {
			_, err = io.Copy(io.Discard, rc)
		}
		rc.Close()
		if err != nil {
			return classify(fmt.Errorf("layer %d of %d: %w", i+1, len(p.manifest.Layers), err))
		}
	}
	return nil
}

// Check reads all layers of an image, and its blobs.
func Check(ctx context.Context, img image.Image) error {
	for i, l := range img.Layers() {
		open := []func(context.Context) (io.ReadCloser, error){l.Plain}
		if l.Blob() != nil {
			open = append(open, l.Compressed)
		}
		for _, f := range open {
			rc, err := f(ctx)
			if err != nil {
				return err
			}
			_, err = io.Copy(io.Discard, rc)
			rc.Close()
			if err != nil {
				return fmt.Errorf("layer %d of %d: %w", i+1, len(img.Layers()), err)
			}
		}
	}
	return nil
}
