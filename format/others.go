package format

import (
	"strings"

	"github.com/opencontainers/go-digest"
)

// An Alternative is a base that does in place of the one that a package names
// first.
type Alternative struct {
	ID    digest.Digest // image ID
	Chain digest.Digest // ChainID of its layers
}

// maxAlternatives bounds what is read of them.
const maxAlternatives = 64

// FormatAlternatives gives the value of [AnnotationOtherBases].
func FormatAlternatives(list []Alternative) string {
	var words []string
	for _, a := range list {
		words = append(words, a.ID.String()+"/"+a.Chain.String())
	}
	return strings.Join(words, " ")
}

// ParseAlternatives reads it; what is not understood is left out.
func ParseAlternatives(value string) (list []Alternative) {
	for word := range strings.FieldsSeq(value) {
		id, chain, _ := strings.Cut(word, "/")
		a := Alternative{digest.Digest(id), digest.Digest(chain)}
		if a.ID.Validate() == nil && a.Chain.Validate() == nil && len(list) < maxAlternatives {
			list = append(list, a)
		}
	}
	return list
}
