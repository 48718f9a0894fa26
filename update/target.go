package update

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/identity"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/docker/reference"

	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/registry"
)

// target is an image in a registry, pinned by its digest. It counts what is read.
type target struct {
	image.Source
	name     string // fully qualified, with tag or digest
	tag      string // the name, if it is one that an image can be given
	manifest ocispec.Descriptor
	id       digest.Digest
	blobs    []ocispec.Descriptor // of the layers
	fetched  atomic.Int64
}

// openTarget reads manifest and config.
func openTarget(ctx context.Context, name string, opt registry.Options) (*target, error) {
	named, err := registry.ParseName(name)
	if err != nil {
		return nil, err
	}
	t := &target{}
	if _, ok := named.(reference.Digested); !ok {
		named = reference.TagNameOnly(named)
		t.tag = named.String()
	} else if tagged, ok := named.(reference.Tagged); ok { // name:tag@digest
		base := reference.TrimNamed(named)
		if withTag, err := reference.WithTag(base, tagged.Tag()); err == nil {
			t.tag = withTag.String()
		}
		if named, err = reference.WithDigest(base, named.(reference.Digested).Digest()); err != nil {
			return nil, err
		}
	}
	t.name = named.String()
	err = again(ctx, opt.Retries, func() (err error) {
		t.Source, err = image.Open(ctx, string(image.Registry)+"://"+t.name, opt.Options)
		return err
	})
	if err != nil {
		return nil, err
	}
	raw, mediaType := t.Manifest()
	if raw == nil {
		t.Close()
		return nil, fmt.Errorf("%s has no manifest", t.name)
	}
	t.manifest = ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	t.id = digest.FromBytes(t.Config())
	t.fetched.Store(int64(len(raw) + len(t.Config())))
	for _, ix := range t.Indexes() {
		t.fetched.Add(int64(len(ix.Raw)))
	}
	for _, l := range t.Source.Layers() {
		if l.Blob() == nil {
			t.Close()
			return nil, fmt.Errorf("%s has a layer without a blob", t.name)
		}
		t.blobs = append(t.blobs, *l.Blob())
	}
	return t, nil
}

// subjects are the digests that deltas to the image may refer to.
func (t *target) subjects() []digest.Digest {
	list := []digest.Digest{t.manifest.Digest}
	for _, ix := range t.Indexes() {
		list = append(list, digest.FromBytes(ix.Raw))
	}
	return list
}

// chain is the ChainID of the layers.
func (t *target) chain() digest.Digest {
	var ids []digest.Digest
	for _, l := range t.Source.Layers() {
		ids = append(ids, l.DiffID())
	}
	return identity.ChainID(ids)
}

// Layers gives layers that count.
func (t *target) Layers() []image.Layer {
	var out []image.Layer
	for _, l := range t.Source.Layers() {
		out = append(out, &remoteLayer{l, t})
	}
	return out
}

// remoteLayer counts what is fetched of a layer.
type remoteLayer struct {
	image.Layer
	t *target
}

func (l *remoteLayer) Compressed(ctx context.Context) (io.ReadCloser, error) {
	r, err := l.Layer.Compressed(ctx)
	if err != nil {
		return nil, err
	}
	return &countedReader{r, func(n int) { l.t.fetched.Add(int64(n)) }}, nil
}

func (l *remoteLayer) Plain(ctx context.Context) (io.ReadCloser, error) {
	r, err := l.Layer.Plain(ctx)
	if err != nil {
		return nil, err
	}
	l.t.fetched.Add(l.Blob().Size) // which all is read for it
	return r, nil
}

type countedReader struct {
	io.ReadCloser
	count func(int)
}

func (c *countedReader) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.count(n)
	return n, err
}

// mixed is the target with those layers taken from an image at hand that it has.
type mixed struct {
	*target
	p    *Plan
	used atomic.Bool // a layer at hand was opened
}

func (m *mixed) Layers() []image.Layer {
	var out []image.Layer
	for _, l := range m.target.Layers() {
		out = append(out, &mixedLayer{l, m})
	}
	return out
}

type mixedLayer struct {
	image.Layer
	m *mixed
}

func (l *mixedLayer) Plain(ctx context.Context) (io.ReadCloser, error) {
	if here := l.m.p.host.layer(ctx, l.DiffID()); here != nil {
		if r, err := here.Plain(ctx); err == nil {
			l.m.used.Store(true)
			return r, nil
		}
	}
	return l.Layer.Plain(ctx)
}

func (l *mixedLayer) Compressed(ctx context.Context) (io.ReadCloser, error) {
	here := l.m.p.host.layer(ctx, l.DiffID())
	if here != nil && here.Blob() != nil && here.Blob().Digest == l.Blob().Digest {
		if r, err := here.Compressed(ctx); err == nil {
			l.m.used.Store(true)
			return r, nil
		}
	}
	return l.Layer.Compressed(ctx)
}
