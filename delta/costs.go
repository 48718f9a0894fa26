package delta

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/docker-delta/docker-delta/diff"
	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/layer"
)

// Cost is what a part of a target takes of the package.
type Cost struct {
	// Path is the file's, as in the layer's tar; what lies in a container inside
	// of the layer follows after "!/". It is empty for what belongs to no file.
	Path string `json:"path"`
	// Type names the kind of data, for people: "ELF code", "text", "headers", …
	Type string `json:"type"`
	// Size is the number of plain bytes: decompressed, where the delta looks
	// through compression.
	Size int64 `json:"size"`
	// Bytes is the estimated share of the package.
	Bytes float64 `json:"bytes"`
}

// LayerCosts says where the bytes of a coded layer are.
type LayerCosts struct {
	DiffID digest.Digest `json:"diffID"`
	// Bytes are those of the layer's blob in the package. Rewrap of them say how
	// to compress again what is compressed inside of the layer; the rest is
	// shared out among Contents.
	Bytes  int64 `json:"bytes"`
	Rewrap int64 `json:"rewrap"`
	// Contents has one entry for each path and type that is not free, the
	// costliest first.
	Contents []Cost `json:"contents"`
}

// CostsByFile adds up what the contents of each file of a layer's tar cost,
// those in containers inside of it and its headers included. The costliest
// comes first; the type is that of the costliest part.
func CostsByFile(costs []Cost) []Cost {
	return group(costs, func(c Cost) Cost {
		path, _, _ := strings.Cut(c.Path, "!/")
		return Cost{Path: path}
	})
}

// CostsByType adds up costs by type, the costliest first, without paths.
func CostsByType(costs []Cost) []Cost {
	return group(costs, func(c Cost) Cost { return Cost{Type: c.Type} })
}

// group adds up the costs that have the same key, a Cost without numbers.
func group(costs []Cost, key func(Cost) Cost) []Cost {
	type sum struct {
		Cost
		most float64 // of one part
	}
	sums := make(map[Cost]*sum)
	for _, c := range costs {
		k := key(c)
		s := sums[k]
		if s == nil {
			s = &sum{Cost: k, most: -1}
			sums[k] = s
		}
		if s.most < c.Bytes {
			s.Type, s.most = c.Type, c.Bytes
		}
		s.Size += c.Size
		s.Bytes += c.Bytes
	}
	var list []Cost
	for _, s := range sums {
		list = append(list, s.Cost)
	}
	sortCosts(list)
	return list
}

func sortCosts(list []Cost) {
	slices.SortFunc(list, func(a, b Cost) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Type, b.Type))
	})
}

// attribute shares the coded bytes of a stream's plain face out among its
// contents.
func attribute(s *layer.Stream, shares []diff.Share) []Cost {
	var leaves []layer.Leaf
	s.PlainLeaves(func(l layer.Leaf) { leaves = append(leaves, l) })
	each := make([][]diff.Share, len(leaves))
	for _, sh := range shares {
		i := sort.Search(len(leaves), func(i int) bool { return leaves[i].At+leaves[i].Len > sh.Off })
		for ; i < len(leaves) && leaves[i].At < sh.Off+sh.Len; i++ {
			if part := within(sh, leaves[i].At, leaves[i].Len); part.Bytes > 0 {
				each[i] = append(each[i], part)
			}
		}
	}
	type key struct{ path, kind string }
	sums := make(map[key]*Cost)
	for i, l := range leaves {
		if each[i] == nil {
			continue
		}
		for _, sec := range l.Sections() {
			k := key{l.Path, sec.Type}
			if sums[k] == nil {
				sums[k] = &Cost{Path: k.path, Type: k.kind}
			}
			sums[k].Size += sec.Len
			for _, sh := range each[i] {
				sums[k].Bytes += within(sh, l.At+sec.Off, sec.Len).Bytes
			}
		}
	}
	var list []Cost
	for _, c := range sums {
		if c.Bytes > 0 {
			list = append(list, *c)
		}
	}
	sortCosts(list)
	return list
}

// within is the part of a share that lies in a run of n bytes.
func within(s diff.Share, off, n int64) diff.Share {
	from, to := max(s.Off, off), min(s.Off+s.Len, off+n)
	if from >= to {
		return diff.Share{}
	}
	return diff.Share{Off: from, Len: to - from, Bytes: s.Bytes * float64(to-from) / float64(s.Len)}
}

// Costs says where the bytes of every coded layer of the chosen targets are, as
// [Created.Costs] does, by rebuilding them from the base. A layer whose
// compressed blob is carried whole is one entry without a path.
func (d *Delta) Costs(ctx context.Context, base image.Image, opt RebuildOptions) ([]LayerCosts, error) {
	targets, err := d.choose(opt)
	if err != nil {
		return nil, err
	}
	w, err := d.rebuild(ctx, targets, base, opt)
	if err != nil {
		return nil, err
	}
	defer w.close()
	if w.given {
		return nil, fmt.Errorf("%w: from this base, layers of the target come from a step; the costs are told from %s", ErrBase, d.madeFrom(w.baseLayers()))
	}
	var list []LayerCosts
	for _, n := range slices.Sorted(maps.Keys(w.wanted)) {
		entry := &d.main.layers[n]
		switch entry.Carried {
		case format.CarriedDelta:
			opt.progress(Progress{Stage: "decode", Layer: n + 1, Layers: len(d.pkg.Config.Layers)})
			c, err := w.costs(ctx, n)
			if err != nil {
				return nil, classify(fmt.Errorf("layer %s: %w", entry.DiffID, err))
			}
			list = append(list, *c)
		case format.CarriedBlob:
			size := d.pkg.BlobSize(entry.Data)
			list = append(list, LayerCosts{DiffID: entry.DiffID, Bytes: size,
				Contents: []Cost{{Type: "compressed layer", Size: entry.Size, Bytes: float64(size)}}})
		}
	}
	return list, nil
}

// costs decodes a layer and says what its bytes are for.
func (w *rebuild) costs(ctx context.Context, n int) (*LayerCosts, error) {
	if err := w.decodeBefore(ctx, n); err != nil {
		return nil, err
	}
	s := w.slots[n]
	blob, err := w.d.pkg.Blob(s.entry.Data)
	if err != nil {
		return nil, err
	}
	coded, err := openCoded(ctx, blob, s.entry.Size, w.d.memory, diff.Limits{Shares: true})
	if err != nil {
		return nil, err
	}
	plain, err := w.opt.dir().Create()
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	if err := coded.decoder.Decode(ctx, &keeper{pages: w.pages, at: s.at, end: s.at + s.size, next: plain}, w.pages); err != nil {
		return nil, err
	}
	stream, err := coded.program.Stream(ctx, plain, listMemory(w.opt.MaxMemory))
	if err != nil {
		return nil, err
	}
	return &LayerCosts{DiffID: s.entry.DiffID, Bytes: blob.Size(), Rewrap: coded.head,
		Contents: attribute(stream, coded.decoder.Shares())}, nil
}
