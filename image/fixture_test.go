package image

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestMain(m *testing.M) {
	if Init() {
		return
	}
	os.Exit(m.Run())
}

// fakeImage is an Image in memory, as a rebuilt one is: no store behind it.
type fakeImage struct {
	names     []string
	config    []byte
	manifest  []byte
	mediaType string
	layers    []Layer
	opened    []string // what was opened, in order
}

func (i *fakeImage) Names() []string            { return i.names }
func (i *fakeImage) Config() []byte             { return i.config }
func (i *fakeImage) Manifest() ([]byte, string) { return i.manifest, i.mediaType }
func (i *fakeImage) Layers() []Layer            { return i.layers }
func (i *fakeImage) Platform() ocispec.Platform {
	c, _ := parseConfig(i.config, len(i.layers))
	return normalize(c.Platform)
}

type fakeLayer struct {
	img   *fakeImage
	tar   []byte
	blob  []byte
	desc  *ocispec.Descriptor
	size  int64
	after func() error // called at the end of the stream
}

func (l *fakeLayer) DiffID() digest.Digest     { return digest.FromBytes(l.tar) }
func (l *fakeLayer) Blob() *ocispec.Descriptor { return l.desc }
func (l *fakeLayer) Size() int64               { return l.size }
func (l *fakeLayer) Plain(context.Context) (io.ReadCloser, error) {
	l.img.opened = append(l.img.opened, l.DiffID().String())
	return l.reader(l.tar), nil
}
func (l *fakeLayer) Compressed(context.Context) (io.ReadCloser, error) {
	if l.desc == nil {
		return nil, ErrNoBlob
	}
	l.img.opened = append(l.img.opened, l.desc.Digest.String())
	return l.reader(l.blob), nil
}

func (l *fakeLayer) reader(b []byte) io.ReadCloser {
	if l.after == nil {
		return io.NopCloser(bytes.NewReader(b))
	}
	return io.NopCloser(io.MultiReader(bytes.NewReader(b), readerFunc(func([]byte) (int, error) { return 0, l.after() })))
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// fixture describes a test image.
type fixture struct {
	seed     uint64
	layers   int
	only     []int  // numbers of the layers that are made; nil is all
	size     int    // of each layer's file; 0 is 20000
	compress string // "", "gzip", "zstd", "none": without blobs, or with blobs so packed
	docker   bool   // schema 2 media types
	platform ocispec.Platform
	names    []string
	cmd      []string
	files    map[string][]byte // put into the first layer
}

// build makes the image; the same fixture gives the same bytes.
func (f fixture) build(t testing.TB) *fakeImage {
	t.Helper()
	platform := f.platform
	if platform.OS == "" {
		platform = ocispec.Platform{OS: "linux", Architecture: runtime.GOARCH}
	}
	if f.layers == 0 {
		f.layers = 3
	}
	img := &fakeImage{names: f.names}
	var diffIDs []digest.Digest
	for i := range f.layers {
		if f.only != nil && !slices.Contains(f.only, i) {
			continue
		}
		files := map[string][]byte{fmt.Sprintf("etc/%d-%d", f.seed, i): randomText(f.seed+uint64(i)*1000, cmp.Or(f.size, 20000))}
		if i == 0 {
			for k, v := range f.files {
				files[k] = v
			}
		}
		l := &fakeLayer{img: img, tar: tarOf(t, files)}
		l.size = int64(len(l.tar))
		diffIDs = append(diffIDs, digest.FromBytes(l.tar))
		img.layers = append(img.layers, l)
	}
	config, err := json.Marshal(map[string]any{
		"architecture": platform.Architecture, "os": platform.OS, "variant": platform.Variant,
		"config": map[string]any{"Cmd": f.cmd, "Labels": map[string]string{"seed": fmt.Sprint(f.seed)}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": diffIDs},
	})
	if err != nil {
		t.Fatal(err)
	}
	img.config = config
	if f.compress == "" {
		return img
	}
	m := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: ocispec.Descriptor{MediaType: ocispec.MediaTypeImageConfig, Digest: digest.FromBytes(config), Size: int64(len(config))}}
	types := map[string]string{"gzip": ocispec.MediaTypeImageLayerGzip, "zstd": ocispec.MediaTypeImageLayerZstd, "none": ocispec.MediaTypeImageLayer}
	if f.docker {
		m.MediaType, m.Config.MediaType = dockerManifestType, dockerConfigType
		types["gzip"] = "application/vnd.docker.image.rootfs.diff.tar.gzip"
	}
	for _, l := range img.layers {
		l := l.(*fakeLayer)
		l.blob = pack(t, f.compress, l.tar)
		l.desc = &ocispec.Descriptor{MediaType: types[f.compress], Digest: digest.FromBytes(l.blob), Size: int64(len(l.blob))}
		m.Layers = append(m.Layers, *l.desc)
	}
	// Indented, so that no writer gives the same bytes by chance.
	if img.manifest, err = json.MarshalIndent(m, "", "   "); err != nil {
		t.Fatal(err)
	}
	img.mediaType = m.MediaType
	return img
}

func pack(t testing.TB, format string, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser
	switch format {
	case "none":
		return b
	case "gzip":
		w = gzip.NewWriter(&out)
	case "zstd":
		var err error
		if w, err = zstd.NewWriter(&out); err != nil {
			t.Fatal(err)
		}
	default:
		return packExternal(t, format, b)
	}
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func tarOf(t testing.TB, files map[string][]byte) []byte {
	t.Helper()
	var names []string
	for n := range files {
		names = append(names, n)
	}
	slices.Sort(names)
	var out bytes.Buffer
	tw := tar.NewWriter(&out)
	for _, n := range names {
		if err := tw.WriteHeader(&tar.Header{Name: n, Mode: 0o755, Size: int64(len(files[n])), ModTime: time.Unix(1e9, 0)}); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write(files[n]); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// randomText is compressible and the same for the same seed.
func randomText(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 7))
	var b bytes.Buffer
	for b.Len() < n {
		fmt.Fprintf(&b, "%d %x\n", r.IntN(100), r.Uint32())
	}
	return b.Bytes()[:n]
}

// plainOf reads all layers decompressed.
func plainOf(t testing.TB, img Image) []digest.Digest {
	t.Helper()
	var out []digest.Digest
	for i, l := range img.Layers() {
		rc, err := l.Plain(t.Context())
		if err != nil {
			t.Fatalf("layer %d: %v", i, err)
		}
		d, err := digest.FromReader(rc)
		if err != nil {
			t.Fatalf("layer %d: %v", i, err)
		}
		if err := rc.Close(); err != nil {
			t.Fatalf("layer %d: %v", i, err)
		}
		if d != l.DiffID() {
			t.Fatalf("layer %d is %s, its DiffID %s", i, d, l.DiffID())
		}
		out = append(out, d)
	}
	return out
}

// same checks that got is the image want: config and layers, and if exact, also
// the manifest and every blob.
func same(t testing.TB, want, got Image, exact bool) {
	t.Helper()
	if !bytes.Equal(want.Config(), got.Config()) {
		t.Errorf("the config differs:\n%s\n%s", want.Config(), got.Config())
	}
	if w, g := plainOf(t, want), plainOf(t, got); !slices.Equal(w, g) {
		t.Errorf("DiffIDs %v, want %v", g, w)
	}
	if !exact {
		return
	}
	w, wt := want.Manifest()
	g, gt := got.Manifest()
	if !bytes.Equal(w, g) || wt != gt {
		t.Errorf("the manifest differs: %s\n%s\n%s\n%s", wt, w, gt, g)
	}
	for i, l := range got.Layers() {
		rc, err := l.Compressed(t.Context())
		if err != nil {
			t.Fatalf("layer %d: %v", i, err)
		}
		d, err := digest.FromReader(rc)
		rc.Close()
		if err != nil || d != want.Layers()[i].Blob().Digest {
			t.Errorf("blob %d is %s (%v), want %s", i, d, err, want.Layers()[i].Blob().Digest)
		}
	}
}

func mustOpen(t testing.TB, ref string, opt Options) Source {
	t.Helper()
	if opt.Debugf == nil {
		opt.Debugf = t.Logf
	}
	img, err := Open(t.Context(), ref, opt)
	if err != nil {
		t.Fatalf("open %s: %v", ref, err)
	}
	t.Cleanup(func() {
		if err := img.Close(); err != nil {
			t.Errorf("close %s: %v", ref, err)
		}
	})
	return img
}

func mustWrite(t testing.TB, dest string, img Image, opt WriteOptions) Result {
	t.Helper()
	if opt.Debugf == nil {
		opt.Debugf = t.Logf
	}
	res, err := Write(t.Context(), dest, img, opt)
	if err != nil {
		t.Fatalf("write %s: %v", dest, err)
	}
	return res
}
