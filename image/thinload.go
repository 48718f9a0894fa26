package image

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// omission gives the blob that a destination has for layer i of an image; with
// exact, only the blob that the image itself names.
type omission func(i int, l Layer, exact bool) (desc ocispec.Descriptor, ok bool)

// classic reports docker's classic image store.
func (d *Daemon) classic() bool { return !d.Containerd() && !d.client.Podman }

// sendThin sends what the daemon lacks. It gives nil and no error when there is
// nothing to leave out, or when the daemon does not take the archive.
//
// How a store finds the layers that the archive lacks: the classic one looks a
// layer up by the chain of DiffIDs before it looks into the archive
// (moby#18727), so the lowest layers may be absent; containerd's imports the
// manifest, and finds blobs and unpacked layers by their digests; podman looks
// for each layer by its digest before it reads the archive, in any position.
func (l *loader) sendThin(ctx context.Context, set *Images) ([]*copied, error) {
	all, err := l.Images(ctx)
	if err != nil {
		return nil, err
	}
	omit, total := make([]omission, len(set.Images)), 0
	for i, img := range set.Images {
		var n int
		omit[i], n = l.present(ctx, img.Layers(), all)
		total += n
		l.opt.debugf("thin load: the daemon has %d of %d layers", n, len(img.Layers()))
	}
	if total == 0 {
		return nil, nil
	}
	done, err := l.stream(ctx, set, omit)
	if err == nil {
		if err = l.checkAll(ctx, set, done); err == nil {
			err = l.checkComplete(ctx, set, done)
		}
	}
	if err == nil {
		return done, nil
	}
	l.removeBroken(context.WithoutCancel(ctx), set, all)
	if ctx.Err() != nil || !errors.Is(err, errLoad) {
		return nil, err
	}
	l.opt.debugf("thin load: %v; sending all layers", err)
	return nil, nil
}

// present finds the layers that need not be sent, and their number.
func (l *loader) present(ctx context.Context, layers []Layer, all []*DaemonImage) (omission, int) {
	if l.classic() {
		n := lowestCommon(layers, all)
		return func(i int, l Layer, _ bool) (ocispec.Descriptor, bool) { return plainDescriptor(l), i < n }, n
	}
	var have blobsByDiffID
	if l.Containerd() {
		if l.have == nil {
			l.have = l.blobs(ctx, all, l.opt)
		}
		have = l.have
	} else {
		have = blobsByDiffID{}
		for _, l := range layers {
			if slices.ContainsFunc(all, func(i *DaemonImage) bool { return slices.Contains(i.DiffIDs, l.DiffID()) }) {
				have[l.DiffID()] = []ocispec.Descriptor{plainDescriptor(l)}
			}
		}
	}
	n := 0
	for _, l := range layers {
		if len(have[l.DiffID()]) > 0 {
			n++
		}
	}
	return have.omit, n
}

// plainDescriptor names a layer by its DiffID. A size that is not known does no
// harm where the layer is found.
func plainDescriptor(l Layer) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayer, Digest: l.DiffID(), Size: max(l.Size(), 0)}
}

// lowestCommon counts the lowest layers that some image has in the same order.
func lowestCommon(layers []Layer, all []*DaemonImage) int {
	best := 0
	for _, i := range all {
		n := 0
		for n < len(layers) && n < len(i.DiffIDs) && layers[n].DiffID() == i.DiffIDs[n] {
			n++
		}
		best = max(best, n)
	}
	return best
}

// blobsByDiffID are the forms in which a store has a layer.
type blobsByDiffID map[digest.Digest][]ocispec.Descriptor

func (b blobsByDiffID) omit(_ int, l Layer, exact bool) (ocispec.Descriptor, bool) {
	list := b[l.DiffID()]
	if exact {
		own := l.Blob()
		return *own, slices.ContainsFunc(list, func(d ocispec.Descriptor) bool { return d.Digest == own.Digest })
	}
	if len(list) == 0 {
		return ocispec.Descriptor{}, false
	}
	return slices.MinFunc(list, func(a, b ocispec.Descriptor) int {
		return cmp.Or(cmp.Compare(a.Size, b.Size), cmp.Compare(a.Digest, b.Digest))
	}), true
}

func (b blobsByDiffID) note(layers []Layer) {
	for _, l := range layers {
		s, ok := l.(*storeLayer)
		if desc := l.Blob(); desc != nil && !(ok && s.missing != nil) {
			b[l.DiffID()] = append(b[l.DiffID()], *desc)
		}
	}
}

// blobs lists the blobs in a containerd store that images refer to, which keeps
// them from being collected: as the files of the store tell, else as those
// images do that were read from it.
func (d *Daemon) blobs(ctx context.Context, all []*DaemonImage, opt *WriteOptions) blobsByDiffID {
	have := blobsByDiffID{}
	for _, i := range opt.InDaemon {
		have.note(i.Layers())
	}
	if err := d.canReadStore(opt.ReadStore); err != nil {
		opt.debugf("thin load: %v", err)
		return have
	}
	for _, i := range all {
		t, err := d.direct(ctx, i, &opt.Options)
		if err != nil {
			opt.debugf("thin load: %s: %v", i.ID, err)
			continue
		}
		for _, l := range t.walker.leaves {
			if img, err := t.walker.load(ctx, l); err == nil {
				have.note(img.layers)
			}
		}
		t.Close()
	}
	return have
}

// checkComplete looks, where it can, whether the store has all layers of images
// that were loaded without some of them: a base may be removed meanwhile.
func (l *loader) checkComplete(ctx context.Context, set *Images, done []*copied) error {
	if !l.Containerd() || l.canReadStore(l.opt.ReadStore) != nil {
		return nil
	}
	var ids []digest.Digest
	for i, c := range done {
		if !set.Images[i].inner {
			ids = append(ids, c.result.DaemonID)
		}
	}
	for _, ix := range set.topIndexes() {
		ids = append(ids, ix.Descriptor.Digest)
	}
	for _, id := range ids {
		img, err := l.Inspect(ctx, id.String())
		if err != nil {
			return err
		}
		quiet := l.opt.Options
		quiet.Platform = nil
		t, err := l.direct(ctx, img, &quiet)
		if me := (*MissingError)(nil); errors.As(err, &me) {
			return fmt.Errorf("%w: %w", errLoad, err)
		}
		if err == nil {
			t.Close()
		}
	}
	return nil
}

// removeBroken removes images that a failed load into a containerd store has
// left without their layers, unless they were there before.
func (l *loader) removeBroken(ctx context.Context, set *Images, before []*DaemonImage) {
	if !l.Containerd() {
		return
	}
	var ids []digest.Digest
	for _, img := range set.Images {
		if raw, _ := img.Manifest(); raw != nil && !img.inner {
			ids = append(ids, digest.FromBytes(raw))
		}
	}
	for _, ix := range set.topIndexes() {
		ids = append(ids, ix.Descriptor.Digest)
	}
	for _, id := range ids {
		if slices.ContainsFunc(before, func(i *DaemonImage) bool { return i.ID == id }) {
			continue
		}
		if got, err := l.client.Inspect(ctx, id.String()); err == nil && got.ID == id.String() && len(got.RepoTags) == 0 {
			_ = l.client.Remove(ctx, id.String())
		}
	}
}
