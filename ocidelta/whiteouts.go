package ocidelta

import (
	"path"
	"strings"
)

// whiteouts are the names that a layer takes from those below.
type whiteouts map[string]hiding

// hiding is what goes: the name with all below it, or only what is below it.
type hiding byte

const (
	itself hiding = 1 << iota
	below
)

// add notes a member of a layer that is a whiteout, and reports whether it is one.
func (w whiteouts) add(name string) bool {
	dir, base := path.Split(name)
	switch {
	case base == ".wh..wh..opq":
		w[strings.TrimSuffix(dir, "/")] |= below
	case strings.HasPrefix(base, ".wh."):
		w[dir+strings.TrimPrefix(base, ".wh.")] |= itself
	default:
		return false
	}
	return true
}

// hides reports that a name, or a directory that it is in, is gone. It looks up one
// name for each element, however many whiteouts there are.
func (w whiteouts) hides(name string) bool {
	if w[name]&itself != 0 || w[""]&below != 0 {
		return true
	}
	for i := strings.LastIndexByte(name, '/'); i > 0; i = strings.LastIndexByte(name[:i], '/') {
		if w[name[:i]] != 0 {
			return true
		}
	}
	return false
}
