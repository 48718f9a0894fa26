package update

import (
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
)

// version is a tag that has a version number in it: "v1.2.3", "2024.06-slim".
type version struct {
	tag, before, after string
	numbers            []*big.Int
}

var versionTag = regexp.MustCompile(`^([A-Za-z._-]*)([0-9]+(?:\.[0-9]+)*)((?:[-_+].*)?)$`)

func parseVersion(tag string) (v version, ok bool) {
	m := versionTag.FindStringSubmatch(tag)
	if m == nil || len(tag) > 128 { // which is the longest tag
		return v, false
	}
	v = version{tag: tag, before: m[1], after: m[3]}
	for _, part := range strings.Split(m[2], ".") {
		n, ok := new(big.Int).SetString(part, 10)
		if !ok {
			return v, false
		}
		v.numbers = append(v.numbers, n)
	}
	return v, true
}

// sameKind tells versions that follow each other: v1.9 and v1.10, but neither
// v1.9-rc1 nor v1, which is often another name of v1.10.
func (v *version) sameKind(w *version) bool {
	return v.before == w.before && v.after == w.after && len(v.numbers) == len(w.numbers)
}

func (v *version) compare(w *version) int {
	return slices.CompareFunc(v.numbers, w.numbers, func(a, b *big.Int) int { return a.Cmp(b) })
}

// Earlier gives the n tags before one, the latest first, in the order of the
// numbers in them. Only tags of the same kind count: v1.9 comes before v1.10, but
// v1.9-rc1 and v1 are of other kinds.
func Earlier(tag string, tags []string, n int) ([]string, error) {
	v, ok := parseVersion(tag)
	if !ok {
		return nil, fmt.Errorf("the tag %q has no version number, so which tags come before it is not known; name them with --from", tag)
	}
	var list []version
	for _, t := range tags {
		if w, ok := parseVersion(t); ok && w.sameKind(&v) && w.compare(&v) < 0 {
			list = append(list, w)
		}
	}
	slices.SortFunc(list, func(a, b version) int {
		if c := b.compare(&a); c != 0 {
			return c
		}
		return strings.Compare(a.tag, b.tag)
	})
	var out []string
	for _, w := range list {
		if len(out) < n {
			out = append(out, w.tag)
		}
	}
	return out, nil
}
