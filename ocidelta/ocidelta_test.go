package ocidelta

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/image"
)

func TestMain(m *testing.M) {
	if image.Init() {
		return
	}
	os.Exit(m.Run())
}

// member is an entry of a layer: a file, unless link or dir say otherwise.
type member struct {
	name string
	data []byte
	hard string
	sym  string
	mode int64
}

func layerOf(members ...member) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		h := &tar.Header{Name: m.name, Mode: 0o644, Size: int64(len(m.data)), ModTime: time.Unix(1e9, 0), Typeflag: tar.TypeReg}
		switch {
		case m.hard != "":
			h.Typeflag, h.Linkname = tar.TypeLink, m.hard
		case m.sym != "":
			h.Typeflag, h.Linkname = tar.TypeSymlink, m.sym
		case strings.HasSuffix(m.name, "/"):
			h.Typeflag, h.Mode = tar.TypeDir, 0o755
		}
		if m.mode != 0 {
			h.Mode = m.mode
		}
		if err := w.WriteHeader(h); err != nil {
			panic(err)
		}
		if _, err := w.Write(m.data); err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// text resembles that of another edit of the same seed.
func text(seed uint64, lines, edit int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	var b bytes.Buffer
	for i := range lines {
		word := r.Uint64()
		if edit > 0 && i%97 == edit {
			fmt.Fprintf(&b, "edited %d\n", edit)
		}
		fmt.Fprintf(&b, "%x\n", word)
	}
	return b.Bytes()
}

// store writes an image as an OCI layout, and opens it.
func store(t testing.TB, compress bool, layers ...[]byte) (string, image.Source) {
	t.Helper()
	m := &memory{compress: compress, layers: layers}
	ref := "oci:" + filepath.Join(t.TempDir(), "image")
	if _, err := image.Write(t.Context(), ref, m, image.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	src, err := image.Open(t.Context(), ref, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { src.Close() })
	return ref, src
}

// memory is an image in memory.
type memory struct {
	layers   [][]byte
	compress bool
}

func (m *memory) Names() []string { return nil }
func (m *memory) Platform() ocispec.Platform {
	return ocispec.Platform{OS: "linux", Architecture: "amd64"}
}
func (m *memory) Config() []byte {
	var ids []digest.Digest
	for _, l := range m.layers {
		ids = append(ids, digest.FromBytes(l))
	}
	b, err := json.Marshal(ocispec.Image{Platform: m.Platform(), RootFS: ocispec.RootFS{Type: "layers", DiffIDs: ids}})
	if err != nil {
		panic(err)
	}
	return b
}

func (m *memory) Manifest() ([]byte, string) {
	mf := ocispec.Manifest{MediaType: ocispec.MediaTypeImageManifest}
	mf.SchemaVersion = 2
	mf.Config = ocispec.Descriptor{MediaType: ocispec.MediaTypeImageConfig, Digest: digest.FromBytes(m.Config()), Size: int64(len(m.Config()))}
	for _, l := range m.Layers() {
		mf.Layers = append(mf.Layers, *l.Blob())
	}
	b, err := json.Marshal(mf)
	if err != nil {
		panic(err)
	}
	return b, mf.MediaType
}

func (m *memory) Layers() (out []image.Layer) {
	for _, l := range m.layers {
		out = append(out, &madeLayer{l, m.compress})
	}
	return out
}

type madeLayer struct {
	tar      []byte
	compress bool
}

func (l *madeLayer) blob() []byte {
	if !l.compress {
		return l.tar
	}
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(l.tar)
	_ = w.Close()
	return b.Bytes()
}
func (l *madeLayer) DiffID() digest.Digest { return digest.FromBytes(l.tar) }
func (l *madeLayer) Size() int64           { return int64(len(l.tar)) }
func (l *madeLayer) Blob() *ocispec.Descriptor {
	d := &ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayer, Digest: digest.FromBytes(l.blob()), Size: int64(len(l.blob()))}
	if l.compress {
		d.MediaType = ocispec.MediaTypeImageLayerGzip
	}
	return d
}
func (l *madeLayer) Plain(context.Context) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(l.tar)), nil
}
func (l *madeLayer) Compressed(context.Context) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(l.blob())), nil
}

// The base's layers hide each other's files in all the ways there are, so that
// taking a file from a wrong one shows.
func baseLayers() [][]byte {
	return [][]byte{
		layerOf(member{name: "etc/"}, member{name: "etc/a", data: text(1, 800, 0)}, member{name: "etc/gone", data: text(2, 800, 0)},
			member{name: "opaque/x", data: text(3, 800, 0)}, member{name: "opaque/kept", data: text(4, 800, 0)},
			member{name: "bin/tool", data: text(5, 900, 0), mode: 0o755}, member{name: "bin/alias", hard: "bin/tool"},
			member{name: "secret", data: text(6, 500, 0), mode: 0o600}, member{name: "link", sym: "etc/a"}),
		layerOf(member{name: "etc/a", data: text(1, 800, 5)}, member{name: "etc/.wh.gone"}, member{name: "opaque/.wh..wh..opq"},
			member{name: "opaque/x", data: text(3, 800, 7)}, member{name: "bin/tool", data: text(7, 900, 0), mode: 0o755},
			member{name: "./lib/dot", data: text(8, 600, 0)}, member{name: "twice", data: text(9, 300, 0)}, member{name: "twice", data: text(9, 300, 3)}),
	}
}

func targetLayers() [][]byte {
	return [][]byte{
		baseLayers()[0],
		layerOf(member{name: "etc/a", data: text(1, 800, 9)}, member{name: "etc/gone", data: text(2, 800, 1)}, member{name: "opaque/x", data: text(3, 800, 7)},
			member{name: "opaque/kept", data: text(4, 800, 0)}, member{name: "bin/alias", data: text(5, 900, 4), mode: 0o755}, member{name: "bin/tool", data: text(7, 900, 4)},
			member{name: "lib/dot", data: text(8, 600, 2)}, member{name: "twice", data: text(9, 300, 3)}, member{name: "secret", data: text(6, 500, 0), mode: 0o600},
			member{name: "moved/dot", data: text(8, 600, 0)}, member{name: "empty"}, member{name: "link2", sym: "etc/a"}),
		layerOf(),
	}
}

func create(t testing.TB, base, target image.Image) string {
	t.Helper()
	var b bytes.Buffer
	if _, err := Create(t.Context(), &b, base, target, delta.Resources{TempDir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "package")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t testing.TB, path string) *Package {
	t.Helper()
	p, err := Open(t.Context(), path, image.Options{TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// same checks that an image is the target.
func same(t testing.TB, want, got image.Image, exact bool) {
	t.Helper()
	if !bytes.Equal(want.Config(), got.Config()) {
		t.Error("another config")
	}
	if err := Check(t.Context(), got); err != nil {
		t.Fatal(err)
	}
	for i, l := range want.Layers() {
		g := got.Layers()[i]
		if g.DiffID() != l.DiffID() || g.Size() >= 0 && g.Size() != l.Size() && l.Size() >= 0 {
			t.Errorf("layer %d is %s of %d bytes", i, g.DiffID(), g.Size())
		}
	}
	w, _ := want.Manifest()
	if g, _ := got.Manifest(); exact != (g != nil) || exact && !bytes.Equal(w, g) {
		t.Errorf("manifest %s, want one: %v", g, exact)
	}
}

func TestRoundTrip(t *testing.T) {
	for _, compress := range []bool{false, true} {
		_, base := store(t, compress, baseLayers()...)
		_, target := store(t, compress, targetLayers()...)
		path := create(t, base, target)
		again := create(t, base, target)
		one, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if two, err := os.ReadFile(again); err != nil || !bytes.Equal(one, two) {
			t.Errorf("a second package differs: %v", err)
		}
		p := open(t, path)
		if err := p.Verify(t.Context()); err != nil {
			t.Error(err)
		}
		info := p.Info()
		var how []string
		for _, l := range info.Layers {
			how = append(how, l.How)
		}
		// An empty layer is smaller as it is where it is compressed.
		want := []string{FromBase, Diffed, Whole}
		if !compress {
			want[2] = Diffed
		}
		if !slices.Equal(how, want) {
			t.Errorf("layers %v, want %v", how, want)
		}
		if l := info.Layers[1]; l.InPkg > 22_000 {
			t.Errorf("the layer of small changes takes %d bytes of %d", l.InPkg, l.Size)
		}
		img, err := p.Rebuild(t.Context(), base, delta.Resources{TempDir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		same(t, target, img, !compress)
		img.Close()
		// A base that packs its layers otherwise serves as well.
		_, other := store(t, !compress, baseLayers()...)
		if img, err = p.Rebuild(t.Context(), other, delta.Resources{TempDir: t.TempDir()}); err != nil {
			t.Fatal(err)
		}
		same(t, target, img, false)
		img.Close()
	}
}

func TestWrongBase(t *testing.T) {
	_, base := store(t, true, baseLayers()...)
	_, target := store(t, true, targetLayers()...)
	p := open(t, create(t, base, target))
	less := baseLayers()
	less[1] = layerOf(member{name: "etc/.wh.a"})
	hidden := baseLayers()
	hidden = append(hidden, layerOf(member{name: ".wh.etc"}))
	for name, layers := range map[string][][]byte{"no layers": nil, "lowest layer": less, "hidden files": hidden, "another": {baseLayers()[1]}} {
		_, wrong := store(t, true, layers...)
		if _, err := p.Rebuild(t.Context(), wrong, delta.Resources{TempDir: t.TempDir()}); !errors.Is(err, delta.ErrBase) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := p.Rebuild(t.Context(), nil, delta.Resources{TempDir: t.TempDir()}); !errors.Is(err, delta.ErrBase) {
		t.Errorf("none: %v", err)
	}
	// The right names with other contents: the layer does not come back.
	changed := baseLayers()
	changed[1] = bytes.ReplaceAll(changed[1], []byte("edited 5"), []byte("edited 6"))
	_, wrong := store(t, true, changed...)
	img, err := p.Rebuild(t.Context(), wrong, delta.Resources{TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	if err := Check(t.Context(), img); !errors.Is(err, delta.ErrVerify) {
		t.Errorf("other contents: %v", err)
	}
}

func TestNoManifest(t *testing.T) {
	_, base := store(t, true, baseLayers()...)
	_, err := Create(t.Context(), io.Discard, base, &bare{base}, delta.Resources{TempDir: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "the target has no manifest") {
		t.Error(err)
	}
}

type bare struct{ image.Image }

func (b *bare) Manifest() ([]byte, string) { return nil, "" }

// TestDamage flips every 7th byte: there is an error that says so, or the image
// is right.
func TestDamage(t *testing.T) {
	_, base := store(t, true, baseLayers()...)
	_, target := store(t, true, targetLayers()[:2]...)
	path := create(t, base, target)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	step := 7
	if testing.Short() {
		step = 131
	}
	for at := 0; at < len(whole); at += step {
		b := bytes.Clone(whole)
		b[at] ^= 0x41
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		err := func() error {
			p, err := Open(t.Context(), path, image.Options{TempDir: t.TempDir()})
			if err != nil {
				return err
			}
			defer p.Close()
			img, err := p.Rebuild(t.Context(), base, delta.Resources{TempDir: t.TempDir()})
			if err != nil {
				return err
			}
			defer img.Close()
			if err := Check(t.Context(), img); err != nil {
				return err
			}
			for i, l := range img.Layers() {
				if l.DiffID() != target.Layers()[i].DiffID() {
					return errors.New("another image, and no error")
				}
			}
			return nil
		}()
		if err != nil && strings.HasPrefix(err.Error(), "another") {
			t.Fatalf("byte %d: %v", at, err)
		}
	}
	for n := 0; n < len(whole); n += 1500 {
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if p, err := Open(t.Context(), path, image.Options{TempDir: t.TempDir()}); err == nil {
			err = p.Verify(t.Context())
			p.Close()
			if err == nil && n < len(whole)-3*512 {
				t.Errorf("%d of %d bytes pass", n, len(whole))
			}
		}
	}
}

// TestOfOthers reads a package that oci-delta 0.2.0 has written, with the blobs
// of its images.
func TestOfOthers(t *testing.T) {
	_, base := store(t, true, baseLayers()...)
	_, target := store(t, true, targetLayers()...)
	p := open(t, "testdata/oci-delta-0.2.0")
	info := p.Info()
	raw, _ := target.Manifest()
	if info.Target != digest.FromBytes(raw) {
		t.Fatalf("the target is %s, want %s: a package for other images", info.Target, digest.FromBytes(raw))
	}
	img, err := p.Rebuild(t.Context(), base, delta.Resources{TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	same(t, target, img, false)
}

// TestByOthers lets oci-delta apply our package, where DOCKER_DELTA_TEST_OCI_DELTA
// names that program; with UPDATE=1 it writes testdata anew.
func TestByOthers(t *testing.T) {
	program := os.Getenv("DOCKER_DELTA_TEST_OCI_DELTA")
	if program == "" {
		t.Skip("DOCKER_DELTA_TEST_OCI_DELTA does not name the program oci-delta")
	}
	baseRef, base := store(t, true, baseLayers()...)
	targetRef, target := store(t, true, targetLayers()...)
	dir := t.TempDir()
	// What a container of the base sees.
	for name, data := range map[string][]byte{
		"etc/a": text(1, 800, 5), "opaque/x": text(3, 800, 7), "bin/alias": text(5, 900, 0), "bin/tool": text(7, 900, 0),
		"lib/dot": text(8, 600, 0), "twice": text(9, 300, 3),
	} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(t.TempDir(), "out")
	if b, err := exec.Command(program, "apply", "--directory", dir, create(t, base, target), "oci:"+out).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	got, err := image.Open(t.Context(), "oci:"+out, image.Options{AllowMissing: true})
	if err != nil {
		t.Fatal(err)
	}
	defer got.Close()
	for i, l := range got.Layers()[1:] { // it leaves out what the base has
		rc, err := l.Plain(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(rc)
		if err != nil || !bytes.Equal(b, targetLayers()[i+1]) {
			t.Errorf("layer %d: %v", i+1, err)
		}
		rc.Close()
	}
	if os.Getenv("UPDATE") == "1" {
		if b, err := exec.Command(program, "create", baseRef, targetRef, "oci-archive:testdata/oci-delta-0.2.0").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
	}
}
