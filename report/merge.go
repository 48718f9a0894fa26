package report

import (
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
