package report

import (
	"cmp"
	"maps"
	"slices"
)

// groups adds up files under names.
type groups map[string]*Group

func newGroups() groups { return make(groups) }

func (g groups) add(name string, f *File) {
	s := g[name]
	if s == nil {
		s = &Group{Name: name, Counts: make(map[Status]int)}
		g[name] = s
	}
	s.Cost.add(f.Cost)
	if f.Kind != Directory {
		s.Counts[f.Status]++
	}
}

func (g groups) byName() []Group {
	list := make([]Group, 0, len(g))
	for _, name := range slices.Sorted(maps.Keys(g)) {
		list = append(list, *g[name])
	}
	return list
}

func (g groups) byCost() []Group {
	list := g.byName()
	slices.SortStableFunc(list, func(a, b Group) int { return a.Cost.compare(b.Cost) })
	return list
}

// compare orders costs, the greatest first: by delta, by pull, by size.
func (c Cost) compare(o Cost) int {
	return cmp.Or(cmp.Compare(o.Delta, c.Delta), cmp.Compare(o.Pull, c.Pull), cmp.Compare(max(o.Size, o.BaseSize), max(c.Size, c.BaseSize)))
}
