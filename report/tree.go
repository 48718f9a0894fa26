package report

import (
	"cmp"
	"slices"
	"strings"
)

// treeNode is a directory or a file with what it costs, everything below it
// included.
type treeNode struct {
	name     string
	path     string // with a slash in front
	cost     Cost
	counts   map[Status]int
	file     *File // itself, unless it is a mere directory
	children []*treeNode
	index    map[string]*treeNode
}

func (n *treeNode) child(name string) *treeNode {
	c := n.index[name]
	if c == nil {
		c = &treeNode{name: name, path: strings.TrimSuffix(n.path, "/") + "/" + name, counts: make(map[Status]int)}
		if n.index == nil {
			n.index = make(map[string]*treeNode)
		}
		n.index[name] = c
		n.children = append(n.children, c)
	}
	return c
}

// newTree makes a tree of the files, the costliest of siblings first.
func newTree(files []*File) *treeNode {
	root := &treeNode{name: "/", path: "/", counts: make(map[Status]int)}
	for _, f := range files {
		n := root
		n.take(f)
		for _, name := range strings.Split(strings.Trim(f.Path, "/"), "/") {
			if name == "" {
				break
			}
			n = n.child(name)
			n.take(f)
		}
		if n.file == nil || n.file.Status == Hidden {
			n.file = f
		}
	}
	root.sort()
	return root
}

func (n *treeNode) take(f *File) {
	n.cost.add(f.Cost)
	if f.Kind != Directory {
		n.counts[f.Status]++
	}
}

func (n *treeNode) sort() {
	slices.SortFunc(n.children, func(a, b *treeNode) int { return cmp.Or(a.cost.compare(b.cost), cmp.Compare(a.name, b.name)) })
	for _, c := range n.children {
		c.sort()
	}
}

// costliest chooses the n nodes that cost most. A directory costs no less than
// what is in it, so the chosen ones make a tree; root is not counted.
func (n *treeNode) costliest(max int) map[*treeNode]bool {
	var all []*treeNode
	var walk func(n *treeNode)
	walk = func(n *treeNode) {
		for _, c := range n.children {
			all = append(all, c)
			walk(c)
		}
	}
	walk(n)
	slices.SortFunc(all, func(a, b *treeNode) int { return cmp.Or(a.cost.compare(b.cost), cmp.Compare(a.path, b.path)) })
	chosen := make(map[*treeNode]bool)
	for _, c := range all[:min(max, len(all))] {
		chosen[c] = true
	}
	return chosen
}

// alone gives the end of a chain of directories that hold nothing else, and its
// name: "usr/share/doc".
func (n *treeNode) alone() (*treeNode, string) {
	name := n.name
	for len(n.children) == 1 && (n.file == nil || n.file.Kind == Directory) {
		n = n.children[0]
		name += "/" + n.name
	}
	return n, name
}
