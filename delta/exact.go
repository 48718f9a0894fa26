package delta

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"

	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/recipe"
)

// correctionShare bounds the corrections of a layer's recipe: one part in so
// many of its compressed bytes.
const correctionShare = 8

// blobRecipe is what is found for one compressed form of a layer.
type blobRecipe struct {
	blob   image.Layer
	recipe *recipe.Recipe
	data   *format.Data // the blob itself, where it must be carried
	why    error        // why neither is there
}

// findRecipes describes the targets' layers with their blobs, and finds for
// every compressed one how it is rebuilt. Also blobs of layers that the base
// has need a recipe: the receiver's base may be kept where blobs are not.
func (c *creator) findRecipes(ctx context.Context, in Input) error {
	found := make([][]blobRecipe, len(c.targets))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(c.opt.workers())
	for i, p := range c.targets {
		if c.opt.Exact == ExactOff {
			break
		}
		found[i] = make([]blobRecipe, len(p.blobs))
		for j, b := range p.blobs {
			g.Go(func() error {
				c.opt.progress(Progress{Stage: "find recipe", Layer: i + 1, Layers: len(c.targets)})
				r, err := c.findRecipe(gctx, p, b)
				found[i][j] = r
				return err
			})
		}
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i, p := range c.targets {
		entry := format.Layer{DiffID: p.layer.DiffID(), Size: p.stream.Size, Carried: format.CarriedBase}
		for _, r := range found[i] {
			d := r.blob.Blob()
			b := format.Blob{MediaType: d.MediaType, Digest: d.Digest, Size: d.Size, Carried: r.data != nil}
			switch {
			case r.recipe != nil:
				coded, err := r.recipe.AppendBinary(nil)
				if err != nil {
					return err
				}
				n := c.meta.add(coded)
				b.Recipe = &n
			case r.data != nil:
				c.blobs = append(c.blobs, *r.data)
				if p.side == "target" {
					entry.Carried, entry.Data = format.CarriedBlob, d.Digest
				}
			case r.why != nil:
				c.inexact = append(c.inexact, fmt.Sprintf("%s%s: %v", d.Digest, imagesWith(in, d.Digest), r.why))
			}
			entry.Blobs = append(entry.Blobs, b)
		}
		c.config.Layers = append(c.config.Layers, entry)
	}
	return nil
}

// imagesWith says which of several images have a blob.
func imagesWith(in Input, blob digest.Digest) string {
	if len(in.Targets) < 2 {
		return ""
	}
	var list []string
	for _, img := range in.Targets {
		name := platform(img)
		if len(in.Indexes) == 0 {
			name = first(append(slices.Clone(img.Names()), digest.FromBytes(img.Config()).String()))
		}
		has := func(l image.Layer) bool { return l.Blob() != nil && l.Blob().Digest == blob }
		if slices.ContainsFunc(img.Layers(), has) && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return " of " + strings.Join(list, ", ")
}

func (c *creator) findRecipe(ctx context.Context, p *pooled, b image.Layer) (res blobRecipe, err error) {
	res.blob = b
	if b.Blob().Digest == b.DiffID() {
		return res, nil // not compressed
	}
	f, err := c.create()
	if err != nil {
		return res, err
	}
	defer func() {
		if res.data == nil {
			f.Close()
		}
	}()
	r, err := b.Compressed(ctx)
	if errors.Is(err, image.ErrNoBlob) {
		res.why = err
		return res, nil
	}
	if err != nil {
		return res, fmt.Errorf("target blob %s: %w", b.Blob().Digest, err)
	}
	_, err = io.Copy(f, r)
	if cerr := r.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return res, fmt.Errorf("target blob %s: %w", b.Blob().Digest, err)
	}
	var prefix [16]byte
	n, _ := f.ReadAt(prefix[:], 0)
	res.recipe, err = recipe.Find(ctx, recipe.Input{
		Format: recipe.Sniff(prefix[:n]), Compressed: f, Size: f.Size(),
		Plain: p.stream.Raw, PlainSize: p.stream.Size,
	}, recipe.Options{MaxCorrections: f.Size() / correctionShare, Concurrency: 1, Debugf: c.opt.Debugf})
	switch {
	case err == nil:
		c.opt.debugf("blob %s: %s", b.Blob().Digest, res.recipe)
	case errors.Is(err, recipe.ErrNotReproduced) && c.opt.Exact == ExactRequire:
		res.data = &format.Data{MediaType: format.MediaTypeBlob, Digest: b.Blob().Digest, Size: f.Size(), Open: openSpool(f)}
	case errors.Is(err, recipe.ErrNotReproduced):
		res.why = err
	default:
		return res, fmt.Errorf("target blob %s: %w", b.Blob().Digest, err)
	}
	return res, nil
}

// blobOf finds a described blob.
func blobOf(l *format.Layer, d digest.Digest) *format.Blob {
	for i := range l.Blobs {
		if l.Blobs[i].Digest == d {
			return &l.Blobs[i]
		}
	}
	return nil
}
