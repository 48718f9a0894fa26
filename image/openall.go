package image

import (
	"context"
	"errors"
	"io"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Set is every image under one reference.
type Set struct {
	// Images has one Source for each platform, in the order of the index. They
	// are closed with the Set.
	Images []Source
	// Indexes lists every index, each after those that name it; the first is the
	// outermost. It is empty when the image is not multi-platform.
	Indexes []Index
	// Extra lists what the indexes name beside images of platforms, such as
	// attestations.
	Extra []ocispec.Descriptor
	// Missing lists what the indexes name and the source does not have.
	Missing []ocispec.Descriptor

	store store
	top   *top
}

// OpenAll opens the images of all platforms. Options.Platform is ignored.
func OpenAll(ctx context.Context, ref string, opt Options) (*Set, error) {
	r, err := ParseReference(ref)
	if err != nil {
		return nil, err
	}
	opt.Platform = nil
	t, err := openTop(ctx, r, &opt)
	if err != nil {
		return nil, withRef(ref, err)
	}
	set, err := t.all(ctx, &opt)
	if err != nil {
		t.Close()
		return nil, withRef(ref, err)
	}
	return set, nil
}

func (t *top) all(ctx context.Context, opt *Options) (*Set, error) {
	set := &Set{top: t}
	if t.walker == nil {
		img, err := t.one(ctx, opt)
		if err != nil {
			return nil, err
		}
		set.Images = []Source{img}
		return set, nil
	}
	w := t.walker
	set.store, set.Extra, set.Missing = w.store, w.extra, w.lost
	set.Indexes = w.indexes
	for _, l := range w.leaves {
		if l.absent {
			set.Missing = append(set.Missing, l.desc)
			continue
		}
		img, err := w.load(ctx, l)
		if err == nil && !opt.AllowMissing {
			err = img.firstMissing()
		}
		if errors.Is(err, ErrNotFound) && len(w.leaves) > 1 {
			opt.debugf("%s: %v", l.desc.Digest, err)
			set.Missing = append(set.Missing, l.desc)
			continue
		}
		if errors.Is(err, ErrNotImage) && len(w.leaves) > 1 {
			set.Extra = append(set.Extra, l.desc)
			continue
		}
		if err != nil {
			return nil, err
		}
		img.names = t.names
		set.Images = append(set.Images, img)
	}
	if len(set.Images) == 0 {
		_, err := t.one(ctx, opt) // says what is wrong
		if err == nil {
			err = ErrNotFound
		}
		return nil, err
	}
	return set, nil
}

// Blob opens any manifest or blob of the set by its descriptor, verified while
// it is read; it serves to carry the Extra ones along.
func (s *Set) Blob(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
	if s.store == nil {
		return nil, ErrNoBlob
	}
	if err := checkDescriptor(desc); err != nil {
		return nil, err
	}
	rc, _, err := s.store.blob(ctx, desc)
	if err != nil {
		return nil, err
	}
	return &readCloser{newVerifier(ctx, rc, "blob", desc.Digest, desc.Size), []io.Closer{rc}}, nil
}

// Manifest reads a manifest or index of the set, verified.
func (s *Set) Manifest(ctx context.Context, desc ocispec.Descriptor) ([]byte, error) {
	if s.store == nil {
		return nil, ErrNotFound
	}
	d, err := readManifest(ctx, s.store, desc)
	if err != nil {
		return nil, err
	}
	return d.raw, nil
}

// Close closes all images of the set.
func (s *Set) Close() error { return s.top.Close() }
