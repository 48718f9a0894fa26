package image

import (
	"context"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Index is a multi-platform index exactly as it was found.
type Index struct {
	Raw        []byte
	Descriptor ocispec.Descriptor // digest, size and media type of Raw
	Manifests  []ocispec.Descriptor
}

// ParseIndex reads an image index, or docker's manifest list.
func ParseIndex(raw []byte, mediaType string) (Index, error) {
	d, err := parseDocument(raw)
	if err != nil {
		return Index{}, err
	}
	if d.kind != docIndex {
		return Index{}, fmt.Errorf("%w: %s, expected an index", ErrNotImage, d.kind)
	}
	ix := Index{Raw: raw, Descriptor: d.descriptor(), Manifests: d.index}
	ix.Descriptor.MediaType = mediaType
	return ix, nil
}

// Indexed is what an Image implements that was chosen from an index.
type Indexed interface {
	// Indexes lists the indexes that led to the image, outermost first. It is
	// empty when the manifest stood alone. The index.json of an OCI layout is
	// a table of contents and not among them.
	Indexes() []Index
}

// leaf is a manifest of one platform, found under an index.
type leaf struct {
	desc   ocispec.Descriptor
	chain  []Index
	absent bool // named, and not in the store
}

// walker collects the leaves under a descriptor.
type walker struct {
	store   store
	opt     *Options
	leaves  []leaf
	indexes []Index              // all of them, outermost first
	extra   []ocispec.Descriptor // attestations and the like
	lost    []ocispec.Descriptor // indexes that are named and absent
	docs    map[string]*document // manifests read on the way, by digest
	toc     digest.Digest        // an index.json: a table of contents, no index
}

func (w *walker) read(ctx context.Context, desc ocispec.Descriptor) (*document, error) {
	if d, ok := w.docs[desc.Digest.String()]; ok {
		return d, nil
	}
	d, err := readManifest(ctx, w.store, desc)
	if err == nil {
		w.docs[desc.Digest.String()] = d
	}
	return d, err
}

// walk descends from desc, whose media type is only a hint.
func (w *walker) walk(ctx context.Context, desc ocispec.Descriptor) error {
	return w.descend(ctx, desc, 0, nil)
}

func (w *walker) descend(ctx context.Context, desc ocispec.Descriptor, depth int, chain []Index) error {
	if depth > maxDepth {
		return fmt.Errorf("indexes are nested more than %d deep", maxDepth)
	}
	if depth > 0 && (isUnknown(desc.Platform) || desc.Annotations["vnd.docker.reference.type"] != "") {
		w.opt.debugf("%s is an attestation, not a platform", desc.Digest)
		w.extra = append(w.extra, desc)
		return nil
	}
	// What is surely a manifest of a known platform is read when it is chosen.
	certain := desc.MediaType == ocispec.MediaTypeImageManifest || desc.MediaType == dockerManifestType
	if certain && desc.Platform != nil && depth > 0 && !w.store.local() {
		return w.add(leaf{desc: desc, chain: chain})
	}
	d, err := w.read(ctx, desc)
	switch {
	case errors.Is(err, ErrNotFound) && depth > 0:
		w.opt.debugf("%s is named by its index and absent from %s", desc.Digest, w.store.source())
		if desc.MediaType == ocispec.MediaTypeImageIndex || desc.MediaType == dockerIndexType {
			w.lost = append(w.lost, desc)
			return nil
		}
		return w.add(leaf{desc: desc, chain: chain, absent: true})
	case err != nil:
		return err
	}
	switch d.kind {
	case docManifest:
		return w.add(leaf{desc: desc, chain: chain})
	case docIndex:
		ix := Index{Raw: d.raw, Descriptor: d.descriptor(), Manifests: d.index}
		ix.Descriptor.MediaType = d.mediaType
		next := chain
		if desc.Digest != w.toc {
			next = append(chain[:len(chain):len(chain)], ix)
			w.indexes = append(w.indexes, ix)
		}
		w.opt.debugf("%s is an index of %d manifests", desc.Digest, len(d.index))
		for _, m := range d.index {
			if err := w.descend(ctx, m, depth+1, next); err != nil {
				return err
			}
		}
		return nil
	case docSchema1:
		return hint(fmt.Errorf("%w: a docker schema 1 manifest, which has no image config", ErrNotImage), "push the image again with a docker newer than 1.10")
	}
	return fmt.Errorf("%w: %s, expected an image manifest or an index", ErrNotImage, d.kind)
}

func (w *walker) add(l leaf) error {
	if len(w.leaves) >= maxManifests {
		return fmt.Errorf("more than %d manifests", maxManifests)
	}
	w.leaves = append(w.leaves, l)
	return nil
}

// platforms tells the platform of every leaf: from its descriptor, else from
// its config.
func (w *walker) platforms(ctx context.Context) ([]ocispec.Platform, error) {
	out := make([]ocispec.Platform, len(w.leaves))
	for i, l := range w.leaves {
		if p := l.desc.Platform; p != nil && p.Architecture != "" {
			out[i] = *p
			continue
		}
		d, err := w.read(ctx, l.desc)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		raw, err := readBlob(ctx, w.store, "an image config", d.manifest.Config, maxJSON)
		if err != nil {
			return nil, err
		}
		c, err := parseConfig(raw, len(d.manifest.Layers))
		if err != nil {
			return nil, firstError(checkIsImage(&d.manifest), err)
		}
		out[i] = c.Platform
	}
	return out, nil
}

// pick chooses the leaf of the wanted platform.
func (w *walker) pick(ctx context.Context) (leaf, error) {
	if len(w.leaves) == 0 {
		if len(w.lost) > 0 {
			return leaf{}, &MissingError{Source: w.store.source(), What: "an index", Digest: w.lost[0].Digest, Hint: "get a complete copy of the image"}
		}
		return leaf{}, fmt.Errorf("%w: its index names no image", ErrNotImage)
	}
	want, explicit, err := w.opt.wanted()
	if err != nil {
		return leaf{}, err
	}
	if len(w.leaves) == 1 && !explicit {
		return w.leaves[0], nil // there is nothing to choose
	}
	have, err := w.platforms(ctx)
	if err != nil {
		return leaf{}, err
	}
	i := choose(want, have)
	if i < 0 {
		var there []ocispec.Platform
		for i, l := range w.leaves {
			if !l.absent {
				there = append(there, have[i])
			}
		}
		return leaf{}, &PlatformError{Ref: w.store.source(), Want: FormatPlatform(want), Have: formatPlatforms(there)}
	}
	w.opt.debugf("platform %s: chose %s", FormatPlatform(want), w.leaves[i].desc.Digest)
	return w.leaves[i], nil
}

// load opens the image of a leaf.
func (w *walker) load(ctx context.Context, l leaf) (*opened, error) {
	d, err := w.read(ctx, l.desc)
	if err != nil {
		if me := (*MissingError)(nil); errors.As(err, &me) && l.desc.Platform != nil {
			me.What = "the manifest for " + FormatPlatform(normalize(*l.desc.Platform))
			me.Hint = missingHint(l.desc)
		}
		return nil, err
	}
	img, err := newFromManifest(ctx, w.store, d)
	if err != nil {
		return nil, err
	}
	img.indexes = l.chain
	if a, ok := w.store.(interface {
		adapt(context.Context, *opened) error
	}); ok {
		if err := a.adapt(ctx, img); err != nil {
			return nil, err
		}
	}
	return img, nil
}
