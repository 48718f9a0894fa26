package delta

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"

	"github.com/docker-delta/docker-delta/diff"
	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/internal/limit"
	"github.com/docker-delta/docker-delta/internal/spool"
	"github.com/docker-delta/docker-delta/layer"
)

// pooled is a layer of the bases or targets; each DiffID comes once.
type pooled struct {
	layer  image.Layer
	side   string // "base" or "target"
	stream *layer.Stream
	blobs  []image.Layer // of a target: one for each distinct compressed form
	entry  int           // in Config.Layers, -1 for a layer that only bases have
	of     int           // number of the first target, or artifact behind them, that has it
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
	for i, img := range in.all() {
		for _, l := range img.Layers() {
			p := c.pool[l.DiffID()]
			if p == nil {
				p = &pooled{layer: l, side: "target", entry: -1}
				c.pool[l.DiffID()] = p
			}
			if p.entry < 0 {
				p.entry, p.of = len(c.targets), i
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
		g.Go(func() error {
			m := c.opt.meter(Progress{Stage: "read " + p.side, Layer: i + 1, Layers: len(all), Total: p.layer.Size()})
			defer m.finish()
			var err error
			if p.stream, err = c.scan(ctx, p.layer, m); err != nil {
				return fmt.Errorf("%s layer %s: %w", p.side, p.layer.DiffID(), err)
			}
			c.opt.debugf("%s layer %s: %d bytes, %d nodes", p.side, p.layer.DiffID(), p.stream.Size, len(p.stream.Nodes))
			return nil
		})
	}
	return g.Wait()
}

// scan cuts the tar of a layer into nodes, and has it spooled unless it can be read
// at any place where it lies.
func (c *creator) scan(ctx context.Context, l image.Layer, m *meter) (*layer.Stream, error) {
	if direct, ok := l.(image.Direct); ok {
		if f := direct.PlainAt(ctx); f != nil {
			c.closeLater(f)
			s, err := scanLayer(ctx, l, m, c.memory)
			if err == nil {
				s.Raw = c.dir.Watch(f)
			}
			return s, err
		}
	}
	f, err := c.create()
	if err != nil {
		return nil, err
	}
	return spoolLayer(ctx, l, f, m, c.memory)
}

func (c *creator) create() (*spool.File, error) {
	f, err := c.dir.Create()
	if err == nil {
		c.closeLater(f)
	}
	return f, err
}

func (c *creator) closeLater(f io.Closer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open = append(c.open, f)
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
func spoolLayer(ctx context.Context, l image.Layer, f *spool.File, m *meter, mem *limit.Memory) (*layer.Stream, error) {
	s, err := scanLayer(ctx, l, io.MultiWriter(f, m), mem)
	if err == nil {
		s.Raw = f
	}
	return s, err
}

// scanLayer cuts the tar of a layer into nodes, and writes it to out.
func scanLayer(ctx context.Context, l image.Layer, out io.Writer, mem *limit.Memory) (*layer.Stream, error) {
	r, err := l.Plain(ctx)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	s, err := layer.Scan(io.TeeReader(r, out), mem)
	if err != nil {
		return nil, err
	}
	return s, r.Close()
}

// unwrap decompresses what is inside of the layers, except where both sides
// have the same bytes.
func (c *creator) unwrap(ctx context.Context) error {
	base, target := streams(c.bases), streams(c.changed())
	baseSums, targetSums := make(map[layer.Sum]bool), make(map[layer.Sum]bool)
	c.targetSums = targetSums
	c.baseSide = &layer.Unwrapper{Dir: c.dir, Concurrency: c.opt.workers(), Debugf: c.opt.Debugf,
		Memory: c.memory, Known: func(s layer.Sum) bool { return targetSums[s] }}
	c.targetSide = &layer.Unwrapper{Dir: c.dir, Concurrency: c.opt.workers(), Debugf: c.opt.Debugf, Recipes: true,
		Memory: c.memory, Known: func(s layer.Sum) bool { return baseSums[s] }}
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

// worthSearching lists what a target content without a counterpart by name may
// resemble: at level max everything, else what the target has not got as it is,
// since most of what changed has changed from something that is gone.
func (c *creator) worthSearching(base []*layer.Stream, ref *layer.Reference, addr map[*layer.Stream]int64) []diff.Extent {
	if c.opt.Level == diff.Max {
		return []diff.Extent{{Off: 0, Len: ref.Size()}}
	}
	var list []diff.Extent
	var add func(s *layer.Stream)
	add = func(s *layer.Stream) {
		_ = s.Leaves(func(n *layer.Node) error {
			switch {
			case n.Inner != nil:
				add(n.Inner)
			case n.Kind == layer.Content && !c.targetSums[n.Sum]:
				list = append(list, diff.Extent{Off: addr[s] + n.Off, Len: n.Len})
			}
			return nil
		})
	}
	for _, s := range base {
		add(s)
	}
	slices.SortFunc(list, func(a, b diff.Extent) int { return cmp.Compare(a.Off, b.Off) })
	return list
}
