package delta

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
)

// Cost is what a part of a target takes of the package.
type Cost struct {
	// Path is the file's, as in the layer's tar; what lies in a container inside
	// of the layer follows after "!/". It is empty for what belongs to no file.
	Path string `json:"path"`
	// Type names the kind of data, for people: "ELF", "text", "headers", …
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

// costs lists what the planned contents cost; bytes are those of each piece.
func (p *planner) costs(bytes []float64) []Cost {
	type key struct{ path, kind string }
	sums := make(map[key]*Cost)
	for i, b := range bytes {
		n := p.leaves[i]
		k := key{n.Path, n.FileType()}
		c := sums[k]
		if c == nil {
			c = &Cost{Path: k.path, Type: k.kind}
			sums[k] = c
		}
		c.Size += n.Len
		c.Bytes += b
	}
	var list []Cost
	for c := range maps.Values(sums) {
		if c.Bytes > 0 {
			list = append(list, *c)
		}
	}
	sortCosts(list)
	return list
}
