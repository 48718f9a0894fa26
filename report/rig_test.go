package report

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-delta/docker-delta/image"
)

// built is the time of a file unless it has another one.
var built = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// tarMember is an entry of a test's layer.
type tarMember struct {
	tar.Header
	body string
}

func file(name, body string) tarMember {
	return tarMember{tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, ModTime: built}, body}
}

func dir(name string) tarMember {
	return tarMember{tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o755, ModTime: built}, ""}
}

func symlink(name, to string) tarMember {
	return tarMember{tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: to, Mode: 0o777, ModTime: built}, ""}
}

func hardlink(name, to string) tarMember {
	return tarMember{tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: to, Mode: 0o644, ModTime: built}, ""}
}

func (m tarMember) later() tarMember {
	m.ModTime = m.ModTime.Add(time.Hour)
	return m
}

func layerTar(t testing.TB, members ...tarMember) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		h := m.Header
		if h.Typeflag == tar.TypeReg {
			h.Size = int64(len(m.body))
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, m.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// testImage is an image in memory.
type testImage struct {
	name     string
	config   []byte
	manifest []byte
	layers   []image.Layer
}

// newImage makes an image of layers, compressed with gzip; commands, if there
// are as many, become its history.
func newImage(t testing.TB, name string, commands []string, layers ...[]byte) *testImage {
	t.Helper()
	return makeImage(t, name, commands, true, layers...)
}

// plainImage makes an image as the classic docker store has it, without blobs.
func plainImage(t testing.TB, name string, layers ...[]byte) *testImage {
	t.Helper()
	return makeImage(t, name, nil, false, layers...)
}

func makeImage(t testing.TB, name string, commands []string, blobs bool, layers ...[]byte) *testImage {
	t.Helper()
	img := &testImage{name: name}
	config := ocispec.Image{Platform: ocispec.Platform{OS: "linux", Architecture: "amd64"}, RootFS: ocispec.RootFS{Type: "layers"}}
	for _, c := range commands {
		config.History = append(config.History, ocispec.History{CreatedBy: c})
	}
	manifest := ocispec.Manifest{MediaType: ocispec.MediaTypeImageManifest}
	manifest.SchemaVersion = 2
	for _, plain := range layers {
		l := &testLayer{plain: plain}
		if blobs {
			l.blob = compress(t, plain)
			l.desc = &ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayerGzip, Digest: digest.FromBytes(l.blob), Size: int64(len(l.blob))}
			manifest.Layers = append(manifest.Layers, *l.desc)
		}
		img.layers = append(img.layers, l)
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, l.DiffID())
	}
	img.config = toJSON(t, config)
	if blobs {
		manifest.Config = ocispec.Descriptor{MediaType: ocispec.MediaTypeImageConfig, Digest: digest.FromBytes(img.config), Size: int64(len(img.config))}
		img.manifest = toJSON(t, manifest)
	}
	return img
}

func toJSON(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func compress(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func (i *testImage) Names() []string            { return []string{i.name} }
func (i *testImage) Config() []byte             { return i.config }
func (i *testImage) Manifest() ([]byte, string) { return i.manifest, ocispec.MediaTypeImageManifest }
func (i *testImage) Platform() ocispec.Platform {
	return ocispec.Platform{OS: "linux", Architecture: "amd64"}
}
func (i *testImage) Layers() []image.Layer     { return i.layers }
func (l *testLayer) DiffID() digest.Digest     { return digest.FromBytes(l.plain) }
func (l *testLayer) Blob() *ocispec.Descriptor { return l.desc }
func (l *testLayer) Size() int64               { return int64(len(l.plain)) }

type testLayer struct {
	plain, blob []byte
	desc        *ocispec.Descriptor
}

func (l *testLayer) Plain(context.Context) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(l.plain)), nil
}

func (l *testLayer) Compressed(context.Context) (io.ReadCloser, error) {
	if l.desc == nil {
		return nil, image.ErrNoBlob
	}
	return io.NopCloser(bytes.NewReader(l.blob)), nil
}

// makeReport makes a report with temporary files in a place of their own.
func makeReport(t testing.TB, base, target image.Image, opt Options) *Report {
	t.Helper()
	opt.TempDir = t.TempDir()
	r, err := Make(t.Context(), base, target, opt)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// byPath finds a file of a report.
func byPath(t testing.TB, r *Report, path string) *File {
	t.Helper()
	for _, f := range r.Files {
		if f.Path == path {
			return f
		}
	}
	t.Fatalf("the report does not have %s", path)
	return nil
}
