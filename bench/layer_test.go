package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

type file struct {
	name  string
	kind  byte
	link  string
	data  string
	mtime int64
}

func writeTar(t *testing.T, name string, files ...file) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	l, err := createLayer(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		h := &tar.Header{Name: f.name, Typeflag: f.kind, Linkname: f.link, Mode: 0o755, Size: int64(len(f.data)), ModTime: time.Unix(f.mtime, 0)}
		if f.kind == 0 {
			h.Typeflag = tar.TypeReg
		}
		if err := l.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(l, f.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.finish(nil); err != nil {
		t.Fatal(err)
	}
	return name
}

func listTar(t *testing.T, name string) (names []string) {
	t.Helper()
	err := walkTar(name, func(h *tar.Header, r io.Reader) error {
		data, err := io.ReadAll(r)
		line := h.Name
		if h.Linkname != "" {
			line += " -> " + h.Linkname
		}
		if len(data) > 0 {
			line += " = " + string(data)
		}
		names = append(names, line)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestSubtractLayer(t *testing.T) {
	base := writeTar(t, "base.tar",
		file{name: "./", kind: tar.TypeDir},
		file{name: "./bin/", kind: tar.TypeDir},
		file{name: "./bin/same", data: "same"},
		file{name: "./bin/touched", data: "t", mtime: 1},
		file{name: "./bin/edited", data: "old"},
		file{name: "./gone/", kind: tar.TypeDir},
		file{name: "./gone/deep", data: "x"},
		file{name: "./one", data: "1"},
		file{name: "./one.link", kind: tar.TypeLink, link: "./one"},
		file{name: "./last", data: "z"},
	)
	full := writeTar(t, "full.tar",
		file{name: "./", kind: tar.TypeDir},
		file{name: "./bin/", kind: tar.TypeDir},
		file{name: "./bin/same", data: "same"},
		file{name: "./bin/touched", data: "t", mtime: 2},
		file{name: "./bin/edited", data: "new"},
		file{name: "./one", data: "2"},
		file{name: "./one.link", kind: tar.TypeLink, link: "./one"},
		file{name: "./sym", kind: tar.TypeSymlink, link: "one"},
	)
	tests := []struct {
		name, base string
		want       []string
	}{
		{"over a base", base, []string{
			"bin/touched = t", "bin/edited = new", "one = 2", "one.link -> one", "sym -> one",
			".wh.gone", ".wh.last", "extra = e",
		}},
		{"over nothing", "", []string{
			"bin/", "bin/same = same", "bin/touched = t", "bin/edited = new", "one = 2", "one.link -> one", "sym -> one", "extra = e",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "layer.tar")
			err := subtractLayer(out, tt.base, full, func(l *layerWriter) error { return l.addFile("extra", 0o644, time.Unix(0, 0), []byte("e")) })
			if err != nil {
				t.Fatal(err)
			}
			if got := listTar(t, out); !slices.Equal(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestSubtractRefusesLinkIntoBase(t *testing.T) {
	base := writeTar(t, "base.tar", file{name: "one", data: "1"})
	full := writeTar(t, "full.tar", file{name: "one", data: "1"}, file{name: "two", kind: tar.TypeLink, link: "one"})
	out := filepath.Join(t.TempDir(), "layer.tar")
	if err := subtractLayer(out, base, full, nil); err == nil {
		t.Error("a link to a file of the base layer was accepted")
	}
	if left, _ := filepath.Glob(out + "*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestRetimeChangesOnlyTimes(t *testing.T) {
	from := writeTar(t, "from.tar", file{name: "a", data: "1", mtime: 5}, file{name: "b", data: "2", mtime: 6})
	out := filepath.Join(t.TempDir(), "out.tar")
	if err := retime(out, from, time.Unix(1000, 0), 1); err != nil {
		t.Fatal(err)
	}
	before, err := describeTar(from)
	if err != nil {
		t.Fatal(err)
	}
	after, err := describeTar(out)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int64{"a": 1000, "b": 1001} {
		a, b := before[name], after[name]
		if b.mtime != want {
			t.Errorf("%s has time %d, want %d", name, b.mtime, want)
		}
		if a.mtime = b.mtime; a != b {
			t.Errorf("%s: more than the time changed: %+v, %+v", name, a, b)
		}
	}
}

func TestShuffledCutsKeepEveryFile(t *testing.T) {
	for _, cut := range []func(string) int{cutByTree, cutByKind} {
		for _, name := range []string{"etc/passwd", "usr/share/doc/x.gz", "usr/lib/libc.so.6", "usr/lib/python3/a.py", "usr/bin/python3"} {
			if n := cut(name); n < 0 || n > 2 {
				t.Errorf("%s goes to layer %d", name, n)
			}
		}
	}
}

func TestImageIdentity(t *testing.T) {
	dir := t.TempDir()
	layer := writeTar(t, "layer.tar", file{name: "a", data: "1"})
	upper := writeTar(t, "upper.tar", file{name: "b", data: "2"})
	write := func(name string, im image) string {
		out := filepath.Join(dir, name)
		if err := writeImage(out, im); err != nil {
			t.Fatal(err)
		}
		return out
	}
	im := image{name: "test:v1", created: time.Unix(0, 0), cmd: []string{"a"}, layers: []string{layer, upper}}
	id := func(name string) string {
		got, err := imageIdentity(name)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	first := write("first.tar", im)
	if id(first) != id(write("again.tar", im)) {
		t.Error("the same image has two identities")
	}
	im.name = "test:other"
	if id(first) != id(write("renamed.tar", im)) {
		t.Error("another name gave another identity")
	}
	im.layers = []string{upper, layer}
	if id(first) == id(write("swapped.tar", im)) {
		t.Error("swapped layers have the same identity")
	}

	// A byte changed in a layer must be found by its DiffID.
	data, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(data, append([]byte("1"), make([]byte, 511)...))
	if at < 0 {
		t.Fatal("the file's contents are not in the archive")
	}
	data[at] = '3'
	damaged := filepath.Join(dir, "damaged.tar")
	if err := os.WriteFile(damaged, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := imageIdentity(damaged); err == nil {
		t.Errorf("a damaged layer passed, with identity %s", got)
	}
}

func TestLinkTarget(t *testing.T) {
	for _, tt := range []struct{ name, link, want string }{
		{"a/layer.tar", "../b/layer.tar", "b/layer.tar"},
		{"a/b/l", "../../c", "c"},
		{"a/l", "m", "a/m"},
	} {
		h := &tar.Header{Typeflag: tar.TypeSymlink, Name: tt.name, Linkname: tt.link}
		if got := linkTarget(h); got != tt.want {
			t.Errorf("%s -> %s gives %s, want %s", tt.name, tt.link, got, tt.want)
		}
	}
}

func TestDebianSources(t *testing.T) {
	lines := ""
	for _, l := range []string{"bookworm|main", "bookworm|contrib", "bookworm-updates|main", "bookworm-security|main", "trixie|main"} {
		name, component, _ := strings.Cut(l, "|")
		lines += fmt.Sprintf("http://mirror.example/debian|%s|%s|/lists/mirror.example_%s_%s_binary-amd64_Packages\n", name, component, name, component)
	}
	d := &debian{suite: "bookworm", targets: parseTargets(lines)}
	const site = "deb http://mirror.example/debian "
	for version, want := range map[string][]string{
		"v1": {site + "bookworm main"},
		"v2": {site + "bookworm main", site + "bookworm-updates main", site + "bookworm-security main"},
	} {
		if got := d.sources(version); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", version, got, want)
		}
	}
	d.suite = "trixie"
	if got := d.sources("v2"); got != nil {
		t.Errorf("a suite without updates gave %q", got)
	}
}
