package ocidelta

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/internal/limit"
	"github.com/docker-delta/docker-delta/internal/spool"
	"github.com/docker-delta/docker-delta/internal/testrig"
	"github.com/docker-delta/docker-delta/ocidelta/internal/tardiff"
)

// parts of a package, whose digests fit: CONFIG and LAYER in the target's manifest
// stand for the digests of its config and its layer.
type parts struct{ manifest, config, layer []byte }

// archive gives the package, or one with another manifest of its own.
func (p parts) archive(t testing.TB, own []byte) []byte {
	t.Helper()
	const layer = digest.Digest("sha256:0000000000000000000000000000000000000000000000000000000000000001")
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	add := func(name string, data []byte) { testrig.AddMember(t, w, name, data) }
	blob := func(mediaType string, data []byte, annotations map[string]string) ocispec.Descriptor {
		d := digest.FromBytes(data)
		add("blobs/sha256/"+d.Encoded(), data)
		return ocispec.Descriptor{MediaType: mediaType, Digest: d, Size: int64(len(data)), Annotations: annotations}
	}
	target := bytes.ReplaceAll(p.manifest, []byte("CONFIG"), []byte(digest.FromBytes(p.config)))
	target = bytes.ReplaceAll(target, []byte("LAYER"), []byte(layer))
	m := ocispec.Manifest{MediaType: ocispec.MediaTypeImageManifest, ArtifactType: ArtifactType, Config: blob(ocispec.MediaTypeEmptyJSON, []byte("{}"), nil)}
	m.SchemaVersion = 2
	m.Layers = []ocispec.Descriptor{
		blob(ocispec.MediaTypeImageManifest, target, map[string]string{annotationContent: contentManifest}),
		blob(ocispec.MediaTypeImageConfig, p.config, map[string]string{annotationContent: contentConfig}),
		blob(tardiff.MediaType, p.layer, map[string]string{annotationContent: contentLayer, annotationTo: layer.String()}),
	}
	if own == nil {
		var err error
		if own, err = json.Marshal(m); err != nil {
			t.Fatal(err)
		}
	}
	index, err := json.Marshal(ocispec.Index{Manifests: []ocispec.Descriptor{blob(ocispec.MediaTypeImageManifest, own, nil)}})
	if err != nil {
		t.Fatal(err)
	}
	add(ocispec.ImageLayoutFile, []byte(`{"imageLayoutVersion":"1.0.0"}`))
	add(ocispec.ImageIndexFile, index)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func openBytes(t testing.TB, b []byte) (*Package, error) {
	path := filepath.Join(t.TempDir(), "package")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return Open(t.Context(), path, image.Options{TempDir: t.TempDir()})
}

// small is a package of one layer, which holds "hello".
func small(t testing.TB) parts {
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return parts{
		manifest: []byte(`{"schemaVersion":2,"config":{"digest":"CONFIG","size":1},"layers":[{"digest":"LAYER","size":3}]}`),
		config:   fmt.Appendf(nil, `{"os":"linux","rootfs":{"diff_ids":[%q]}}`, digest.FromString("hello")),
		layer:    z.EncodeAll([]byte("\x00\x05hello"), []byte("tardf1\n\x00")),
	}
}

// Documents in a package are refused before much is made of them.
func TestHostilePackages(t *testing.T) {
	p, err := openBytes(t, small(t).archive(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	img, err := p.Rebuild(t.Context(), nil, delta.Resources{})
	if err == nil {
		err = Check(t.Context(), img)
	}
	if err != nil {
		t.Fatalf("the package is not what this test means: %v", err)
	}
	many := func(n int, s string) string { return strings.TrimSuffix(strings.Repeat(s+",", n), ",") }
	for name, c := range map[string]struct {
		change func(p *parts)
		want   string
	}{
		"values of the manifest": {func(p *parts) { p.manifest = []byte(`{"layers":[` + many(limit.MaxJSONValues, "{}") + `]}`) }, "values"},
		"values of the config":   {func(p *parts) { p.config = []byte(`{"history":[` + many(limit.MaxJSONValues, "{}") + `]}`) }, "values"},
		"bytes of the manifest":  {func(p *parts) { p.manifest = append(p.manifest, make([]byte, maxJSON)...) }, "more than the limit"},
		"bytes of the config":    {func(p *parts) { p.config = append(p.config, make([]byte, maxJSON)...) }, "more than the limit"},
		"layers": {func(p *parts) {
			p.config = []byte(`{"rootfs":{"diff_ids":[` + many(maxLayers+1, `"`+digest.FromString("x").String()+`"`) + `]}}`)
			p.manifest = []byte(`{"config":{"digest":"CONFIG"},"layers":[` + many(maxLayers+1, `{"digest":"LAYER"}`) + `]}`)
		}, "4097 layers"},
	} {
		in := small(t)
		c.change(&in)
		if _, err := openBytes(t, in.archive(t, nil)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An image over the limit of the user is refused before its base is read, whatever
// its layers are made of.
func TestMaxImage(t *testing.T) {
	zeros := layerOf(member{name: "zeros", data: make([]byte, 4<<20)})
	for name, compress := range map[string]bool{"diffed": false, "whole": true} {
		_, base := store(t, compress, layerOf(member{name: "a", data: text(1, 10, 0)}))
		_, target := store(t, compress, zeros)
		p := open(t, create(t, base, target))
		for most, want := range map[int64]error{int64(len(zeros)) - 1: delta.ErrTooLarge, int64(len(zeros)): nil, 1<<63 - 1: nil} {
			img, err := p.Rebuild(t.Context(), base, delta.Resources{TempDir: t.TempDir(), MaxImage: most})
			if !errors.Is(err, want) || want != nil && !strings.Contains(err.Error(), "--max-image") {
				t.Errorf("%s, %d bytes allowed: %v", name, most, err)
			}
			if err == nil {
				img.Close()
			}
		}
	}
}

// The nearest of many files of one name is found as if each were looked at.
func TestResembling(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	s := &sources{byName: map[string]*content{}, byBase: map[string][]*content{}}
	for i := range 300 {
		s.byBase["x"] = append(s.byBase["x"], &content{size: 1 + r.Int64N(1<<(1+r.Int64N(20))), use: fmt.Sprintf("%03d/x", i)})
	}
	s.sort()
	for range 2000 {
		size := 1 + r.Int64N(1<<(1+r.Int64N(24)))
		var want *content
		for _, c := range s.byBase["x"] {
			if near(c.size, size) && (want == nil || distance(c.size, size) < distance(want.size, size) ||
				distance(c.size, size) == distance(want.size, size) && c.use < want.use) {
				want = c
			}
		}
		if got := s.resembling("new/x", size); got != want {
			t.Fatalf("for %d bytes: %+v, want %+v", size, got, want)
		}
	}
}

// Hard links that lead back through ever more layers are followed so many times: each
// time the base is read once more.
func TestHostileLinks(t *testing.T) {
	chain := func(n int) error {
		m := &memory{layers: [][]byte{layerOf(member{name: "x0", data: []byte("hello")})}}
		for i := range n {
			m.layers = append(m.layers, layerOf(member{name: fmt.Sprint("x", i+1), hard: fmt.Sprint("x", i)}))
		}
		f, err := gather(t.Context(), spool.NewDir(t.TempDir(), 0), m, map[string]bool{fmt.Sprint("x", n): true}, func(int, int) {})
		if err == nil {
			err = f.Close()
		}
		return err
	}
	if err := chain(maxRounds - 1); err != nil {
		t.Errorf("as many links as may be: %v", err)
	}
	if err := chain(maxRounds); !errors.Is(err, delta.ErrBase) || !strings.Contains(err.Error(), "lead on more than 16 times") {
		t.Errorf("one more: %v", err)
	}
}

func TestWhiteouts(t *testing.T) {
	w := whiteouts{}
	for _, name := range []string{"a/.wh.b", "c/d/.wh..wh..opq", ".wh.e"} {
		if !w.add(name) {
			t.Error(name)
		}
	}
	for name, want := range map[string]bool{"a": false, "a/b": true, "a/b/c/d": true, "a/bb": false, "c/d": false, "c/d/x/y": true, "c/dd": false, "e": true, "e/f": true} {
		if w.hides(name) != want {
			t.Errorf("%s is hidden: %v", name, !want)
		}
	}
	if w.add("x/y"); w.hides("x/y") {
		t.Error("a file hides itself")
	}
	if w.add(".wh..wh..opq"); !w.hides("anything") {
		t.Error("an opaque root hides nothing")
	}
}

// FuzzOpen wants an error, or layers that are what the target's config says.
func FuzzOpen(f *testing.F) {
	p := small(f)
	f.Add(p.manifest, p.config, p.layer, []byte{})
	f.Add([]byte(`{"config":{"digest":"CONFIG"},"layers":[{"digest":"LAYER","size":-1}]}`), p.config, p.layer, []byte{})
	f.Add([]byte(`{"layers":[{}]}`), []byte(`{"rootfs":{"diff_ids":["x"]}}`), []byte{}, []byte{})
	f.Add(p.manifest, p.config, p.layer, []byte(`{"artifactType":"`+ArtifactType+`","config":{},"layers":[{"digest":"x","annotations":{"`+annotationContent+`":"`+contentLayer+`"}}]}`))
	f.Fuzz(func(t *testing.T, manifest, config, layer, own []byte) {
		if len(own) == 0 {
			own = nil
		}
		p, err := openBytes(t, parts{manifest, config, layer}.archive(t, own))
		if err != nil {
			return
		}
		defer p.Close()
		if info := p.Info(); len(info.Layers) != len(p.diffIDs) {
			t.Errorf("%+v", info)
		}
		_ = p.Verify(t.Context())
		img, err := p.Rebuild(t.Context(), nil, delta.Resources{MaxImage: 1 << 20})
		if err != nil {
			return
		}
		defer img.Close()
		for i, l := range img.Layers() {
			rc, err := l.Plain(t.Context())
			if err != nil {
				continue
			}
			got, err := digest.FromReader(rc)
			if rc.Close(); err == nil && got != p.diffIDs[i] {
				t.Errorf("layer %d is %s, the config says %s", i, got, p.diffIDs[i])
			}
		}
	})
}
