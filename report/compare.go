package report

import (
	"cmp"
	"path"
	"slices"

	"github.com/docker-delta/docker-delta/layer"
)

// compare lists what is in either image, by path.
func compare(base, target *fileSystem) []*File {
	old, now := base.entries(), target.entries()
	files := make([]*File, 0, max(len(old), len(now)))
	for p, t := range now {
		files = append(files, compareEntry(p, old[p], t))
	}
	for p, b := range old {
		if now[p] == nil {
			files = append(files, compareEntry(p, b, nil))
		}
	}
	sortFiles(files)
	return findMoves(files)
}

func sortFiles(files []*File) {
	slices.SortFunc(files, func(a, b *File) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Layer, b.Layer))
	})
}

func compareEntry(p string, b, t *entry) *File {
	f := &File{Path: "/" + p, Package: -1, base: b, target: t}
	e := t
	if t == nil {
		e = b
	}
	f.Kind, f.Type = e.kind, e.typeName()
	if b != nil {
		f.BaseSize = b.size
	}
	if t != nil {
		f.Size = t.size
	}
	switch {
	case t == nil:
		f.Status = Removed
	case b == nil:
		f.Status = Added
	default:
		f.Status, f.Differs = difference(b, t)
	}
	return f
}

// typeName is the type of a file, or the kind of anything else.
func (e *entry) typeName() string {
	if e.isFile() && e.ftype != "" {
		return e.ftype
	}
	return string(e.kind)
}

// isFile tells whether the entry gives contents a name.
func (e *entry) isFile() bool { return e.kind == Regular || e.kind == Hardlink && e.linked != nil }

// difference compares two entries of one path.
func difference(b, t *entry) (status Status, differs []string) {
	if b.kind != t.kind && !(b.isFile() && t.isFile()) {
		return Changed, []string{"kind"}
	}
	status = Same
	note := func(is bool, what string, s Status) {
		if is {
			differs = append(differs, what)
			status = s
		}
	}
	note(b.sec != t.sec || b.nsec != t.nsec, "time", Times)
	note(b.mode != t.mode, "mode", Metadata)
	note(b.uid != t.uid || b.gid != t.gid, "owner", Metadata)
	note(b.xattrs != t.xattrs, "xattrs", Metadata)
	if b.isFile() { // which of the names of a file is the link makes no difference
		note(b.sum != t.sum, "content", Changed)
	} else {
		note(b.link != t.link, "link", Changed)
		note(b.special != t.special, "device", Changed)
	}
	return status, differs
}

// findMoves pairs files that came with files that went: those of the same
// content, and those whose paths differ in nothing but version numbers.
func findMoves(files []*File) []*File {
	m := &mover{files: files, paired: make(map[*File]bool)}
	bySum := func(f *File, e *entry) string { return string(e.sum[:]) }
	byStem := func(f *File, e *entry) string { return layer.Stem(f.Path) }
	isContent := func(e *entry) bool { return e.kind == Regular && e.size > 0 }
	// The likeliest pairs first: by name, by name without numbers, any.
	m.pair(bySum, isContent, func(a, b string) bool { return path.Base(a) == path.Base(b) })
	m.pair(bySum, isContent, func(a, b string) bool { return layer.Stem(path.Base(a)) == layer.Stem(path.Base(b)) })
	m.pair(bySum, isContent, func(a, b string) bool { return true })
	m.pair(byStem, func(e *entry) bool { return e.kind != Directory }, func(a, b string) bool { return true })
	return slices.DeleteFunc(files, func(f *File) bool { return m.paired[f] })
}

type mover struct {
	files  []*File
	paired map[*File]bool // removed files that live on under another path
}

// pair joins files with the same key whose paths are alike.
func (m *mover) pair(key func(*File, *entry) string, wanted func(*entry) bool, alike func(a, b string) bool) {
	gone := make(map[string][]*File)
	for _, f := range m.files {
		if f.Status == Removed && !m.paired[f] && wanted(f.base) {
			k := key(f, f.base)
			gone[k] = append(gone[k], f)
		}
	}
	for _, f := range m.files {
		if f.Status != Added || !wanted(f.target) {
			continue
		}
		k := key(f, f.target)
		i := slices.IndexFunc(gone[k], func(g *File) bool { return g.base.kind == f.target.kind && alike(g.Path, f.Path) })
		if i < 0 {
			continue
		}
		g := gone[k][i]
		gone[k] = slices.Delete(gone[k], i, i+1)
		m.paired[g] = true
		f.From, f.base, f.BaseSize = g.Path, g.base, g.BaseSize
		if f.Status, f.Differs = difference(f.base, f.target); f.Status != Changed {
			f.Status = Moved
		}
	}
}
