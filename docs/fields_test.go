package docs

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/ocidelta"
	"github.com/docker-delta/docker-delta/update"
)

// The page about output for programs names every field that there is.
func TestOutputFields(t *testing.T) {
	page, err := os.ReadFile("reference/output.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	var visit func(reflect.Type)
	visit = func(v reflect.Type) {
		for v.Kind() == reflect.Slice || v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
		if v.Kind() != reflect.Struct {
			return
		}
		for i := range v.NumField() {
			f := v.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "" || name == "-" {
				continue
			}
			seen++
			if !strings.Contains(string(page), "`"+name+"`") {
				t.Errorf("%s.%s: the page has no `%s`", v, f.Name, name)
			}
			visit(f.Type)
		}
	}
	visit(reflect.TypeFor[delta.Info]())
	visit(reflect.TypeFor[delta.PartSize]())
	visit(reflect.TypeFor[delta.PatchInfo]())
	visit(reflect.TypeFor[delta.LayerCosts]())
	visit(reflect.TypeFor[update.Published]())
	visit(reflect.TypeFor[ocidelta.Info]())
	if seen < 30 {
		t.Errorf("only %d fields were found", seen)
	}
}
