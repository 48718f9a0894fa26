package recipe

import (
	"fmt"
	"strings"
)

// String describes the recipe for people, such as
// "gzip, Go compress/flate 1.8-1.26 level 6".
func (r *Recipe) String() string {
	var b strings.Builder
	b.WriteString(r.format.String())
	streams, fixed := 0, 0
	var last *part
	var names []string
	for i := range r.parts {
		p := &r.parts[i]
		if !p.stream {
			continue
		}
		streams++
		fixed += len(p.fix)
		if last == nil || last.coding != p.coding {
			names = appendNew(names, p.coding.String())
		}
		last = p
	}
	for _, n := range names {
		b.WriteString(", " + n)
	}
	if streams != 1 {
		unit := "members"
		if r.format == Zstd {
			unit = "frames"
		}
		fmt.Fprintf(&b, ", %d %s", streams, unit)
	}
	if fixed > 0 {
		fmt.Fprintf(&b, ", %d bytes of corrections", fixed)
	}
	return b.String()
}

func appendNew(list []string, s string) []string {
	for _, t := range list {
		if t == s {
			return list
		}
	}
	return append(list, s)
}
