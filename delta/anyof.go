package delta

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/internal/spool"
	"github.com/docker-delta/docker-delta/layer"
)

// maxDepth bounds how many steps follow each other where one base leads to another:
// a receiver takes the time of all of them.
const maxDepth = 3

// createAny writes a delta that applies to any one of several bases. The targets are
// coded once, from the base that is nearest to them. For each of the others, a
// step codes what is needed of one that is nearer; what changed between that and
// the target is so stored once. A base that has more in common with the targets
// than with any base has a step to the targets' layers themselves.
func createAny(ctx context.Context, w io.Writer, in Input, opt CreateOptions) (*Created, error) {
	if len(in.Bases) > 0 {
		return nil, errors.New("bases of which all are needed, and others of which any is")
	}
	a := &anyOf{opt: opt, dir: opt.dir(), layers: make(map[digest.Digest]*keptLayer)}
	defer a.close()
	in, err := a.keep(ctx, in)
	if err != nil {
		return nil, err
	}
	tree := a.tree(in)
	main := in
	main.Bases, main.AnyOf = []image.Image{in.AnyOf[tree[0].base]}, nil
	made, d, err := a.create(ctx, main, opt)
	if err != nil {
		return nil, err
	}
	needs, err := d.Needs(ctx, RebuildOptions{Indexes: true})
	if err != nil {
		return nil, err
	}
	// What a receiver with a base needs of it, by number of the base.
	need := map[int][]digest.Digest{tree[0].base: needs, toTarget: idsOf(in.all()...)}
	c := &composer{first: d, last: d, joined: &Delta{pkg: d.pkg, meta: d.meta, main: d.main, memory: d.memory}}
	for _, b := range tree[1:] {
		base := in.AnyOf[b.base]
		c.others = append(c.others, alternative(digest.FromBytes(base.Config()), idsOf(base)))
		ids := without(need[b.parent], base)
		need[b.base] = slices.DeleteFunc(slices.Clone(need[b.parent]), func(id digest.Digest) bool { return slices.Contains(ids, id) })
		if len(ids) == 0 {
			continue // it has all that is needed of its parent
		}
		opt.debugf("base %d: a step of %d layers to base %d (0 is the target)", b.base+1, len(ids), b.parent+1)
		_, step, err := a.create(ctx, Input{Bases: []image.Image{base}, Targets: []image.Image{a.layersOnly(ids)}}, CreateOptions{Resources: opt.Resources, Level: opt.Level, Exact: ExactOff})
		if err != nil {
			return nil, err
		}
		used, err := step.Needs(ctx, RebuildOptions{})
		if err != nil {
			return nil, err
		}
		for _, id := range used {
			if !slices.Contains(need[b.base], id) {
				need[b.base] = append(need[b.base], id)
			}
		}
		c.joined.steps = append([]*stage{step.main}, c.joined.steps...) // before those that take from it
	}
	for _, st := range c.joined.steps {
		c.needed = append(c.needed, make([]bool, len(st.layers)))
	}
	if err := c.prune(ctx, c.joined.steps); err != nil {
		return nil, err
	}
	joined, err := c.write(ctx, w, ComposeOptions{Resources: opt.Resources, Level: opt.Level})
	if err != nil {
		return nil, err
	}
	joined.Inexact, joined.Costs = made.Inexact, made.Costs
	return joined, nil
}

// anyOf is the state of createAny.
type anyOf struct {
	opt    CreateOptions
	dir    *spool.Dir
	files  []*spool.File
	deltas []*Delta
	layers map[digest.Digest]*keptLayer // of all images
}

func (a *anyOf) close() {
	for _, d := range a.deltas {
		d.Close()
	}
	for _, f := range a.files {
		f.Close()
	}
}

// keptLayer is a layer whose tar is at hand, so that each is read once.
type keptLayer struct {
	image.Layer
	f      *spool.File
	stream *layer.Stream
}

func (l *keptLayer) Size() int64 { return l.f.Size() }

func (l *keptLayer) Plain(context.Context) (io.ReadCloser, error) {
	return io.NopCloser(l.f.Section(0, l.f.Size())), nil
}

// PlainAt implements [image.Direct].
func (l *keptLayer) PlainAt(context.Context) image.PlainFile { return keptFile{l.f} }

// keptFile is the file of a kept layer, which stays open for others.
type keptFile struct{ *spool.File }

func (keptFile) Close() error { return nil }

// keptImage is an image of such layers.
type keptImage struct {
	image.Image
	layers []image.Layer
}

func (i *keptImage) Layers() []image.Layer { return i.layers }

// keep reads all layers of all images.
func (a *anyOf) keep(ctx context.Context, in Input) (Input, error) {
	memory := listMemory(a.opt.MaxMemory)
	all := func(list []image.Image) ([]image.Image, error) {
		var out []image.Image
		for _, img := range list {
			k := &keptImage{Image: img}
			for i, l := range img.Layers() {
				if a.layers[l.DiffID()] == nil {
					f, err := a.dir.Create()
					if err != nil {
						return nil, err
					}
					a.files = append(a.files, f)
					m := a.opt.meter(Progress{Stage: "read image", Layer: i + 1, Layers: len(img.Layers()), Total: l.Size()})
					s, err := spoolLayer(ctx, l, f, m, memory)
					m.finish()
					if err != nil {
						return nil, fmt.Errorf("layer %s: %w", l.DiffID(), err)
					}
					a.layers[l.DiffID()] = &keptLayer{l, f, s}
				}
				kept := *a.layers[l.DiffID()]
				kept.Layer = l // whose blob may be another
				k.layers = append(k.layers, &kept)
			}
			out = append(out, k)
		}
		return out, nil
	}
	var err error
	for _, list := range []*[]image.Image{&in.AnyOf, &in.Targets, &in.Artifacts} {
		if *list, err = all(*list); err != nil {
			return in, err
		}
	}
	return in, nil
}

// create makes a delta in a temporary file and opens it.
func (a *anyOf) create(ctx context.Context, in Input, opt CreateOptions) (*Created, *Delta, error) {
	f, err := a.dir.Create()
	if err != nil {
		return nil, nil, err
	}
	a.files = append(a.files, f)
	made, err := Create(ctx, f, in, opt)
	if err != nil {
		return nil, nil, err
	}
	d, err := ReadSigned(ctx, f, f.Size(), OpenOptions{MaxMemory: opt.MaxMemory})
	if err != nil {
		return nil, nil, err
	}
	a.deltas = append(a.deltas, d)
	return made, d, nil
}

// layersOnly is an image as far as a step needs one as its target.
func (a *anyOf) layersOnly(ids []digest.Digest) image.Image {
	out := &bare{}
	for _, id := range ids {
		out.layers = append(out.layers, a.layers[id])
	}
	out.config, _ = json.Marshal(ocispec.Image{RootFS: ocispec.RootFS{Type: "layers", DiffIDs: ids}}) // which cannot fail
	return out
}

type bare struct {
	config []byte
	layers []image.Layer
}

func (b *bare) Names() []string            { return nil }
func (b *bare) Config() []byte             { return b.config }
func (b *bare) Manifest() ([]byte, string) { return nil, "" }
func (b *bare) Platform() ocispec.Platform { return ocispec.Platform{} }
func (b *bare) Layers() []image.Layer      { return b.layers }

// toTarget stands for the targets where a base's number is expected.
const toTarget = -1

// branch says what a base leads to.
type branch struct {
	base   int // number in Input.AnyOf
	parent int // number of another base, or toTarget
	depth  int
}

// tree finds for every base what it is nearest to: first the base that is nearest to
// the targets, then the others, each to the targets or to a base before it.
func (a *anyOf) tree(in Input) []branch {
	targetIDs := idsOf(in.all()...)
	var left []int
	direct := make([]int64, len(in.AnyOf)) // what each lacks of the targets
	stocks := make([]*contents, len(in.AnyOf))
	for i, img := range in.AnyOf {
		stocks[i] = a.contents(img)
		direct[i] = stocks[i].lacks(a, targetIDs)
		left = append(left, i)
	}
	list := make([]branch, 0, len(left))
	for len(left) > 0 {
		best, at, least := branch{}, -1, int64(0)
		for k, i := range left {
			b, cost := branch{base: i, parent: toTarget}, direct[i]
			for _, p := range list {
				if n := stocks[i].lacks(a, idsOf(in.AnyOf[p.base])); n < cost && p.depth < maxDepth {
					b.parent, b.depth, cost = p.base, p.depth+1, n
				}
			}
			if at < 0 || cost < least {
				best, at, least = b, k, cost
			}
		}
		list = append(list, best)
		left = slices.Delete(left, at, at+1)
	}
	return list
}

// contents is what a base has.
type contents struct {
	layers map[digest.Digest]bool
	sums   map[layer.Sum]bool
	names  map[string]bool // of paths without version numbers
}

func (a *anyOf) contents(img image.Image) *contents {
	c := &contents{make(map[digest.Digest]bool), make(map[layer.Sum]bool), make(map[string]bool)}
	for _, id := range idsOf(img) {
		c.layers[id] = true
		a.layers[id].stream.Contents(func(n *layer.Node) {
			c.sums[n.Sum] = true
			c.names[layer.Stem(n.Path)] = true
		})
	}
	return c
}

// changedShare is about what a changed content costs of a new one: one part in so
// many. It is enough that it orders bases.
const changedShare = 8

// lacks estimates what the layers would cost that the base has not got, in bytes of
// new contents.
func (c *contents) lacks(a *anyOf, ids []digest.Digest) (cost int64) {
	for _, id := range ids {
		if c.layers[id] {
			continue
		}
		a.layers[id].stream.Contents(func(n *layer.Node) {
			switch {
			case n.Parts != nil || c.sums[n.Sum]:
			case c.names[layer.Stem(n.Path)]:
				cost += n.Len / changedShare
			default:
				cost += n.Len
			}
		})
	}
	return cost
}

// idsOf lists the DiffIDs of images, each once.
func idsOf(images ...image.Image) (ids []digest.Digest) {
	for _, img := range images {
		for _, l := range img.Layers() {
			if !slices.Contains(ids, l.DiffID()) {
				ids = append(ids, l.DiffID())
			}
		}
	}
	return ids
}

// without lists the layers that an image lacks.
func without(ids []digest.Digest, img image.Image) []digest.Digest {
	have := idsOf(img)
	return slices.DeleteFunc(slices.Clone(ids), func(id digest.Digest) bool { return slices.Contains(have, id) })
}
