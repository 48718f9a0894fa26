package delta

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/identity"

	"github.com/docker-delta/docker-delta/format"
)

// ComposeOptions tune Compose.
type ComposeOptions struct {
	Resources
	// Level is for the metadata, which alone is coded anew.
	Level Level
}

// Compose joins deltas, each made from what the one before rebuilds, into one that
// goes from the bases of the first to the targets of the last, without any of
// the images. A receiver with the base of a later delta can apply it as well.
// It fails with ErrBase where one does not follow another.
//
// The result has the layers of all deltas as steps, less those that nothing
// after them needs; it has what several hold only once. Operations are not joined
// any further: all levels but Fast code a difference by models that see the old
// bytes at its place, and one of these that is not known leaves most of what
// follows unknown. With the base at hand, rebuild the target and Create it anew
// for the smallest delta.
func Compose(ctx context.Context, w io.Writer, deltas []*Delta, opt ComposeOptions) (*Created, error) {
	if len(deltas) < 2 {
		return nil, fmt.Errorf("%d deltas, two are needed to join them", len(deltas))
	}
	for i, d := range deltas[1:] {
		if err := d.follows(deltas[i]); err != nil {
			return nil, err
		}
	}
	c, err := newComposer(ctx, deltas)
	if err != nil {
		return nil, classify(err)
	}
	made, err := c.write(ctx, w, opt)
	return made, classify(err)
}

// follows checks that d is made from what before rebuilds: an image with the same
// config, or with all the same layers.
func (d *Delta) follows(before *Delta) error {
	ids := make(map[digest.Digest]bool)
	layers := make(map[digest.Digest]bool)
	c := before.pkg.Config
	for _, t := range c.Targets {
		ids[t.Config.Digest] = true
		for _, n := range t.Layers {
			layers[c.Layers[n].DiffID] = true
		}
	}
	fits := func(b format.Base) bool {
		return ids[b.ID] || !slices.ContainsFunc(b.DiffIDs, func(id digest.Digest) bool { return !layers[id] })
	}
	var bases []string
	for _, st := range append(slices.Clone(d.steps), d.main) {
		if len(st.bases) > 0 && !slices.ContainsFunc(st.bases, func(b format.Base) bool { return !fits(b) }) {
			return nil
		}
		for _, b := range st.bases {
			bases = append(bases, first(append(slices.Clone(b.Names), b.ID.String())))
		}
	}
	if len(bases) == 0 {
		return fmt.Errorf("%w: the delta to %s needs no base, so there is nothing to join", ErrBase, describeTargets(d.targets()))
	}
	return fmt.Errorf("%w: the delta to %s is made from %s, and the one before it rebuilds %s", ErrBase,
		describeTargets(d.targets()), strings.Join(bases, " or "), describeTargets(before.targets()))
}

func (d *Delta) targets() (list []*format.Target) {
	for i := range d.pkg.Config.Targets {
		list = append(list, &d.pkg.Config.Targets[i])
	}
	return list
}

// composer joins deltas.
type composer struct {
	first, last *Delta
	joined      *Delta // of all stages; only for planning
	others      []format.Alternative
	needed      [][]bool // by step and layer
}

func newComposer(ctx context.Context, deltas []*Delta) (*composer, error) {
	last := deltas[len(deltas)-1]
	c := &composer{first: deltas[0], last: last, joined: &Delta{pkg: last.pkg, meta: last.meta, main: last.main, memory: last.memory}}
	for i, d := range deltas {
		c.joined.steps = append(c.joined.steps, d.steps...)
		if i < len(deltas)-1 {
			c.joined.steps = append(c.joined.steps, d.main)
		}
	}
	for _, st := range c.joined.steps {
		c.needed = append(c.needed, make([]bool, len(st.layers)))
	}
	for _, d := range deltas {
		for _, st := range append(slices.Clone(d.steps), d.main) {
			if len(st.bases) == 1 {
				c.others = append(c.others, alternative(st.bases[0].ID, st.bases[0].DiffIDs))
			}
		}
	}
	return c, c.prune(ctx, append([]*stage{c.first.main}, c.first.steps...))
}

// prune finds which layers of the steps anybody needs who has the bases of one of
// these stages. All of them must get what they need.
func (c *composer) prune(ctx context.Context, receivers []*stage) error {
	var all []*format.Target
	conf := c.last.pkg.Config
	for _, list := range [][]format.Target{conf.Targets, conf.Artifacts} {
		for i := range list {
			all = append(all, &list[i])
		}
	}
	w := c.joined.main.newRebuild(RebuildOptions{})
	if err := w.plan(ctx, layersOf(all)); err != nil {
		return err
	}
	for _, st := range receivers {
		there, lacks := make(map[digest.Digest]bool), make(map[digest.Digest]bool)
		for _, b := range st.bases {
			for _, id := range b.DiffIDs {
				there[id] = true
			}
		}
		for _, id := range w.baseLayers() {
			if !there[id] {
				lacks[id] = true
			}
		}
		if len(lacks) == 0 {
			continue
		}
		has := func(id digest.Digest) bool { return there[id] }
		chosen, err := c.joined.chooseSteps(ctx, RebuildOptions{}, has, lacks)
		if chosen == nil && err == nil {
			chosen, err = c.joined.chooseSteps(ctx, RebuildOptions{}, has, w.targetLayers(has))
		}
		if err != nil {
			return err
		}
		if chosen == nil {
			return fmt.Errorf("%w: the deltas do not give all layers that the last of them needs", ErrBase)
		}
		for _, s := range chosen {
			needed := c.needed[slices.Index(c.joined.steps, s.st)]
			for n := range s.wanted {
				needed[n] = true
			}
			for n, slot := range s.slots {
				needed[n] = needed[n] || slot.copied
			}
		}
	}
	return nil
}

// write describes the joined package and writes it.
func (c *composer) write(ctx context.Context, w io.Writer, opt ComposeOptions) (*Created, error) {
	last := c.last.pkg
	config := *last.Config
	config.Steps, config.Requires = nil, slices.Clone(config.Requires)
	meta := &metadata{parts: slices.Clone(c.last.meta.parts)}
	var blobs []format.Data
	have := make(map[digest.Digest]bool)
	add := func(pkg *format.Package, id digest.Digest) {
		for _, desc := range pkg.Manifest.Layers {
			if desc.Digest == id && !have[id] {
				have[id] = true
				blobs = append(blobs, format.Data{MediaType: desc.MediaType, Digest: id, Size: desc.Size, Open: openBlob(pkg, id)})
			}
		}
	}
	for i, st := range c.joined.steps {
		step, err := c.step(ctx, st, c.needed[i], opt)
		if err != nil {
			return nil, err
		}
		if step == nil {
			continue
		}
		step.Streams = meta.add(st.table)
		config.Steps = append(config.Steps, *step)
		for _, l := range step.Layers {
			add(st.d.pkg, l.Data)
		}
	}
	for _, desc := range last.Manifest.Layers {
		if desc.Digest != last.Config.Metadata {
			add(last, desc.Digest)
		}
	}
	if len(config.Steps) > format.MaxSteps {
		return nil, fmt.Errorf("%d steps, over the limit of %d; rebuild the target and create a delta to it", len(config.Steps), format.MaxSteps)
	}
	if len(config.Steps) > 0 && !slices.Contains(config.Requires, format.FeatureSteps) {
		config.Requires = append(config.Requires, format.FeatureSteps)
	}
	packed, err := meta.pack(ctx, opt.Level)
	if err != nil {
		return nil, err
	}
	config.Metadata = digest.FromBytes(packed)
	blobs = append([]format.Data{{MediaType: format.MediaTypeMetadata, Digest: config.Metadata, Size: int64(len(packed)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(packed)), nil }}}, blobs...)
	count := &countingWriter{w: w}
	if err := format.Write(count, &config, last.Manifest.Subject, c.annotations(), blobs); err != nil {
		return nil, err
	}
	return &Created{Config: &config, Size: count.n}, nil
}

func openBlob(pkg *format.Package, id digest.Digest) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		r, err := pkg.Blob(id)
		if err != nil {
			return nil, err
		}
		return io.NopCloser(io.NewSectionReader(r, 0, r.Size())), nil
	}
}

// step describes what is needed of a stage, nil if nothing is. Layers that are not
// needed keep their place before those that are.
func (c *composer) step(ctx context.Context, st *stage, needed []bool, opt ComposeOptions) (*format.Step, error) {
	if !slices.Contains(needed, true) {
		return nil, nil
	}
	out := &format.Step{Bases: st.bases, Reference: st.reference, Layers: []format.Layer{}}
	for n := range st.layers {
		l := st.layers[n]
		l.Blobs = nil
		switch {
		case !slices.Contains(needed[n:], true):
			return out, nil
		case needed[n] || l.Carried == format.CarriedNot:
		case l.Carried == format.CarriedDelta:
			coded, err := st.d.open(ctx, &l)
			if err != nil {
				return nil, err
			}
			opt.debugf("layer %s is not needed", l.DiffID)
			l.Carried, l.Data, l.Plain = format.CarriedNot, "", coded.decoder.TargetSize()
		default:
			continue
		}
		out.Layers = append(out.Layers, l)
	}
	return out, nil
}

func alternative(id digest.Digest, diffIDs []digest.Digest) format.Alternative {
	// ChainID overwrites what it is given.
	return format.Alternative{ID: id, Chain: identity.ChainID(slices.Clone(diffIDs))}
}

// annotations are those of the last delta with the base of the first, and all that
// do as well.
func (c *composer) annotations() map[string]string {
	out := maps.Clone(c.last.pkg.Manifest.Annotations)
	if out == nil {
		out = make(map[string]string)
	}
	for _, key := range []string{format.AnnotationBase, format.AnnotationBaseName, format.AnnotationBaseChain, format.AnnotationBaseManifest} {
		delete(out, key)
		if v := c.first.pkg.Manifest.Annotations[key]; v != "" {
			out[key] = v
		}
	}
	delete(out, format.AnnotationOtherBases)
	if first := out[format.AnnotationBaseChain]; first != "" {
		seen := map[digest.Digest]bool{digest.Digest(first): true}
		others := slices.DeleteFunc(slices.Clone(c.others), func(o format.Alternative) bool {
			was := seen[o.Chain]
			seen[o.Chain] = true
			return was
		})
		if len(others) > 0 {
			out[format.AnnotationOtherBases] = format.FormatAlternatives(others)
		}
	}
	return out
}
