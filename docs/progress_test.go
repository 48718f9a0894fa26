package docs

import "testing"

// What a slow machine prints between is no part of what a page shows.
func TestProgressIsLeftOut(t *testing.T) {
	printed := "code, layer 2 of 2: 33% of 3.15 MB\nread target …\nread: 5% of 7 kB\nx.delta: 1.23 MB, 112.22% of the image's compressed layers (1.1 MB)\n"
	if got, want := clean(printed), "x.delta: 1.23 MB, 112.22% of the image's compressed layers (1.1 MB)"; got != want {
		t.Errorf("%q", got)
	}
}
