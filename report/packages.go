package report

import (
	"cmp"
	"slices"
	"strings"

	"github.com/docker-delta/docker-delta/layer"
)

// packages pairs what the images name, and tells each file whose it is.
func (m *maker) packages() {
	wanted := make(map[*entry]bool)
	for _, f := range m.all {
		if f.listed() {
			wanted[f.base], wanted[f.target] = true, true
		}
	}
	isWanted := func(e *entry) bool { return wanted[e] }
	old := newCatalog(m.base, m.base.entries(), isWanted)
	now := newCatalog(m.target, m.target.entries(), isWanted)
	p := &pairs{old: old, now: now}
	p.match()
	for _, f := range m.all {
		switch {
		case f.Status == Hidden:
		case f.target != nil:
			f.Package = p.ofNow(now.owner(f.target.path, f.target))
		case f.base != nil:
			f.Package = p.ofOld(old.owner(f.base.path, f.base))
		}
	}
	m.found = p.list
}

// pairs are the packages of both images, each once.
type pairs struct {
	old, now       *catalog
	list           []Package
	oldIdx, nowIdx []int // indexes in list
}

func (p *pairs) ofOld(i int) int { return at(p.oldIdx, i) }
func (p *pairs) ofNow(i int) int { return at(p.nowIdx, i) }

func at(list []int, i int) int {
	if i < 0 {
		return -1
	}
	return list[i]
}

// match pairs packages of one kind, name and architecture: those in the same
// place, those in places that differ in numbers only, and the rest in order.
func (p *pairs) match() {
	p.oldIdx, p.nowIdx = make([]int, len(p.old.list)), make([]int, len(p.now.list))
	for i := range p.oldIdx {
		p.oldIdx[i] = -1
	}
	for i, s := range p.now.list {
		p.nowIdx[i] = len(p.list)
		p.list = append(p.list, Package{Kind: s.kind, Name: s.name, Arch: s.arch, Where: where(s), Version: s.version, Status: Added, Counts: make(map[Status]int)})
	}
	for _, place := range []func(software) string{
		func(s software) string { return s.where },
		func(s software) string { return layer.Stem(s.where) },
		func(s software) string { return "" },
	} {
		key := func(s software) string { return strings.Join([]string{s.kind, s.name, s.arch, place(s)}, "\x00") }
		free := make(map[string][]int)
		for i, s := range p.old.list {
			if p.oldIdx[i] < 0 {
				free[key(s)] = append(free[key(s)], i)
			}
		}
		for i, s := range p.now.list {
			pkg := &p.list[p.nowIdx[i]]
			if list := free[key(s)]; len(list) > 0 && pkg.Status == Added {
				p.oldIdx[list[0]] = p.nowIdx[i]
				pkg.BaseVersion, pkg.Status = p.old.list[list[0]].version, Changed
				if pkg.BaseVersion == pkg.Version {
					pkg.Status = Same
				}
				free[key(s)] = list[1:]
			}
		}
	}
	for i, s := range p.old.list {
		if p.oldIdx[i] < 0 {
			p.oldIdx[i] = len(p.list)
			p.list = append(p.list, Package{Kind: s.kind, Name: s.name, Arch: s.arch, Where: where(s), BaseVersion: s.version, Status: Removed, Counts: make(map[Status]int)})
		}
	}
}

func where(s software) string {
	if s.where == "" {
		return ""
	}
	return "/" + s.where
}

// listPackages adds up the files of the packages, drops those of which there is
// nothing to say, and numbers the rest: those of other versions first, and of
// these the costliest.
func (m *maker) listPackages() {
	listed := make([]bool, len(m.found))
	for i := range m.found {
		listed[i] = m.found[i].Status != Same
	}
	for _, f := range m.r.Files {
		if f.Package < 0 {
			continue
		}
		p := &m.found[f.Package]
		p.Cost.add(f.Cost)
		p.Counts[f.Status]++
		listed[f.Package] = true
	}
	m.nestedPackages()
	for i := range m.found {
		listed[i] = listed[i] || m.found[i].Delta > 0
	}
	order := make([]int, 0, len(m.found))
	for i := range m.found {
		if listed[i] {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(i, j int) int {
		a, b := &m.found[i], &m.found[j]
		return cmp.Or(boolCompare(a.Status == Same, b.Status == Same), a.Cost.compare(b.Cost), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Where, b.Where), cmp.Compare(i, j))
	})
	number := make([]int, len(m.found))
	m.r.Packages = make([]Package, 0, len(order))
	for to, from := range order {
		number[from] = to
		m.r.Packages = append(m.r.Packages, m.found[from])
	}
	for _, f := range m.r.Files {
		f.Package = at(number, f.Package)
	}
}

// boolCompare puts false first.
func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// nestedPackages gives archives in archives what they take of the delta; it is
// part of what the outer one takes.
func (m *maker) nestedPackages() {
	nested := make(map[string]*Package)
	for i := range m.found {
		if p := &m.found[i]; p.Status != Removed && strings.Contains(p.Where, "!/") {
			nested[p.Where] = p
		}
	}
	if len(nested) == 0 {
		return
	}
	for _, f := range m.r.Files {
		for _, part := range f.Inside {
			outer, _, _ := strings.Cut(part.Path, "!/")
			if p := nested[f.Path+"!/"+outer]; p != nil {
				p.Delta += part.Delta
			}
		}
	}
}
