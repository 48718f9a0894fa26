package delta

import (
	"bytes"
	"context"
	"io"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/identity"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/internal/spool"
)

func openSpool(f *spool.File) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(f.Section(0, f.Size())), nil }
}

// write describes the images and writes the package.
func (c *creator) write(ctx context.Context, w io.Writer, in Input) (*Created, error) {
	for _, p := range c.bases {
		c.config.Reference = append(c.config.Reference, format.ReferenceLayer{DiffID: p.layer.DiffID(), Size: p.stream.Size})
	}
	for _, img := range in.Bases {
		b := format.Base{Names: img.Names(), ID: digest.FromBytes(img.Config()), Platform: platform(img), DiffIDs: []digest.Digest{}}
		for _, l := range img.Layers() {
			b.DiffIDs = append(b.DiffIDs, l.DiffID())
		}
		c.config.Bases = append(c.config.Bases, b)
	}
	subject, err := c.describeTargets(in)
	if err != nil {
		return nil, err
	}
	packed, err := c.meta.pack(ctx, c.opt.Level)
	if err != nil {
		return nil, err
	}
	c.config.Metadata = digest.FromBytes(packed)
	blobs := append([]format.Data{{
		MediaType: format.MediaTypeMetadata, Digest: c.config.Metadata, Size: int64(len(packed)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(packed)), nil },
	}}, c.blobs...)
	count := &countingWriter{w: w}
	if err := format.Write(count, c.config, subject, c.annotations(in), blobs); err != nil {
		return nil, err
	}
	return &Created{Config: c.config, Size: count.n, Inexact: c.inexact, Costs: c.costs}, nil
}

// describeTargets lists targets, artifacts and indexes, and gives what the package
// as a whole rebuilds: a manifest or an index; nil for a bundle, which belongs to
// none of its images.
func (c *creator) describeTargets(in Input) (subject *ocispec.Descriptor, err error) {
	platforms := make(map[string]bool)
	inner := namedBy(in.Indexes)
	var tops []ocispec.Descriptor
	top := func(p *format.Part) {
		if p == nil {
			tops = append(tops, ocispec.Descriptor{})
		} else if !inner[p.Digest] {
			tops = append(tops, ocispec.Descriptor{MediaType: p.MediaType, Digest: p.Digest, Size: p.Size})
		}
	}
	for _, img := range in.Targets {
		t, err := c.target(img)
		if err != nil {
			return nil, err
		}
		platforms[t.Platform] = true
		top(t.Manifest)
		c.config.Targets = append(c.config.Targets, t)
	}
	for _, img := range in.Artifacts {
		t, err := c.target(img)
		if err != nil {
			return nil, err
		}
		t.Names, t.Platform = nil, ""
		c.config.Artifacts = append(c.config.Artifacts, t)
	}
	for _, ix := range in.Indexes {
		names := ix.Names
		if c.opt.Names != nil && names != nil {
			names = c.opt.Names
		}
		part := c.part(ix.Raw, ix.Descriptor.MediaType)
		c.config.Indexes = append(c.config.Indexes, format.Index{Names: names, Part: part})
		top(&part)
	}
	if len(platforms) < len(in.Targets) {
		c.config.Requires = append(c.config.Requires, format.FeatureBundle)
	}
	if len(in.Indexes) > 0 {
		c.config.Requires = append(c.config.Requires, format.FeatureIndex)
	}
	if len(platforms) == len(in.Targets) && len(in.Indexes) == 0 { // at most one for each platform, by the way of the first
		tops = tops[:1]
	}
	if len(tops) == 1 && tops[0].Digest != "" {
		subject = &tops[0]
	}
	return subject, nil
}

// namedBy gives the digests of all that the indexes name.
func namedBy(indexes []image.NamedIndex) map[digest.Digest]bool {
	named := make(map[digest.Digest]bool)
	for _, ix := range indexes {
		for _, d := range ix.Manifests {
			named[d.Digest] = true
		}
	}
	return named
}

func (c *creator) part(b []byte, mediaType string) format.Part {
	return format.Part{MediaType: mediaType, Digest: digest.FromBytes(b), Size: int64(len(b)), Part: c.meta.add(b)}
}

func (c *creator) target(img image.Image) (format.Target, error) {
	t := format.Target{Names: img.Names(), Platform: platform(img), Config: c.part(img.Config(), ""), Layers: []int{}}
	if c.opt.Names != nil {
		t.Names = c.opt.Names
	}
	if raw, mediaType := img.Manifest(); raw != nil && c.opt.Exact != ExactOff {
		m := c.part(raw, mediaType)
		t.Manifest = &m
	}
	for _, l := range img.Layers() {
		t.Layers = append(t.Layers, c.pool[l.DiffID()].entry)
	}
	return t, nil
}

func (c *creator) annotations(in Input) map[string]string {
	a := make(map[string]string)
	put := func(key, value string) {
		if value != "" {
			a[key] = value
		}
	}
	if len(c.config.Bases) > 0 {
		b := c.config.Bases[0]
		put(format.AnnotationBase, b.ID.String())
		put(format.AnnotationBaseName, first(b.Names))
		if len(c.config.Bases) == 1 {
			put(format.AnnotationBaseChain, identity.ChainID(b.DiffIDs).String())
			if raw, _ := in.Bases[0].Manifest(); raw != nil {
				put(format.AnnotationBaseManifest, digest.FromBytes(raw).String())
			}
		}
	}
	t := c.config.Targets[0]
	put(format.AnnotationTarget, t.Config.Digest.String())
	put(format.AnnotationTargetName, first(t.Names))
	if len(c.config.Targets) == 1 {
		put(format.AnnotationPlatform, t.Platform)
	}
	return a
}
