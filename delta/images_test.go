package delta

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-delta/docker-delta/image"
)

// memImage is an image in memory.
type memImage struct {
	names            []string
	config, manifest []byte
	layers           []image.Layer
}

func (m *memImage) Names() []string            { return m.names }
func (m *memImage) Config() []byte             { return m.config }
func (m *memImage) Manifest() ([]byte, string) { return m.manifest, ocispec.MediaTypeImageManifest }
func (m *memImage) Platform() ocispec.Platform {
	return ocispec.Platform{OS: "linux", Architecture: "amd64"}
}
func (m *memImage) Layers() []image.Layer { return m.layers }

// memLayer is a layer in memory; blob is nil where a store keeps none.
type memLayer struct {
	id          digest.Digest
	plain, blob []byte
}

func (l *memLayer) DiffID() digest.Digest { return l.id }
func (l *memLayer) Size() int64           { return int64(len(l.plain)) }
func (l *memLayer) Blob() *ocispec.Descriptor {
	if l.blob == nil {
		return nil
	}
	return &ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayerGzip, Digest: digest.FromBytes(l.blob), Size: int64(len(l.blob))}
}
func (l *memLayer) Plain(context.Context) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(l.plain)), nil
}
func (l *memLayer) Compressed(context.Context) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(l.blob)), nil
}

// pack says how makeImage compresses layers.
type packing func(t testing.TB, plain []byte) []byte

func unpacked(testing.TB, []byte) []byte { return nil }

func gzipped(level int) packing {
	return func(t testing.TB, plain []byte) []byte {
		t.Helper()
		var b bytes.Buffer
		w, err := gzip.NewWriterLevel(&b, level)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(plain); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
}

// strange is a sound gzip file that no encoder of ours writes: stored blocks of
// odd lengths.
func strange(t testing.TB, plain []byte) []byte {
	t.Helper()
	whole := gzipped(gzip.NoCompression)(t, plain)
	out := append([]byte(nil), whole[:10]...)
	rng := rand.New(rand.NewPCG(3, 4))
	for rest := plain; ; {
		n := min(len(rest), 1+rng.IntN(4000))
		last := byte(0)
		if n == len(rest) {
			last = 1
		}
		out = append(out, last, byte(n), byte(n>>8), ^byte(n), ^byte(n>>8))
		out = append(out, rest[:n]...)
		if rest = rest[n:]; last == 1 {
			return append(out, whole[len(whole)-8:]...)
		}
	}
}

func makeImage(t testing.TB, name string, pack packing, tars ...[]byte) *memImage {
	t.Helper()
	m := &memImage{names: []string{"docker.io/library/" + name}}
	manifest := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest}
	var ids []digest.Digest
	for _, b := range tars {
		l := &memLayer{id: digest.FromBytes(b), plain: b, blob: pack(t, b)}
		m.layers = append(m.layers, l)
		ids = append(ids, l.id)
		if l.blob != nil {
			manifest.Layers = append(manifest.Layers, *l.Blob())
		}
	}
	var err error
	m.config, err = json.Marshal(ocispec.Image{Platform: m.Platform(), Author: name, RootFS: ocispec.RootFS{Type: "layers", DiffIDs: ids}})
	if err != nil {
		t.Fatal(err)
	}
	if len(manifest.Layers) == len(tars) && len(tars) > 0 {
		manifest.Config = ocispec.Descriptor{MediaType: ocispec.MediaTypeImageConfig, Digest: digest.FromBytes(m.config), Size: int64(len(m.config))}
		if m.manifest, err = json.Marshal(manifest); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// files builds a layer tar from name, body, name, body, …
func files(t testing.TB, list ...any) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(list); i += 2 {
		body := list[i+1].([]byte)
		if err := w.WriteHeader(&tar.Header{Name: list[i].(string), Size: int64(len(body)), Mode: 0o644, Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// text is compressible and differs by seed.
func text(seed uint64, n int) []byte {
	rng := rand.New(rand.NewPCG(seed, 7))
	var b bytes.Buffer
	for b.Len() < n {
		fmt.Fprintf(&b, "line %d of %d says %s\n", rng.IntN(100000), seed, strings.Repeat("so", rng.IntN(6)))
	}
	return b.Bytes()[:n]
}

// noise does not compress.
func noise(seed uint64, n int) []byte {
	rng := rand.New(rand.NewPCG(seed, 9))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// edit changes, inserts and deletes here and there.
func edit(seed uint64, b []byte) []byte {
	rng := rand.New(rand.NewPCG(seed, 11))
	b = bytes.Clone(b)
	for range 5 {
		at := rng.IntN(len(b) - 20)
		switch rng.IntN(3) {
		case 0:
			b[at] ^= 0x15
		case 1:
			b = append(b[:at:at], append(noise(seed+uint64(at), 13), b[at:]...)...)
		case 2:
			b = append(b[:at:at], b[at+9:]...)
		}
	}
	return b
}
