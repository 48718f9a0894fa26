package limit

import (
	"encoding/json"
	"fmt"
)

// MaxJSONValues is the number of values that a JSON document of images, packages
// and registries may have. The config and manifest of an image of 4096 layers have
// some 20000.
const MaxJSONValues = 1 << 18

// Unmarshal is json.Unmarshal for documents from outside, whose values are counted
// first: "{}," may become a structure of a hundred bytes.
func Unmarshal(b []byte, v any) error {
	if err := JSON(b); err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}

// JSON counts the values of a document. Whether it is JSON is for the decoder to
// find out.
func JSON(b []byte) error {
	if count(b) > MaxJSONValues {
		return fmt.Errorf("a JSON document of over %d values", MaxJSONValues)
	}
	return nil
}

// count gives the number of elements and members, and of arrays and objects.
func count(b []byte) (values int) {
	quoted := false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\':
			i++
		case !quoted && (c == ',' || c == '{' || c == '['):
			values++
		}
	}
	return values
}
