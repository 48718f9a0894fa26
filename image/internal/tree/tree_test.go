package tree

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func archive(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		body := h.Gname // test contents travel in the group name
		h.Gname = ""
		h.Size = int64(len(body))
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTar(t *testing.T) {
	long := string(bytes.Repeat([]byte("long/"), 60)) + "name"
	raw := archive(t,
		tar.Header{Name: "dir/", Typeflag: tar.TypeDir},
		tar.Header{Name: "./dir/a", Gname: "first"},
		tar.Header{Name: "dir/a", Gname: "second"}, // the last counts
		tar.Header{Name: "/abs", Gname: "absolute"},
		tar.Header{Name: "empty"},
		tar.Header{Name: long, Gname: "long"},
		tar.Header{Name: "dir/link", Typeflag: tar.TypeSymlink, Linkname: "../abs"},
		tar.Header{Name: "hard", Typeflag: tar.TypeLink, Linkname: "dir/a"},
		tar.Header{Name: "outside", Typeflag: tar.TypeSymlink, Linkname: "../../etc/passwd"},
		tar.Header{Name: "away", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"},
		tar.Header{Name: "loop", Typeflag: tar.TypeSymlink, Linkname: "loop"},
	)
	tree, err := Tar(bytes.NewReader(raw), int64(len(raw)), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"dir/a": "second", "./dir/a": "second", "/dir/a": "second", "abs": "absolute", "empty": "", long: "long", "dir/link": "absolute", "hard": "second",
	} {
		b, err := ReadFile(tree, name, 100)
		if err != nil || string(b) != want {
			t.Errorf("%s: %q %v, want %q", name, b, err, want)
		}
	}
	for _, name := range []string{"outside", "away", "loop", "none", "dir", "", ".", "../etc/passwd", "a\x00b"} {
		if _, err := tree.Open(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := ReadFile(tree, "dir/a", 5); err == nil {
		t.Error("the limit is not kept")
	}
}

func TestTarTruncated(t *testing.T) {
	raw := archive(t, tar.Header{Name: "a", Gname: "some text"}, tar.Header{Name: "b", Gname: string(make([]byte, 3000))})
	for n := range len(raw) {
		_, err := Tar(bytes.NewReader(raw[:n]), int64(n), nil)
		switch {
		case n < 512: // not even one header
			if !errors.Is(err, ErrNotTar) {
				t.Errorf("cut at %d: %v", n, err)
			}
		case n < 512+9, n > 1024 && n < 2048-512, n >= 2048-512 && n < 1536+3000:
			if !errors.Is(err, ErrTruncated) {
				t.Errorf("cut at %d: %v", n, err)
			}
		}
	}
}

func TestDir(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "secret"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := filepath.Join(root, "d")
	if err := os.MkdirAll(filepath.Join(d, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(d, "sub", "a"), []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	tree := Dir(d)
	if b, err := ReadFile(tree, "sub/a", 10); err != nil || string(b) != "text" {
		t.Errorf("%q %v", b, err)
	}
	for _, name := range []string{"../secret", "sub/../../secret", "none"} {
		if _, err := tree.Open(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := tree.Open("sub"); err == nil {
		t.Error("a directory opens as a file")
	}
	if n := tree.Names(10); !slices.Equal(n, []string{"sub"}) {
		t.Errorf("names %v", n)
	}
}

func FuzzTar(f *testing.F) {
	f.Add(archive(f, tar.Header{Name: "a", Gname: "some text"}, tar.Header{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "a"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		tree, err := Tar(bytes.NewReader(b), int64(len(b)), nil)
		if err != nil {
			return
		}
		for _, n := range tree.Names(100) {
			file, err := tree.Open(n)
			if err != nil {
				continue
			}
			if got, err := io.ReadAll(file); err != nil || int64(len(got)) != file.Size() {
				t.Errorf("%s: %d of %d bytes: %v", n, len(got), file.Size(), err)
			}
		}
	})
}

// An archive of many entries, or of long names, is refused before more are kept than
// the limits say.
func TestHostileEntries(t *testing.T) {
	entry := archive(t, tar.Header{Name: "x"})[:512]
	long := archive(t, tar.Header{Name: string(bytes.Repeat([]byte("n"), 64<<10)), Format: tar.FormatPAX})
	long = long[:len(long)-1024]
	for name, one := range map[string][]byte{"entries": entry, "names": long} {
		n := maxEntries + 1
		if name == "names" {
			n = maxNameSize>>16 + 1
		}
		_, err := Tar(repeated(one), int64(n*len(one)), nil)
		if err == nil || !strings.Contains(err.Error(), "more than 1048576 entries or 67108864 bytes") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err = Tar(repeated(one), int64(n/16*len(one)), nil); err != nil {
			t.Errorf("fewer %s: %v", name, err)
		}
	}
}

// repeated is a text without end.
type repeated []byte

func (r repeated) ReadAt(p []byte, off int64) (int, error) {
	for n := 0; n < len(p); {
		n += copy(p[n:], r[(off+int64(n))%int64(len(r)):])
	}
	return len(p), nil
}
