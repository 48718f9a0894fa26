package update

import (
	"slices"
	"strings"
	"testing"
)

// FuzzEarlier has a registry with any tags: what comes before one is of its kind and
// lower, in order, and not more than was asked for.
func FuzzEarlier(f *testing.F) {
	f.Add("v1.10", "v1.9 v1.9-rc1 v1 v1.10 v1.11 v01.9 v1.09")
	f.Add("2024.06-slim", "2024.05-slim 2023.12-slim 99999999999999999999999.1-slim")
	f.Add("latest", "v1")
	f.Fuzz(func(t *testing.T, tag, tags string) {
		all := strings.Fields(tags)
		list, err := Earlier(tag, all, 3)
		if err != nil {
			return
		}
		v, _ := parseVersion(tag)
		if len(list) > 3 {
			t.Errorf("%d tags", len(list))
		}
		last := v
		for _, x := range list {
			w, ok := parseVersion(x)
			if !ok || !slices.Contains(all, x) || !w.sameKind(&v) || w.compare(&v) >= 0 || w.compare(&last) > 0 {
				t.Errorf("%q comes after %q, before %q", x, last.tag, tag)
			}
			last = w
		}
	})
}
