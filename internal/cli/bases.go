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
// those that the chosen targets need. The result is nil for a delta that needs
// none. The caller closes what was opened, also after an error.
func (a *app) openBases(ctx context.Context, d *delta.Delta, refs []string, ropt delta.RebuildOptions, opt image.Options) (base image.Image, opened closers, err error) {
	bases := d.Config().Bases
	if len(bases) > 0 && opt.Platform == nil {
		if p, err := image.ParsePlatform(cmp.Or(ropt.Platform, bases[0].Platform)); err == nil {
			opt.Platform = &p
		}
	}
	var images []image.Image
	open := func(ref string) error {
		// A target may copy from the base of another platform.
		set, err := openImages(ctx, ref, len(d.Config().Indexes) > 0, opt, &opened)
		if errors.Is(err, image.ErrNotFound) {
			err = fmt.Errorf("%w: %w", delta.ErrBase, err)
		}
		if err != nil {
			return err
		}
		for _, img := range set.Images {
			images = append(images, img)
		}
		return nil
	}
	for _, ref := range refs {
		if err := open(ref); err != nil {
			return nil, opened, err
		}
	}
	if len(refs) > 0 || len(bases) == 0 {
		return delta.Together(images...), opened, nil
	}
	if len(bases) > 1 {
		if bases, err = neededBases(ctx, d, ropt); err != nil || len(bases) == 0 {
			return nil, nil, err
		}
	}
	found, err := a.findBases(ctx, bases, opt)
	if err != nil {
		return nil, nil, err
	}
	for _, f := range found {
		a.ui.say("base: %s", strings.Join(append(f.Names, f.ID.String()), " "))
		if err := open(f.Ref()); err != nil {
			return nil, opened, err
		}
	}
	return delta.Together(images...), opened, nil
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

// findBases looks for all the bases in the daemon. Of several, some may be
// missing: whether the others suffice is seen when the target is rebuilt.
func (a *app) findBases(ctx context.Context, bases []format.Base, opt image.Options) (found []*image.DaemonImage, err error) {
	daemon, err := image.Connect(ctx, opt)
	if err != nil {
		return nil, fmt.Errorf("looking for the base, %s: %w; or give it with --base", baseName(bases[0]), err)
	}
	defer daemon.Close()
	var tried error
	for _, b := range bases {
		img, err := daemon.FindBase(ctx, image.Want{IDs: []digest.Digest{b.ID}, DiffIDs: b.DiffIDs, Names: b.Names})
		switch {
		case errors.Is(err, image.ErrNotFound):
			tried = cmp.Or(tried, err)
			if len(bases) > 1 {
				a.ui.say("not in the docker daemon: %s", baseName(b))
			}
		case err != nil:
			return nil, err
		case !slices.ContainsFunc(found, func(f *image.DaemonImage) bool { return f.ID == img.ID }):
			found = append(found, img)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%w: the docker daemon does not have %s: %w; give the base with --base", delta.ErrBase, baseName(bases[0]), tried)
	}
	return found, nil
}

func baseName(b format.Base) string {
	if len(b.Names) > 0 {
		return b.Names[0]
	}
	return b.ID.String()
}
