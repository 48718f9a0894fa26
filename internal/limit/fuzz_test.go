package limit

import (
	"encoding/json"
	"testing"
)

// FuzzJSON wants that no document has more values than are counted.
func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"a":[1,2,{"\"":"],["}],"b":{}}`))
	f.Add([]byte(`["\\",[],[[]],""]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var v any
		if json.Unmarshal(b, &v) != nil {
			return
		}
		if has := values(v); has > count(b)+1 {
			t.Errorf("%q has %d values, %d were counted", b, has, count(b))
		}
	})
}

func values(v any) int {
	n := 1
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			n += values(e)
		}
	case map[string]any:
		for _, e := range v {
			n += values(e)
		}
	}
	return n
}
