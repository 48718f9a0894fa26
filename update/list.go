package update

import (
	"context"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/registry"
)

// Listed is a delta in a registry, beside the size of its image.
type Listed struct {
	registry.Entry
	// Whole is the size of the image's layers, compressed; 0 if the delta rebuilds
	// several images.
	Whole int64
}

// Saving is the share of a full pull that the delta saves.
func (l *Listed) Saving() float64 {
	if l.Whole == 0 {
		return 0
	}
	return 1 - float64(l.Size)/float64(l.Whole)
}

// List lists the deltas that rebuild an image in a registry: those that refer to
// its manifest, and for an image of several platforms those to its index and to
// the manifest of the wanted or, with all, of every platform. deltas is the
// repository to look in; empty is that of the image.
func List(ctx context.Context, name, deltas string, all bool, opt registry.Options) ([]Listed, error) {
	named, err := registry.ParseName(name)
	if err != nil {
		return nil, err
	}
	if deltas == "" {
		deltas = named.Name()
	}
	repo, err := registry.Open(ctx, deltas, opt)
	if err != nil {
		return nil, err
	}
	whole := map[digest.Digest]int64{} // by manifest or, 0, by index
	var subjects []digest.Digest
	note := func(d digest.Digest, size int64) {
		if !slices.Contains(subjects, d) {
			subjects = append(subjects, d)
			whole[d] = size
		}
	}
	images, closeAll, err := openImages(ctx, named.String(), all, opt)
	if err != nil {
		return nil, err
	}
	defer closeAll()
	for _, img := range images {
		size := int64(0)
		for _, l := range img.Layers() {
			if l.Blob() != nil {
				size += l.Blob().Size
			}
		}
		raw, _ := img.Manifest()
		note(digest.FromBytes(raw), size)
		for _, ix := range img.Indexes() {
			note(digest.FromBytes(ix.Raw), 0)
		}
	}
	var out []Listed
	for _, s := range subjects {
		entries, err := repo.Deltas(ctx, s)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			out = append(out, Listed{e, whole[s]})
		}
	}
	return out, nil
}

func openImages(ctx context.Context, name string, all bool, opt registry.Options) (images []image.Source, closeAll func() error, err error) {
	ref := string(image.Registry) + "://" + name
	err = again(ctx, opt.Retries, func() error {
		if all {
			set, err := image.OpenAll(ctx, ref, opt.Options)
			if err == nil {
				images, closeAll = set.Images, set.Close
			}
			return err
		}
		img, err := image.Open(ctx, ref, opt.Options)
		if err == nil {
			images, closeAll = []image.Source{img}, img.Close
		}
		return err
	})
	return images, closeAll, err
}
