package delta

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/identity"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/docker-delta/docker-delta/diff"
	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/internal/spool"
	"github.com/docker-delta/docker-delta/layer"
)

// CreateOptions tune Create.
type CreateOptions struct {
	Resources
	Level Level
	Exact Exactness
	// Names are recorded as the target's in place of those it has.
	Names []string
}

// Input is what a delta is made from.
type Input struct {
	// Bases are what the receiver has; none makes a package that stands alone.
	Bases []image.Image
	// Targets are what the receiver is to have: usually one, or one for each
	// platform.
	Targets []image.Image
	// Index is the image index that names the targets' manifests, if all of
	// them are to come back under its digest.
	Index          []byte
	IndexMediaType string
}

// Created tells what Create has written.
type Created struct {
	Config *format.Config
	// Size is the length of the package in bytes.
	Size int64
	// Inexact names the compressed blobs that cannot be rebuilt, with reasons.
	Inexact []string
}

// Create writes the delta from the bases to the targets. It writes nothing
// before everything is known, so an error before the first byte leaves w as it
// was.
func Create(ctx context.Context, w io.Writer, in Input, opt CreateOptions) (*Created, error) {
	if len(in.Targets) == 0 {
		return nil, errors.New("no target image")
	}
	c := &creator{opt: opt, dir: opt.dir(), meta: newMetadata(), config: &format.Config{FormatVersion: format.Version}}
	defer c.close()
	if err := c.read(ctx, in); err != nil {
		return nil, err
	}
	if err := c.unwrap(ctx); err != nil {
		return nil, err
	}
	if err := c.findRecipes(ctx); err != nil {
		return nil, err
	}
	if err := c.encode(ctx); err != nil {
		return nil, err
	}
	return c.write(ctx, w, in)
}

// pooled is a layer of the bases or targets; each DiffID comes once.
type pooled struct {
	layer  image.Layer
	side   string // "base" or "target"
	stream *layer.Stream
	blobs  []image.Layer // of a target: one for each distinct compressed form
	entry  int           // in Config.Layers, -1 for a layer that only bases have
}

type creator struct {
	opt    CreateOptions
	dir    *spool.Dir
	mu     sync.Mutex
	files  []*spool.File
	meta   *metadata
	config *format.Config

	pool    map[digest.Digest]*pooled
	bases   []*pooled // in the order of the reference
	targets []*pooled // in the order of Config.Layers

	baseSide, targetSide *layer.Unwrapper
	blobs                []format.Data
	inexact              []string
}

func (c *creator) close() {
	for _, u := range []*layer.Unwrapper{c.baseSide, c.targetSide} {
		if u != nil {
			u.Close()
		}
	}
	for _, f := range c.files {
		f.Close()
	}
}

// changed lists the target layers that no base has.
func (c *creator) changed() []*pooled {
	var list []*pooled
	for _, p := range c.targets {
		if p.side == "target" {
			list = append(list, p)
		}
	}
	return list
}

// read pools the layers of all images, spools their tars and cuts them.
func (c *creator) read(ctx context.Context, in Input) error {
	c.pool = make(map[digest.Digest]*pooled)
	for _, img := range in.Bases {
		for _, l := range img.Layers() {
			if c.pool[l.DiffID()] == nil {
				p := &pooled{layer: l, side: "base", entry: -1}
				c.pool[l.DiffID()] = p
				c.bases = append(c.bases, p)
			}
		}
	}
	for _, img := range in.Targets {
		for _, l := range img.Layers() {
			p := c.pool[l.DiffID()]
			if p == nil {
				p = &pooled{layer: l, side: "target", entry: -1}
				c.pool[l.DiffID()] = p
			}
			if p.entry < 0 {
				p.entry = len(c.targets)
				c.targets = append(c.targets, p)
			}
			p.addBlob(l)
		}
	}
	all := append([]*pooled(nil), c.bases...)
	all = append(all, c.changed()...)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(c.opt.workers())
	for i, p := range all {
		f, err := c.create()
		if err != nil {
			return err
		}
		g.Go(func() error {
			c.opt.progress(Progress{Stage: "read " + p.side, Layer: i + 1, Layers: len(all)})
			var err error
			p.stream, err = spoolLayer(ctx, p.layer, f)
			if err != nil {
				return fmt.Errorf("%s layer %s: %w", p.side, p.layer.DiffID(), err)
			}
			c.opt.debugf("%s layer %s: %d bytes, %d nodes", p.side, p.layer.DiffID(), p.stream.Size, len(p.stream.Nodes))
			return nil
		})
	}
	return g.Wait()
}

func (c *creator) create() (*spool.File, error) {
	f, err := c.dir.Create()
	if err == nil {
		c.mu.Lock()
		c.files = append(c.files, f)
		c.mu.Unlock()
	}
	return f, err
}

// addBlob notes the compressed form of a target layer, once.
func (p *pooled) addBlob(l image.Layer) {
	b := l.Blob()
	if b == nil {
		return
	}
	for _, have := range p.blobs {
		if have.Blob().Digest == b.Digest {
			return
		}
	}
	p.blobs = append(p.blobs, l)
}

// spoolLayer keeps the decompressed tar of a layer and cuts it into nodes.
func spoolLayer(ctx context.Context, l image.Layer, f *spool.File) (*layer.Stream, error) {
	r, err := l.Plain(ctx)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	s, err := layer.Scan(io.TeeReader(r, f))
	if err != nil {
		return nil, err
	}
	s.Raw = f
	return s, r.Close()
}

// unwrap decompresses what is inside of the layers, except where both sides
// have the same bytes.
func (c *creator) unwrap(ctx context.Context) error {
	base, target := streams(c.bases), streams(c.changed())
	baseSums, targetSums := make(map[layer.Sum]bool), make(map[layer.Sum]bool)
	c.baseSide = &layer.Unwrapper{Dir: c.dir, Concurrency: c.opt.workers(), Debugf: c.opt.Debugf,
		Known: func(s layer.Sum) bool { return targetSums[s] }}
	c.targetSide = &layer.Unwrapper{Dir: c.dir, Concurrency: c.opt.workers(), Debugf: c.opt.Debugf, Recipes: true,
		Known: func(s layer.Sum) bool { return baseSums[s] }}
	note := func(sums map[layer.Sum]bool, list []*layer.Stream) {
		for _, s := range list {
			s.Contents(func(n *layer.Node) { sums[n.Sum] = true })
		}
	}
	// Whole contents first: those that both sides have are not even cut.
	note(baseSums, base)
	note(targetSums, target)
	for _, side := range []struct {
		u    *layer.Unwrapper
		list []*layer.Stream
	}{{c.baseSide, base}, {c.targetSide, target}} {
		for _, s := range side.list {
			if err := side.u.Cut(ctx, s); err != nil {
				return err
			}
		}
	}
	note(baseSums, base)
	note(targetSums, target)
	// Of the base, only what has a counterpart by name is worth unwrapping:
	// every stream of the reference costs a few bytes.
	names := make(layer.Names)
	for _, s := range target {
		names.Wrapped(s, func(s layer.Sum) bool { return baseSums[s] })
	}
	c.baseSide.Wanted = names.Resemble
	for i, s := range base {
		c.opt.progress(Progress{Stage: "unwrap base", Layer: i + 1, Layers: len(base)})
		if err := c.baseSide.Unwrap(ctx, s); err != nil {
			return err
		}
	}
	note(baseSums, base)
	for i, s := range target {
		c.opt.progress(Progress{Stage: "unwrap target", Layer: i + 1, Layers: len(target)})
		if err := c.targetSide.Unwrap(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func streams(list []*pooled) []*layer.Stream {
	out := make([]*layer.Stream, len(list))
	for i, p := range list {
		out[i] = p.stream
	}
	return out
}

// encode codes every changed layer against the reference and the layers
// before it.
func (c *creator) encode(ctx context.Context) error {
	base := streams(c.bases)
	ref, addr := layer.NewReference(base)
	c.meta.parts[referencePart] = ref.AppendBinary(nil)
	inv := layer.NewInventory(base, addr)
	var space layer.Concat
	space.Add(ref, 0, ref.Size())
	opt := diff.Options{Level: c.opt.Level, Concurrency: c.opt.workers(), Debugf: c.opt.Debugf}
	c.opt.progress(Progress{Stage: "index base"})
	ix, err := diff.NewIndex(ctx, ref, []diff.Extent{{Off: 0, Len: ref.Size()}}, opt)
	if err != nil {
		return err
	}
	changed := c.changed()
	for i, p := range changed {
		if c.config.Layers[p.entry].Carried == format.CarriedBlob {
			continue
		}
		c.opt.progress(Progress{Stage: "encode", Layer: i + 1, Layers: len(changed)})
		if err := c.encodeLayer(ctx, p, &space, inv, ix, opt); err != nil {
			return fmt.Errorf("target layer %d: %w", i+1, err)
		}
		plain := layer.Plain(p.stream)
		at := space.Add(plain, 0, plain.Size())
		inv.AddPlain(p.stream, at)
		if i+1 < len(changed) {
			if err := ix.Add(ctx, &space, []diff.Extent{{Off: at, Len: plain.Size()}}, opt); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *creator) encodeLayer(ctx context.Context, p *pooled, space *layer.Concat, inv *layer.Inventory, ix *diff.Index, opt diff.Options) error {
	f, err := c.create()
	if err != nil {
		return err
	}
	sum := digest.SHA256.Digester()
	out := io.MultiWriter(f, sum.Hash())
	program, err := layer.NewProgram(p.stream).AppendBinary(nil)
	if err != nil {
		return err
	}
	if program, err = pack(ctx, program, c.opt.Level); err != nil {
		return err
	}
	if _, err := out.Write(appendUvarint(nil, len(program))); err != nil {
		return err
	}
	if _, err := out.Write(program); err != nil {
		return err
	}
	planned := plan(inv, space.Size(), p.stream)
	stats, err := diff.Encode(ctx, out, layer.Plain(p.stream), planned.pieces, space, space.Size(), ix, opt)
	if err != nil {
		return err
	}
	c.opt.debugf("%d plain bytes coded in %d: %d for the rewrap program, %d for %d operations, %d for differences, %d for literals",
		stats.Target, f.Size(), len(program), stats.OpBytes, stats.Ops, stats.CopyBytes, stats.LiteralBytes)
	if c.opt.Debugf != nil {
		for _, share := range planned.costliest(stats.Pieces, 12) {
			c.opt.debugf("%8.0f bytes of the delta for %s", share.bytes, share.path)
		}
	}
	entry := &c.config.Layers[p.entry]
	entry.Carried, entry.Data = format.CarriedDelta, sum.Digest()
	c.blobs = append(c.blobs, format.Data{MediaType: format.MediaTypeLayer, Digest: entry.Data, Size: f.Size(), Open: openSpool(f)})
	return nil
}

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
	var subject *ocispec.Descriptor
	for _, img := range in.Targets {
		t, err := c.target(img)
		if err != nil {
			return nil, err
		}
		if t.Manifest != nil && subject == nil {
			subject = &ocispec.Descriptor{MediaType: t.Manifest.MediaType, Digest: t.Manifest.Digest, Size: t.Manifest.Size}
		}
		c.config.Targets = append(c.config.Targets, t)
	}
	if in.Index != nil {
		part := c.part(in.Index, in.IndexMediaType)
		c.config.Index = &part
		subject = &ocispec.Descriptor{MediaType: in.IndexMediaType, Digest: part.Digest, Size: part.Size}
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
	return &Created{Config: c.config, Size: count.n, Inexact: c.inexact}, nil
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
