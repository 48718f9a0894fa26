package image

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// snapshot is what lies under a directory.
func snapshot(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			out[p] = "dir"
			return err
		}
		b, err := os.ReadFile(p)
		out[p] = digest.FromBytes(b).String()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestWriteFailsWhole breaks every kind of destination in every layer, on a place
// that is empty and on one that holds an older image: afterwards everything is
// as it was before.
func TestWriteFailsWhole(t *testing.T) {
	broken := errors.New("the source broke")
	for _, d := range fileDestinations {
		for _, before := range []bool{false, true} {
			for i := range 4 {
				dir := t.TempDir()
				dest := d.prefix + filepath.Join(dir, "out")
				if before {
					mustWrite(t, dest, fixture{seed: 60, compress: "gzip"}.build(t), WriteOptions{})
				}
				was := snapshot(t, dir)
				ctx, cancel := context.WithCancel(t.Context())
				img := fixture{seed: 61, compress: "gzip"}.build(t)
				want := broken
				if i < 3 {
					img.layers[i].(*fakeLayer).after = func() error { return broken }
				} else { // cancelled, and the source does not notice
					want = context.Canceled
					img.layers[2].(*fakeLayer).after = func() error { cancel(); return io.EOF }
				}
				res, err := Write(ctx, dest, img, WriteOptions{Options: Options{TempDir: dir}})
				cancel()
				if !errors.Is(err, want) {
					t.Errorf("%s layer %d: %+v %v", d.prefix, i, res, err)
				}
				if now := snapshot(t, dir); !maps.Equal(was, now) {
					t.Errorf("%s layer %d: it was %v and is %v", d.prefix, i, was, now)
				}
			}
		}
	}
}

// TestWriteLies gives images whose layers are not what they promise.
func TestWriteLies(t *testing.T) {
	for _, d := range fileDestinations {
		for what, spoil := range map[string]func(*fakeImage){
			"other content": func(i *fakeImage) {
				l := i.layers[1].(*fakeLayer)
				i.layers[1] = &lyingLayer{fakeLayer: l, plain: bytes.Repeat([]byte{1}, len(l.tar)), blob: bytes.Repeat([]byte{1}, len(l.blob))}
			},
			"shorter content": func(i *fakeImage) {
				l := i.layers[1].(*fakeLayer)
				i.layers[1] = &lyingLayer{fakeLayer: l, plain: l.tar[:600], blob: l.blob[:60]}
			},
			"longer content": func(i *fakeImage) {
				l := i.layers[1].(*fakeLayer)
				i.layers[1] = &lyingLayer{fakeLayer: l, plain: append(bytes.Clone(l.tar), 0), blob: append(bytes.Clone(l.blob), 0)}
			},
			"other manifest": func(i *fakeImage) { i.manifest = bytes.ReplaceAll(i.manifest, []byte("sha256:"), []byte("sha256:")) },
		} {
			dir := t.TempDir()
			img := fixture{seed: 62, compress: "gzip"}.build(t)
			if what == "other manifest" {
				if !d.exact {
					continue
				}
				img.manifest = fixture{seed: 63, compress: "gzip"}.build(t).manifest
			} else {
				spoil(img)
			}
			_, err := Write(t.Context(), d.prefix+filepath.Join(dir, "out"), img, WriteOptions{})
			if err == nil {
				t.Errorf("%s: %s is accepted", d.prefix, what)
			}
			isEmpty(t, dir)
		}
	}
}

type lyingLayer struct {
	*fakeLayer
	plain, blob []byte
}

func (l *lyingLayer) Plain(context.Context) (io.ReadCloser, error) { return bytesCloser(l.plain), nil }
func (l *lyingLayer) Compressed(context.Context) (io.ReadCloser, error) {
	return bytesCloser(l.blob), nil
}

func TestWriteIsDeterministic(t *testing.T) {
	for _, prefix := range []string{"docker-archive:", "oci-archive:"} {
		for _, c := range []Compression{AutoCompression, GzipCompression} {
			var first []byte
			for range 2 {
				path := filepath.Join(t.TempDir(), "out")
				mustWrite(t, prefix+path, fixture{seed: 64}.build(t), WriteOptions{Names: []string{"a:1", "b:2"}, Compression: c})
				b, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if first == nil {
					first = b
				}
				if !bytes.Equal(first, b) {
					t.Errorf("%s: two writes differ", prefix)
				}
			}
		}
	}
}

// Layers are opened in order, each once, also when the image has one twice.
func TestLayersOpenedOnce(t *testing.T) {
	for _, d := range fileDestinations {
		for _, size := range []bool{true, false} {
			img := fixture{seed: 65, layers: 3, compress: "gzip"}.build(t)
			img = repeat(t, img)
			for _, l := range img.layers {
				if !size {
					l.(*fakeLayer).size = -1
				}
			}
			var want []string
			for _, l := range img.layers[:3] {
				if d.exact {
					want = append(want, l.Blob().Digest.String())
				} else {
					want = append(want, l.DiffID().String())
				}
			}
			path := filepath.Join(t.TempDir(), "out")
			mustWrite(t, d.prefix+path, img, WriteOptions{})
			if !slices.Equal(img.opened, want) {
				t.Errorf("%s opened %v, want %v", d.prefix, img.opened, want)
			}
			same(t, img, mustOpen(t, path, Options{}), d.exact)
		}
	}
}

// repeat adds the first layer once more at the end.
func repeat(t testing.TB, img *fakeImage) *fakeImage {
	t.Helper()
	d := img.layers[0].DiffID().String()
	last := img.layers[len(img.layers)-1].DiffID().String()
	img.config = bytes.Replace(img.config, []byte(`"`+last+`"`), []byte(`"`+last+`","`+d+`"`), 1)
	img.layers = append(img.layers, img.layers[0])
	m := parseOrPanic(img.manifest).manifest
	m.Config.Digest, m.Config.Size = digest.FromBytes(img.config), int64(len(img.config))
	m.Layers = append(m.Layers, m.Layers[0])
	img.manifest = mustJSON(t, m)
	return img
}

func TestMadeManifest(t *testing.T) {
	for c, mediaType := range map[Compression]string{NoCompression: ocispec.MediaTypeImageLayer, GzipCompression: ocispec.MediaTypeImageLayerGzip} {
		src := fixture{seed: 66}.build(t)
		path := filepath.Join(t.TempDir(), "out")
		res := mustWrite(t, "oci-archive:"+path, src, WriteOptions{Compression: c})
		img := mustOpen(t, path, Options{})
		same(t, src, img, false)
		raw, _ := img.Manifest()
		if digest.FromBytes(raw) != res.Manifest.Digest || res.Original || res.ImageID != digest.FromBytes(src.config) {
			t.Errorf("%+v", res)
		}
		for _, l := range img.Layers() {
			if l.Blob().MediaType != mediaType {
				t.Errorf("media type %s", l.Blob().MediaType)
			}
		}
	}
}

func TestAddToLayout(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "layout")
	a, b := fixture{seed: 70, compress: "gzip"}.build(t), fixture{seed: 71, compress: "gzip"}.build(t)
	mustWrite(t, "oci:"+dir+":v1", a, WriteOptions{})
	mustWrite(t, "oci:"+dir+":v2", b, WriteOptions{})
	mustWrite(t, "oci:"+dir+":v1", b, WriteOptions{Names: []string{"app:v1"}}) // moves the name
	mustWrite(t, "oci:"+dir+":v0", a, WriteOptions{})
	for name, want := range map[string]*fakeImage{"v0": a, "v1": b, "v2": b, "app:v1": b} {
		same(t, want, mustOpen(t, "oci:"+dir+":"+name, Options{}), true)
	}
	// What others wrote into index.json stays.
	index := filepath.Join(dir, "index.json")
	raw, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	raw = bytes.Replace(raw, []byte(`{"manifests":[`), []byte(`{"custom":7,"manifests":[{"mediaType":"x/y","digest":"`+digest.FromString("x").String()+`","size":1,"custom":8},`), 1)
	if err := os.WriteFile(index, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	res := mustWrite(t, "oci:"+dir+":v3", a, WriteOptions{})
	if res.Blobs != 0 || res.Skipped == 0 {
		t.Errorf("blobs that are there were written again: %+v", res)
	}
	if raw, err = os.ReadFile(index); err != nil || !bytes.Contains(raw, []byte(`"custom":7`)) || !bytes.Contains(raw, []byte(`"custom":8`)) {
		t.Errorf("%v %s", err, raw)
	}
	// A damaged blob is replaced.
	blob := filepath.Join(dir, filepath.FromSlash(blobPath(a.layers[1].Blob().Digest)))
	if err := os.WriteFile(blob, []byte("damaged"), 0o644); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, "oci:"+dir+":v3", a, WriteOptions{})
	same(t, a, mustOpen(t, "oci:"+dir+":v3", Options{}), true)
}

func TestAddToLayoutAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "layout")
	var wg sync.WaitGroup
	var imgs []*fakeImage
	for i := range 8 {
		imgs = append(imgs, fixture{seed: uint64(80 + i), layers: 1, compress: "gzip"}.build(t))
	}
	for i, img := range imgs {
		wg.Go(func() {
			if _, err := Write(context.Background(), "oci:"+dir+":v"+string(rune('0'+i)), img, WriteOptions{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for i, img := range imgs {
		same(t, img, mustOpen(t, "oci:"+dir+":v"+string(rune('0'+i)), Options{}), true)
	}
}

func TestWriteRefuses(t *testing.T) {
	dir := files{"taken/file": []byte("precious"), "file": []byte("x")}.dir(t, t.TempDir())
	img := fixture{seed: 67}.build(t)
	for dest, part := range map[string]string{
		"docker-archive:" + dir + "/taken":   "is a directory",
		"oci:" + dir + "/taken":              "no OCI layout",
		"dir:" + dir + "/taken":              "no dir: layout",
		"dir:" + dir + "/file":               "",
		"oci:" + dir + "/file":               "",
		"docker-archive:" + dir + "/a/b.tar": "there is no directory",
		"oci:" + dir + "/a/b":                "there is no directory",
		"dir:" + dir + "/a/b":                "there is no directory",
	} {
		was := snapshot(t, dir)
		_, err := Write(t.Context(), dest, img, WriteOptions{})
		wantError(t, dest, err, nil, part)
		if now := snapshot(t, dir); !maps.Equal(was, now) {
			t.Errorf("%s: it was %v and is %v", dest, was, now)
		}
	}
	_, err := Write(t.Context(), "-", img, WriteOptions{})
	wantError(t, "no stdout", err, nil, "standard output")
	_, err = Write(t.Context(), filepath.Join(dir, "x"), img, WriteOptions{Names: []string{"NOT A NAME"}})
	wantError(t, "names", err, nil, "no image name")
}

func TestWriteStdout(t *testing.T) {
	var out bytes.Buffer
	src := fixture{seed: 68, compress: "gzip"}.build(t)
	mustWrite(t, "-", src, WriteOptions{Stdout: &out, Names: []string{"app:v1"}})
	img := mustOpen(t, put(t, "x", out.Bytes()), Options{})
	same(t, src, img, false)
	if !slices.Equal(img.Names(), []string{"docker.io/library/app:v1"}) {
		t.Errorf("names %v", img.Names())
	}
}

// TestWriteThroughLink replaces what a link points to, and not the link.
func TestWriteThroughLink(t *testing.T) {
	dir := files{"real": []byte("old"), "link": []byte("-> real")}.dir(t, t.TempDir())
	src := fixture{seed: 69}.build(t)
	mustWrite(t, filepath.Join(dir, "link"), src, WriteOptions{})
	if st, err := os.Lstat(filepath.Join(dir, "link")); err != nil || st.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v", err)
	}
	same(t, src, mustOpen(t, filepath.Join(dir, "real"), Options{}), false)
}

// TestHybridArchive checks what goes to docker load against docker's own format.
func TestHybridArchive(t *testing.T) {
	src := fixture{seed: 72, compress: "gzip"}.build(t)
	path := filepath.Join(t.TempDir(), "out")
	mustWrite(t, "docker-archive:"+path+":reg.example/app:v1", src, WriteOptions{Names: []string{"hello-world"}})
	img := mustOpen(t, "oci-archive:"+path+":v1", Options{})
	raw, mediaType := img.Manifest()
	if mediaType != ocispec.MediaTypeImageManifest || raw == nil {
		t.Errorf("no manifest")
	}
	for _, l := range img.Layers() {
		if l.Blob().Digest != l.DiffID() || l.Size() != l.Blob().Size {
			t.Errorf("%s is no plain tar", l.Blob().Digest)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var entries []dockerEntry
	at := bytes.Index(b, []byte(`[{"Config":`))
	if err := json.NewDecoder(bytes.NewReader(b[at:])).Decode(&entries); err != nil {
		t.Fatal(err)
	}
	e := entries[0]
	if want := []string{"reg.example/app:v1", "docker.io/library/hello-world:latest"}; !slices.Equal(e.RepoTags, want) {
		t.Errorf("RepoTags %v, want %v", e.RepoTags, want)
	}
	if want := blobPath(digest.FromBytes(src.config)); e.Config != want {
		t.Errorf("Config %s, want %s", e.Config, want)
	}
	for i, l := range e.Layers {
		if want := blobPath(src.layers[i].DiffID()); l != want {
			t.Errorf("layer %s, want %s", l, want)
		}
	}
	if strings.Count(string(b), "oci-layout") != 1 {
		t.Error("no oci-layout")
	}
}

func TestFormOf(t *testing.T) {
	for dest, want := range map[string]Form{"x.tar": Plain, "-": Plain, "docker-archive:x": Plain, "oci-archive:x": Exact, "oci:x": Exact,
		"dir:x": Exact, "docker://a/b": Exact, "containers-storage:x": Plain} {
		if got, err := FormOf(t.Context(), dest, WriteOptions{}); err != nil || got != want {
			t.Errorf("%s: %v %v, want %v", dest, got, err, want)
		}
	}
	eachDaemon(t, func(t *testing.T, d testDaemon) {
		want := Plain
		if d.containerd {
			want = Exact
		}
		if got, err := FormOf(t.Context(), "docker-daemon:x", WriteOptions{Options: Options{DockerHost: d.host}}); err != nil || got != want {
			t.Errorf("%v %v, want %v", got, err, want)
		}
	})
}
