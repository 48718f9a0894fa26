package report

import (
	"maps"
	"slices"
	"strings"
)

// dirNode is a place in the file system that the layers of an image make.
type dirNode struct {
	name     string
	entry    *entry // nil for a directory that no layer has an entry for
	children map[string]*dirNode
}

func (n *dirNode) child(name string, make_ bool) *dirNode {
	c := n.children[name]
	if c == nil && make_ {
		c = &dirNode{name: name}
		if n.children == nil {
			n.children = make(map[string]*dirNode)
		}
		n.children[name] = c
	}
	return c
}

// names lists the children.
func (n *dirNode) names() []string { return slices.Sorted(maps.Keys(n.children)) }

// find returns the node at a clean path, or nil; with create it is made.
func (n *dirNode) find(path string, create bool) *dirNode {
	for path != "" && n != nil {
		var name string
		name, path, _ = strings.Cut(path, "/")
		n = n.child(name, create)
	}
	return n
}

// fileSystem is what a container of the image sees.
type fileSystem struct {
	root   dirNode
	layers []*scanned
	// hidden are entries with bytes that layers above replace or delete.
	hidden []*entry
}

// merge applies the layers, lowest first, as the OCI image specification says.
func merge(layers []*scanned) *fileSystem {
	fs := &fileSystem{layers: layers}
	for _, l := range layers {
		fs.apply(l)
	}
	return fs
}

func (fs *fileSystem) apply(l *scanned) {
	// Whiteouts take away what lower layers have, wherever they stand in the tar.
	for _, e := range l.entries {
		switch {
		case e.opaque:
			if n := fs.root.find(e.path, false); n != nil {
				for _, c := range n.children {
					fs.hide(c)
				}
				n.children = nil
			}
		case e.whiteout:
			fs.remove(e.path)
		}
	}
	for _, e := range l.entries {
		if e.opaque || e.whiteout {
			continue
		}
		n := fs.root.find(e.path, true)
		if e.kind != Directory {
			for _, c := range n.children {
				fs.hide(c)
			}
			n.children = nil
		}
		fs.hideEntry(n.entry)
		n.entry = e
	}
	// Links come last: their targets may stand behind them.
	for _, e := range l.entries {
		if e.kind != Hardlink {
			continue
		}
		if t := fs.target(e); t != nil {
			e.sum, e.ftype, e.linked = t.sum, t.ftype, t
		}
	}
}

// target is the file that a hard link means, or nil.
func (fs *fileSystem) target(e *entry) *entry {
	for range 8 { // a link to a link to …
		n := fs.root.find(e.link, false)
		if n == nil || n.entry == nil || n.entry == e {
			return nil
		}
		if e = n.entry; e.kind != Hardlink {
			return e
		}
	}
	return nil
}

func (fs *fileSystem) remove(path string) {
	dir, name := "", path
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		dir, name = path[:i], path[i+1:]
	}
	parent := fs.root.find(dir, false)
	if parent == nil || parent.children[name] == nil {
		return
	}
	fs.hide(parent.children[name])
	delete(parent.children, name)
}

// hide notes that everything below n is not seen any more.
func (fs *fileSystem) hide(n *dirNode) {
	fs.hideEntry(n.entry)
	for _, c := range n.children {
		fs.hide(c)
	}
}

func (fs *fileSystem) hideEntry(e *entry) {
	if e != nil && e.kind == Regular && e.size > 0 {
		fs.hidden = append(fs.hidden, e)
	}
}

// entries lists everything seen by path.
func (fs *fileSystem) entries() map[string]*entry {
	all := make(map[string]*entry)
	var walk func(n *dirNode, path string)
	walk = func(n *dirNode, path string) {
		if n.entry != nil {
			all[path] = n.entry
		}
		for name, c := range n.children {
			if path != "" {
				name = path + "/" + name
			}
			walk(c, name)
		}
	}
	walk(&fs.root, "")
	return all
}

// open finds a file, through symbolic links on the way.
func (fs *fileSystem) open(path string) *entry {
	e := fs.lookup(path)
	if e != nil && e.kind == Hardlink {
		e = e.linked
	}
	if e == nil || e.kind != Regular {
		return nil
	}
	return e
}

// lookup finds an entry; symbolic links are followed, also that at the end.
func (fs *fileSystem) lookup(path string) *entry {
	p := fs.resolve(path, true)
	if n := fs.root.find(p, false); n != nil {
		return n.entry
	}
	return nil
}

// maxLinks bounds the symbolic links on the way to a file, as Linux does.
const maxLinks = 40

// resolve gives the path without symbolic links, the last name's only if last
// is set. What does not exist stays as it is.
func (fs *fileSystem) resolve(path string, last bool) string {
	rest := strings.Split(cleanPath(path), "/")
	var done []string
	links := 0
	for len(rest) > 0 {
		name := rest[0]
		rest = rest[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			if len(done) > 0 {
				done = done[:len(done)-1]
			}
			continue
		}
		done = append(done, name)
		if len(rest) == 0 && !last {
			break
		}
		n := fs.root.find(strings.Join(done, "/"), false)
		if n == nil || n.entry == nil || n.entry.kind != Symlink {
			continue
		}
		if links++; links > maxLinks {
			break
		}
		to := n.entry.link
		if strings.HasPrefix(to, "/") {
			done = nil
		} else {
			done = done[:len(done)-1]
		}
		rest = append(strings.Split(to, "/"), rest...)
	}
	return strings.Join(done, "/")
}
