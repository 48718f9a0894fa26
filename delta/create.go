package delta

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/docker-delta/docker-delta/diff"
	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/internal/limit"
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
	// Costs asks for [Created.Costs], which takes a few percent more time.
	Costs bool
}

// Input is what a delta is made from.
type Input struct {
	// Bases are what the receiver has; none makes a package that stands alone.
	Bases []image.Image
	// AnyOf are images of which the receiver has one; which, is not known. They go
	// without Bases.
	AnyOf []image.Image
	// Targets are what the receiver is to have: usually one, or one for each
	// platform.
	Targets []image.Image
	// BaseOf gives for each target the number of its own base in Bases, or -1: it
	// copies from there what it can, and from others what they alone have. If it
	// is nil, a target's own base is that which has most contents in common.
	BaseOf []int
	// Indexes are image indexes that name the targets' manifests, to come back
	// under their digests; an index that names another comes after it.
	Indexes []image.NamedIndex
	// Artifacts are what indexes name beside images, see [image.Set.Artifacts].
	Artifacts []image.Image
}

// all lists targets and artifacts.
func (in *Input) all() []image.Image {
	return append(slices.Clone(in.Targets), in.Artifacts...)
}

// Created tells what Create has written.
type Created struct {
	Config *format.Config
	// Size is the length of the package in bytes.
	Size int64
	// Inexact names the compressed blobs that cannot be rebuilt, with reasons.
	Inexact []string
	// Costs, if asked for, says for each layer that the base lacks where its bytes are, in the
	// order of Config.Layers.
	Costs []LayerCosts
}

// Create writes the delta from the bases to the targets. It writes nothing
// before everything is known, so an error before the first byte leaves w as it
// was.
func Create(ctx context.Context, w io.Writer, in Input, opt CreateOptions) (*Created, error) {
	if len(in.Targets) == 0 {
		return nil, errors.New("no target image")
	}
	if in.BaseOf != nil && (len(in.BaseOf) != len(in.Targets) || slices.Max(in.BaseOf) >= len(in.Bases)) {
		return nil, errors.New("bases of targets that are not there")
	}
	if len(in.Indexes) > 0 && opt.Exact == ExactOff {
		return nil, errors.New("an index names manifests, which are left out without exactness")
	}
	switch len(in.AnyOf) {
	case 0:
	case 1:
		in.Bases, in.AnyOf = append(slices.Clone(in.Bases), in.AnyOf[0]), nil
	default:
		return createAny(ctx, w, in, opt)
	}
	c := &creator{opt: opt, dir: opt.dir(), memory: listMemory(opt.MaxMemory), meta: newMetadata(), config: &format.Config{FormatVersion: format.Version}}
	defer c.close()
	if err := c.read(ctx, in); err != nil {
		return nil, err
	}
	if err := c.unwrap(ctx); err != nil {
		return nil, err
	}
	if err := c.findRecipes(ctx, in); err != nil {
		return nil, err
	}
	if err := c.encode(ctx, in); err != nil {
		return nil, err
	}
	if err := c.dir.Failed(); err != nil {
		return nil, err
	}
	return c.write(ctx, w, in)
}

type creator struct {
	opt    CreateOptions
	dir    *spool.Dir
	memory *limit.Memory // for the nodes of all layers
	mu     sync.Mutex
	open   []io.Closer // temporary files, and layers that are read where they lie
	meta   *metadata
	config *format.Config

	pool    map[digest.Digest]*pooled
	bases   []*pooled // in the order of the reference
	targets []*pooled // in the order of Config.Layers

	baseSide, targetSide *layer.Unwrapper
	targetSums           map[layer.Sum]bool // contents that the changed layers have
	blobs                []format.Data
	inexact              []string
	costs                []LayerCosts
}

func (c *creator) close() {
	for _, u := range []*layer.Unwrapper{c.baseSide, c.targetSide} {
		if u != nil {
			u.Close()
		}
	}
	for _, f := range c.open {
		f.Close()
	}
}

// encode codes every changed layer against the reference and the layers
// before it.
func (c *creator) encode(ctx context.Context, in Input) error {
	base := streams(c.bases)
	ref, addr := layer.NewReference(base)
	c.meta.parts[referencePart] = ref.AppendBinary(nil)
	stock := c.takeStock(in, addr)
	var space layer.Concat
	space.Add(ref, 0, ref.Size())
	opt := diff.Options{Level: c.opt.Level, Concurrency: c.opt.workers(), Debugf: c.opt.Debugf, Shares: c.opt.Costs || c.opt.Debugf != nil}
	search := c.worthSearching(base, ref, addr)
	changed := c.changed()
	for i, p := range changed {
		if c.config.Layers[p.entry].Carried == format.CarriedBlob {
			continue
		}
		opt.Progress = func(stage diff.Stage, done, total int64) {
			c.opt.progress(Progress{Stage: string(stage), Layer: i + 1, Layers: len(changed), Done: done, Total: total, Finished: done >= total})
		}
		if err := c.encodeLayer(ctx, p, &space, stock.of(p.of), search, opt); err != nil {
			return fmt.Errorf("target layer %d: %w", i+1, err)
		}
		plain := layer.Plain(p.stream)
		at := space.Add(plain, 0, plain.Size())
		stock.addPlain(p.of, p.stream, at)
		search = append(search, diff.Extent{Off: at, Len: plain.Size()})
	}
	return nil
}

func (c *creator) encodeLayer(ctx context.Context, p *pooled, space *layer.Concat, inv inventories, search []diff.Extent, opt diff.Options) error {
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
	stats, err := diff.Encode(ctx, out, layer.Plain(p.stream), planned.pieces, space, space.Size(), search, opt)
	if err != nil {
		return err
	}
	c.opt.debugf("%d plain bytes coded in %d: %d for the rewrap program, %d for %d operations, %d for differences, %d for literals",
		stats.Target, f.Size(), len(program), stats.OpBytes, stats.Ops, stats.CopyBytes, stats.LiteralBytes)
	if opt.Shares {
		costs := LayerCosts{DiffID: c.config.Layers[p.entry].DiffID, Bytes: f.Size(), Rewrap: f.Size() - stats.Coded, Contents: attribute(p.stream, stats.Shares)}
		c.costs = append(c.costs, costs)
		for i, cost := range CostsByFile(costs.Contents) {
			if i == 12 {
				break
			}
			c.opt.debugf("%8.0f bytes of the delta for %s", cost.Bytes, cost.Path)
		}
	}
	entry := &c.config.Layers[p.entry]
	entry.Carried, entry.Data = format.CarriedDelta, sum.Digest()
	c.blobs = append(c.blobs, format.Data{MediaType: format.MediaTypeLayer, Digest: entry.Data, Size: f.Size(), Open: openSpool(f)})
	return nil
}
