package report

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// The page documents every field of the JSON form.
func TestJSONFieldsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/howto-diff.md")
	if err != nil {
		t.Fatal(err)
	}
	fields := 0
	seen := make(map[reflect.Type]bool)
	var visit func(reflect.Type)
	visit = func(v reflect.Type) {
		for v.Kind() == reflect.Slice || v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
		if v.Kind() != reflect.Struct || seen[v] {
			return
		}
		seen[v] = true
		for i := range v.NumField() {
			f := v.Field(i)
			if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
				fields++
				if !strings.Contains(string(page), "`"+name+"`") {
					t.Errorf("%s.%s: the page has no `%s`", v, f.Name, name)
				}
			}
			visit(f.Type)
		}
	}
	visit(reflect.TypeFor[Report]())
	if fields < 60 {
		t.Errorf("only %d fields were found", fields)
	}
}
