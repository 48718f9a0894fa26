package format

import (
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

// FuzzAlternatives wants at most so many bases, each named by two digests, and the same
// ones again from what they are written as.
func FuzzAlternatives(f *testing.F) {
	a := digest.FromString("a").String() + "/" + digest.FromString("b").String()
	f.Add(a)
	f.Add(a + " x/y " + a + "/" + a)
	f.Add(strings.Repeat(a+" ", maxAlternatives+1))
	f.Fuzz(func(t *testing.T, value string) {
		list := ParseAlternatives(value)
		if len(list) > maxAlternatives {
			t.Errorf("%d bases", len(list))
		}
		for _, a := range list {
			if a.ID.Validate() != nil || a.Chain.Validate() != nil {
				t.Errorf("%+v", a)
			}
		}
		if again := ParseAlternatives(FormatAlternatives(list)); !slices.Equal(list, again) {
			t.Errorf("%v, then %v", list, again)
		}
	})
}
