package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/image"
)

// openBases opens the images that --base names, else looks into the daemon for
// those that the chosen targets need; there are none for a delta that needs none.
// The caller closes what was opened, also after an error.
func (a *app) openBases(ctx context.Context, d *delta.Delta, refs []string, ropt delta.RebuildOptions, opt image.Options) (images []image.Image, opened closers, err error) {
	bases := d.Config().Bases
	if len(bases) > 0 && opt.Platform == nil {
		if p, err := image.ParsePlatform(cmp.Or(ropt.Platform, bases[0].Platform)); err == nil {
			opt.Platform = &p
		}
	}
	if len(refs) == 0 && len(bases) > 0 {
		found, err := a.findBases(ctx, d, ropt, opt)
		if err != nil && (!d.StandsAlone() || ctx.Err() != nil) {
			return nil, nil, err
		}
		for _, f := range found {
			a.ui.say("base: %s", strings.Join(append(f.Names, f.ID.String()), " "))
			refs = append(refs, f.Ref())
		}
	}
	for _, ref := range refs {
		// A target may copy from the base of another platform.
		set, err := openImages(ctx, ref, len(d.Config().Indexes) > 0, opt, &opened)
		if errors.Is(err, image.ErrNotFound) {
			err = fmt.Errorf("%w: %w", delta.ErrBase, err)
		}
		if err != nil {
			return nil, opened, err
		}
		for _, img := range set.Images {
			images = append(images, img)
		}
	}
	return images, opened, nil
}

// neededBases lists the bases with layers that the chosen targets need.
func neededBases(ctx context.Context, d *delta.Delta, ropt delta.RebuildOptions) ([]format.Base, error) {
	needs, err := d.Needs(ctx, ropt)
	if err != nil {
		return nil, err
	}
	var list []format.Base
	for _, b := range d.Config().Bases {
		if slices.ContainsFunc(needs, func(id digest.Digest) bool { return slices.Contains(b.DiffIDs, id) }) {
			list = append(list, b)
		}
	}
	return list, nil
}

// findBases looks in the daemon for the bases that the chosen targets need and,
// where some of these are missing, for the bases of the package's steps. Whether
// what is there suffices is seen when the target is rebuilt.
func (a *app) findBases(ctx context.Context, d *delta.Delta, ropt delta.RebuildOptions, opt image.Options) ([]*image.DaemonImage, error) {
	bases := d.Config().Bases
	if len(bases) > 1 {
		var err error
		if bases, err = neededBases(ctx, d, ropt); err != nil || len(bases) == 0 {
			return nil, err
		}
	}
	daemon, err := image.Connect(ctx, opt)
	if err != nil {
		return nil, fmt.Errorf("looking for the base, %s: %w; or give the base with --base", baseName(bases[0]), err)
	}
	defer daemon.Close()
	f := &finder{daemon: daemon}
	if err := f.find(ctx, bases); err != nil {
		return nil, err
	}
	if len(f.missing) > 0 {
		for _, step := range d.Config().Steps {
			if err := f.find(ctx, step.Bases); err != nil {
				return nil, err
			}
		}
	}
	if len(f.found) == 0 {
		return nil, fmt.Errorf("%w: the docker daemon does not have %s: %w; give the base with --base", delta.ErrBase, strings.Join(f.missing, " or "), f.err)
	}
	if len(bases) > 1 {
		for _, name := range f.missing {
			a.ui.say("not in the docker daemon: %s", name)
		}
	}
	return f.found, nil
}

// finder looks for bases in a daemon.
type finder struct {
	daemon  *image.Daemon
	found   []*image.DaemonImage
	missing []string
	err     error // of the first that is missing
}

func (f *finder) find(ctx context.Context, bases []format.Base) error {
	for _, b := range bases {
		img, err := f.daemon.FindBase(ctx, image.Want{IDs: []digest.Digest{b.ID}, DiffIDs: b.DiffIDs, Names: b.Names})
		switch {
		case errors.Is(err, image.ErrNotFound):
			f.err = cmp.Or(f.err, err)
			f.missing = append(f.missing, baseName(b))
		case err != nil:
			return err
		case !slices.ContainsFunc(f.found, func(have *image.DaemonImage) bool { return have.ID == img.ID }):
			f.found = append(f.found, img)
		}
	}
	return nil
}

func baseName(b format.Base) string {
	if len(b.Names) > 0 {
		return b.Names[0]
	}
	return b.ID.String()
}
