package layer

import (
	"path"
	"slices"
	"strings"
)

// Place is where a run of bytes lies in a reference.
type Place struct{ Addr, Len int64 }

// maxSame bounds how many places are remembered under one name, so that a
// thousand files of one name cost no quadratic time.
const maxSame = 8

// Inventory lists contents by what they are and by what they are called.
type Inventory struct {
	sums    map[Sum][]int64
	names   map[string][]Place // contents by path, by stem, by stem of the base name
	headers map[string][]Place
}

// NewInventory takes stock of the layers of a reference.
func NewInventory(layers []*Stream, addr map[*Stream]int64) *Inventory {
	inv := &Inventory{sums: make(map[Sum][]int64), names: make(map[string][]Place), headers: make(map[string][]Place)}
	for i := len(layers) - 1; i >= 0; i-- { // what upper layers say counts first
		inv.add(layers[i], addr)
	}
	return inv
}

func (inv *Inventory) add(s *Stream, addr map[*Stream]int64) {
	at := addr[s]
	var visit func(nodes []*Node)
	visit = func(nodes []*Node) {
		for _, n := range nodes {
			place := Place{at + n.Off, n.Len}
			inv.note(n, place)
			visit(n.Parts)
			if n.Inner != nil {
				inv.add(n.Inner, addr)
			}
		}
	}
	visit(s.Nodes)
}

// AddPlain takes stock of the plain face of a stream, which starts at address
// at, and returns the address behind it.
func (inv *Inventory) AddPlain(s *Stream, at int64) int64 {
	end, _ := inv.addPlain(s.Nodes, at)
	return end
}

// addPlain also tells whether the nodes are all as they were, nothing unwrapped.
func (inv *Inventory) addPlain(nodes []*Node, at int64) (end int64, intact bool) {
	intact = true
	for _, n := range nodes {
		start, same := at, true
		switch {
		case n.Inner != nil:
			at, same = inv.AddPlain(n.Inner, at), false
		case n.Parts != nil:
			at, same = inv.addPlain(n.Parts, at)
		default:
			at += n.Len
		}
		intact = intact && same
		if !same {
			continue
		}
		place := Place{start, n.Len}
		inv.note(n, place)
	}
	return at, intact
}

// note files a node under what it is and what it is called.
func (inv *Inventory) note(n *Node, place Place) {
	switch n.Kind {
	case Header:
		remember(inv.headers, n.Path, place)
	case Content:
		if same := inv.sums[n.Sum]; len(same) < maxSame {
			inv.sums[n.Sum] = append(same, place.Addr)
		}
		if len(n.Parts) > 0 && n.Parts[0].Kind == Content && n.Parts[0].Path == n.Path {
			return // which stands for it
		}
		for _, key := range keys(n.Path) {
			remember(inv.names, key, place)
		}
	}
}

func remember(m map[string][]Place, key string, p Place) {
	if places := m[key]; len(places) < maxSame && !slices.Contains(places, p) {
		m[key] = append(places, p)
	}
}

// Names is a set of names of contents, each in all the forms that keys gives.
type Names map[string]bool

// Wrapped notes the names of what could be unwrapped from the stream, except
// of contents that the other side knows.
func (names Names) Wrapped(s *Stream, known func(Sum) bool) {
	s.Contents(func(n *Node) {
		if n.wrapped() && !known(n.Sum) {
			for _, key := range keys(n.Path) {
				names[key] = true
			}
		}
	})
}

// Resemble tells whether the node has one of the names.
func (names Names) Resemble(n *Node) bool {
	return slices.ContainsFunc(keys(n.Path), func(key string) bool { return names[key] })
}

// keys are the names under which a content is filed: its path; its base name in
// the directory without version numbers; the path without them; the base name
// without them.
func keys(p string) []string {
	stem := Stem(p)
	return []string{"p:" + p, "d:" + path.Dir(stem) + "/" + path.Base(p), "s:" + stem, "b:" + path.Base(stem)}
}

// Stem replaces every run of digits, with the dots and dashes between them, by
// one mark, so that "libfoo.so.1.2" and "libfoo.so.1.10" are the same.
func Stem(p string) string {
	var b strings.Builder
	isDigit := func(i int) bool { return i < len(p) && '0' <= p[i] && p[i] <= '9' }
	for i := 0; i < len(p); {
		if !isDigit(i) {
			b.WriteByte(p[i])
			i++
			continue
		}
		b.WriteByte('#')
		for isDigit(i) || i < len(p) && strings.IndexByte(".-_+~", p[i]) >= 0 && isDigit(i+1) {
			i++
		}
	}
	return b.String()
}

// Same finds an identical content, at the address near if it is there, too.
func (inv *Inventory) Same(s Sum, near int64) (addr int64, ok bool) {
	places := inv.sums[s]
	if len(places) == 0 {
		return 0, false
	}
	if slices.Contains(places, near) {
		return near, true
	}
	return places[0], true
}

// Counterparts lists, best first, at most max contents that the one called
// name, of the given length, may resemble.
func (inv *Inventory) Counterparts(name string, length int64, max int) []Place {
	var found []Place
	for _, key := range keys(name) {
		near := slices.Clone(inv.names[key])
		slices.SortStableFunc(near, func(a, b Place) int {
			return int(sign(abs(a.Len-length) - abs(b.Len-length)))
		})
		for _, p := range near {
			if len(found) == max {
				return found
			}
			if !slices.Contains(found, p) {
				found = append(found, p)
			}
		}
	}
	return found
}

// HeadersOf lists the headers that introduce contents called name.
func (inv *Inventory) HeadersOf(name string) []Place { return inv.headers[name] }

func abs(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}

func sign(n int64) int64 {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}
