package delta

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/image"
)

// RebuildOptions tune Rebuild.
type RebuildOptions struct {
	Resources
	// Platform chooses among several targets, as os/arch[/variant]; it may be
	// empty where there is one.
	Platform string
	// Images choose among several targets by name, or by (the beginning of) the
	// image ID; none leaves the choice to Platform.
	Images []string
	// Names are what the result will be called, as far as the trust in the package
	// depends on it; the names that the package records count anyway.
	Names []string
	// Indexes adds the indexes that name nothing but the chosen targets, and what
	// they name beside images.
	Indexes bool
}

// Rebuilt is a target image that is made as it is read: its layers are decoded
// when a destination opens them. Everything it gives is verified.
type Rebuilt struct {
	target
	work *rebuild
}

// Close ends whatever still reads a layer, and gives up the temporary files.
func (r *Rebuilt) Close() error { return r.work.close() }

// Rebuild prepares the target from the base, which may come from another kind
// of store than the delta was made from: only the DiffIDs count. base may be
// nil for a delta without base. It reads what the delta needs of the base;
// the base must stay open as long as the result is used.
func (d *Delta) Rebuild(ctx context.Context, base image.Image, opt RebuildOptions) (*Rebuilt, error) {
	targets, err := d.choose(opt)
	if err != nil {
		return nil, err
	}
	if len(targets) > 1 {
		return nil, fmt.Errorf("the delta holds %d images that fit: %s; choose one", len(targets), describeTargets(targets))
	}
	w, err := d.rebuild(ctx, targets, base, opt)
	if err != nil {
		return nil, err
	}
	return &Rebuilt{work: w, target: target{d: d, t: targets[0], work: w}}, nil
}

// RebuiltSet is several target images that are made as they are read. What they
// share is decoded for all of them.
type RebuiltSet struct {
	Images []image.Image
	// Indexes and Artifacts are there if [RebuildOptions] ask for them; an index
	// comes after those that it names.
	Indexes   []image.NamedIndex
	Artifacts []image.Image
	work      *rebuild
}

// Close ends whatever still reads a layer, and gives up the temporary files.
func (r *RebuiltSet) Close() error { return r.work.close() }

// CheckExact fails with ErrNotExact where an index names an image whose manifest
// does not come back, and names all of these.
func (r *RebuiltSet) CheckExact() error {
	if len(r.Indexes) == 0 {
		return nil
	}
	var list []*format.Target
	for _, img := range r.Images {
		t := img.(*target)
		if t.t.Manifest != nil && namedBy(r.Indexes)[t.t.Manifest.Digest] && len(t.inexact()) > 0 {
			list = append(list, t.t)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return fmt.Errorf("%w, and so the index cannot keep its digest: %s", ErrNotExact, describeTargets(list))
}

// RebuildSet prepares all targets that the options leave, as [Delta.Rebuild] does
// for one. Of several bases, [Together] makes one.
func (d *Delta) RebuildSet(ctx context.Context, base image.Image, opt RebuildOptions) (*RebuiltSet, error) {
	targets, err := d.choose(opt)
	if err != nil {
		return nil, err
	}
	indexes, artifacts, err := d.indexesOf(targets, opt)
	if err != nil {
		return nil, classify(err)
	}
	w, err := d.rebuild(ctx, append(slices.Clone(targets), artifacts...), base, opt)
	if err != nil {
		return nil, err
	}
	r := &RebuiltSet{work: w, Indexes: indexes}
	for _, t := range targets {
		r.Images = append(r.Images, &target{d: d, t: t, work: w})
	}
	for _, t := range artifacts {
		r.Artifacts = append(r.Artifacts, &target{d: d, t: t, work: w})
	}
	return r, nil
}

// Needs lists the layers of the base that rebuilding the targets takes which the
// options leave, by DiffID. It reads the package only.
func (d *Delta) Needs(ctx context.Context, opt RebuildOptions) ([]digest.Digest, error) {
	targets, err := d.choose(opt)
	if err != nil {
		return nil, err
	}
	_, artifacts, err := d.indexesOf(targets, opt)
	if err != nil {
		return nil, classify(err)
	}
	w := d.main.newRebuild(opt)
	if err := w.plan(ctx, layersOf(append(targets, artifacts...))); err != nil {
		return nil, classify(err)
	}
	return w.baseLayers(), nil
}

// layersOf collects the numbers of the targets' layers.
func layersOf(targets []*format.Target) map[int]bool {
	wanted := make(map[int]bool)
	for _, t := range targets {
		for _, n := range t.Layers {
			wanted[n] = true
		}
	}
	return wanted
}

func (d *Delta) rebuild(ctx context.Context, targets []*format.Target, base image.Image, opt RebuildOptions) (*rebuild, error) {
	if err := d.Allows(opt.Names...); err != nil {
		return nil, err
	}
	if err := d.checkSize(targets, opt.MaxImage); err != nil {
		return nil, err
	}
	w := d.main.newRebuild(opt)
	w.dir, w.base = opt.dir(), make(map[digest.Digest]image.Layer)
	if base != nil {
		for _, l := range base.Layers() {
			if have := w.base[l.DiffID()]; have == nil || have.Blob() == nil {
				w.base[l.DiffID()] = l
			}
		}
	}
	err := w.plan(ctx, layersOf(targets))
	if err == nil {
		err = w.takeSteps(ctx)
	}
	if err == nil {
		err = w.prepare(ctx)
	}
	if err != nil {
		w.close()
		return nil, classify(err)
	}
	return w, nil
}

// ErrTooLarge reports images that are larger than allowed.
var ErrTooLarge = errors.New("the image is larger than allowed")

// checkSize adds up what the targets claim to have.
func (d *Delta) checkSize(targets []*format.Target, most int64) error {
	size := int64(0)
	for _, t := range targets {
		for _, n := range t.Layers {
			size += min(d.pkg.Config.Layers[n].Size, math.MaxInt64-size)
		}
	}
	if most > 0 && size > most {
		return fmt.Errorf("%w: its layers have %d bytes, %d are allowed; raise --max-image", ErrTooLarge, size, most)
	}
	return nil
}
