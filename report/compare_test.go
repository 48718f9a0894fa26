package report

import (
	"slices"
	"strings"
	"testing"
)

// updated is a pair of images with one of each kind of change.
func updated(t testing.TB) (base, target *testImage) {
	owned := file("etc/owned", "owned")
	chowned := owned
	chowned.Uid = 7
	attrs := file("etc/attrs", "attrs")
	withAttrs := attrs
	withAttrs.PAXRecords = map[string]string{"SCHILY.xattr.user.x": "1"}
	prose := strings.Repeat("the same words again and again\n", 400)
	shared := layerTar(t, dir("etc"), file("etc/passwd", "root:x:0:0"), file("etc/shared", prose))
	base = newImage(t, "example/app:v1", []string{"/bin/sh -c #(nop) ADD file:1 in / ", "RUN build # buildkit"}, shared, layerTar(t,
		dir("app"), file("app/same", "same"), file("app/changed", prose+"one"), file("app/touched", "touched"), owned, attrs,
		file("app/lib-1.0/old.so", "library"), file("app/tool-1.0.txt", prose+"tool one"), file("app/gone", "gone"),
		symlink("app/link", "same"), file("app/became-dir", "file"), hardlink("app/hard", "app/same"),
		file("app/deleted/below", "below"),
	))
	target = newImage(t, "example/app:v2", []string{"/bin/sh -c #(nop) ADD file:1 in / ", "RUN build # buildkit", "RUN rm -r app/deleted # buildkit"}, shared, layerTar(t,
		dir("app").later(), file("app/same", "same"), file("app/changed", prose+"two"), file("app/touched", "touched").later(), chowned, withAttrs,
		file("app/lib-1.1/old.so", "library"), file("app/tool-1.1.txt", prose+"tool two"), file("app/new", "new"),
		symlink("app/link", "changed"), dir("app/became-dir"), file("app/became-dir/file", "file in it"), hardlink("app/hard", "app/same"),
		file("app/deleted/below", "below"), file("etc/passwd", "root:x:0:1"),
	), layerTar(t, file("app/.wh.deleted", "")))
	return base, target
}

func TestStatuses(t *testing.T) {
	base, target := updated(t)
	r := makeReport(t, base, target, Options{NoDelta: true})
	var got []string
	for _, f := range r.Files {
		if f.Kind == Directory && f.Status != Changed {
			continue
		}
		s := string(f.Status) + " " + f.Path
		if f.From != "" {
			s += " from " + f.From
		}
		if len(f.Differs) > 0 {
			s += ": " + strings.Join(f.Differs, " ")
		}
		got = append(got, s)
	}
	want := []string{
		"changed /app/became-dir: kind",
		"added /app/became-dir/file",
		"changed /app/changed: content",
		"removed /app/deleted/below",
		"hidden /app/deleted/below",
		"removed /app/gone",
		"same /app/hard",
		"moved /app/lib-1.1/old.so from /app/lib-1.0/old.so",
		"changed /app/link: link",
		"added /app/new",
		"same /app/same",
		"changed /app/tool-1.1.txt from /app/tool-1.0.txt: content",
		"times /app/touched: time",
		"metadata /etc/attrs: xattrs",
		"metadata /etc/owned: owner",
		"changed /etc/passwd: content",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestSameImages(t *testing.T) {
	base, _ := updated(t)
	r := makeReport(t, base, base, Options{NoDelta: true})
	if len(r.Files) != 0 || r.Summary.Pull != 0 || r.Summary.LayersShared != 2 || r.Summary.Counts[Same] != 14 {
		t.Errorf("an image against itself: %d files, %+v", len(r.Files), r.Summary)
	}
}

// Opaque directories hide what is below them in lower layers, and nothing that
// their own layer brings, wherever it stands.
func TestOpaque(t *testing.T) {
	img := newImage(t, "x", nil, layerTar(t, file("d/old", "old"), file("d/sub/old", "old")),
		layerTar(t, file("d/new", "new"), file("d/.wh..wh..opq", ""), file("e/.wh.nothing", "")))
	empty := newImage(t, "y", nil)
	r := makeReport(t, empty, img, Options{NoDelta: true})
	var seen []string
	for _, f := range r.Files {
		seen = append(seen, string(f.Status)+" "+f.Path)
	}
	want := []string{"added /d/new", "hidden /d/old", "hidden /d/sub/old"}
	if !slices.Equal(seen, want) {
		t.Errorf("got %q, want %q", seen, want)
	}
}

func TestMovesChooseTheLikeliest(t *testing.T) {
	base := newImage(t, "x", nil, layerTar(t, file("a/one.txt", "same"), file("a/two.txt", "same"), file("a/lib-1.so", "same")))
	target := newImage(t, "y", nil, layerTar(t, file("b/lib-2.so", "same"), file("b/two.txt", "same"), file("b/other", "same")))
	r := makeReport(t, base, target, Options{NoDelta: true})
	for path, from := range map[string]string{"/b/two.txt": "/a/two.txt", "/b/lib-2.so": "/a/lib-1.so", "/b/other": "/a/one.txt"} {
		if f := byPath(t, r, path); f.Status != Moved || f.From != from {
			t.Errorf("%s: %s from %s, want %s", path, f.Status, f.From, from)
		}
	}
	if n := r.Summary.Counts[Removed]; n != 0 {
		t.Errorf("%d files count as removed", n)
	}
}
