package update

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"testing"

	ggcr "github.com/google/go-containerregistry/pkg/registry"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/internal/testrig"
	"github.com/docker-delta/docker-delta/registry"
)

// made is an image made on the spot: layers as tars.
type made struct {
	layers   [][]byte
	config   []byte
	platform ocispec.Platform
}

func (m *made) Names() []string            { return nil }
func (m *made) Config() []byte             { return m.config }
func (m *made) Manifest() ([]byte, string) { return nil, "" }
func (m *made) Platform() ocispec.Platform { return m.platform }
func (m *made) Layers() []image.Layer {
	var out []image.Layer
	for _, l := range m.layers {
		out = append(out, madeLayer(l))
	}
	return out
}

type madeLayer []byte

func (l madeLayer) DiffID() digest.Digest     { return digest.FromBytes(l) }
func (l madeLayer) Blob() *ocispec.Descriptor { return nil }
func (l madeLayer) Size() int64               { return int64(len(l)) }
func (l madeLayer) Plain(context.Context) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(l)), nil
}
func (l madeLayer) Compressed(context.Context) (io.ReadCloser, error) { return nil, image.ErrNoBlob }

func noise(seed byte, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

const (
	systemSize = 40_000
	appSize    = 60_000
)

// app is a version of an image: a system layer that all share, and an
// application whose bytes cannot be compressed and change a little at a time.
// Version 100 has nothing in common with the others' application.
func app(version int, platform string) *made {
	p, err := image.ParsePlatform(platform)
	if err != nil {
		panic(err)
	}
	program := noise(p.Architecture[0], appSize)
	for v := 2; v <= version && version < 100; v++ {
		copy(program[v*1000:], noise(byte(v), 300))
	}
	if version == 100 {
		program = noise(100, appSize)
	}
	m := &made{platform: p, layers: [][]byte{
		testrig.Layer(testrig.File{Name: "system", Data: noise(1, systemSize)}),
		testrig.Layer(testrig.File{Name: "app", Mode: 0o755, Data: program}, testrig.File{Name: "version", Data: fmt.Append(nil, version)}),
	}}
	var ids []digest.Digest
	for _, l := range m.Layers() {
		ids = append(ids, l.DiffID())
	}
	if m.config, err = json.Marshal(ocispec.Image{Platform: p, RootFS: ocispec.RootFS{Type: "layers", DiffIDs: ids}}); err != nil {
		panic(err)
	}
	return m
}

// rig is a registry that a test may stand in front of.
type rig struct {
	t    testing.TB
	addr string
	wrap func(w http.ResponseWriter, q *http.Request, next http.Handler)
}

func newRig(t testing.TB) *rig {
	t.Helper()
	return serveRig(t, ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0)), ggcr.WithReferrersSupport(true)))
}

// serveRig is a rig before h.
func serveRig(t testing.TB, h http.Handler) *rig {
	t.Helper()
	r := &rig{t: t}
	r.addr = testrig.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if r.wrap != nil {
			r.wrap(w, q, h)
			return
		}
		h.ServeHTTP(w, q)
	}), nil)
	return r
}

// eachServer runs a test on real servers, with the referrers API and without.
func eachServer(t *testing.T, test func(t *testing.T, r *rig)) {
	t.Run("referrers server", func(t *testing.T) { test(t, serveRig(t, testrig.Forward(testrig.ReferrersRegistry(t), nil))) })
	t.Run("tag schema", func(t *testing.T) { test(t, serveRig(t, testrig.Forward(testrig.Registry(t), nil))) })
}

// eachRig runs a test on registries with the referrers API, in memory and a real
// server, and on a server without.
func eachRig(t *testing.T, test func(t *testing.T, r *rig)) {
	t.Run("referrers API", func(t *testing.T) { test(t, newRig(t)) })
	eachServer(t, test)
}

func (r *rig) options() registry.Options {
	return registry.Options{Options: image.Options{PlainHTTP: true, TempDir: r.t.TempDir(), DockerHost: "unix:///nonexistent"}, Retries: 2}
}

func (r *rig) name(tag string) string { return r.addr + "/app:" + tag }

// release stores a version as a tag and gives its manifest's digest.
func (r *rig) release(version int, tag string) digest.Digest {
	r.t.Helper()
	res, err := image.Write(r.t.Context(), "docker://"+r.name(tag), app(version, "linux/amd64"), image.WriteOptions{Options: r.options().Options})
	if err != nil {
		r.t.Fatal(err)
	}
	return res.Manifest.Digest
}

func (r *rig) publish(tag string, from ...string) []Published {
	r.t.Helper()
	amd64 := ocispec.Platform{OS: "linux", Architecture: "amd64"}
	opt := PublishOptions{Registry: r.options(), From: from, Create: delta.CreateOptions{Level: delta.Fast}}
	opt.Registry.Platform = &amd64
	opt.Create.TempDir, opt.Create.Concurrency = r.t.TempDir(), 1
	done, err := Publish(r.t.Context(), r.name(tag), opt)
	if err != nil {
		r.t.Fatal(err)
	}
	return done
}

// hold is what a host has: a version in an archive.
func hold(t testing.TB, version int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), fmt.Sprintf("v%d.tar", version))
	if _, err := image.Write(t.Context(), path, app(version, "linux/amd64"), image.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	return path
}

// warnings collects what a pull warns of.
type warnings []string

func (w *warnings) warnf(format string, args ...any) { *w = append(*w, fmt.Sprintf(format, args...)) }

// pull brings a tag into a layout and checks that it is the image of a version,
// with the manifest that the registry has.
func (r *rig) pull(t *testing.T, tag string, version int, want digest.Digest, opt Options) (*Plan, *Result, warnings) {
	t.Helper()
	var warned warnings
	to := filepath.Join(t.TempDir(), "out")
	opt.Registry, opt.To, opt.Warnf = r.options(), "oci:"+to, warned.warnf
	amd64 := ocispec.Platform{OS: "linux", Architecture: "amd64"}
	opt.Registry.Platform = &amd64
	opt.Resources.TempDir, opt.Resources.Concurrency = t.TempDir(), 1
	plan, err := Find(t.Context(), r.name(tag), opt)
	if err != nil {
		t.Fatal(err)
	}
	defer plan.Close()
	res, err := plan.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	img, err := image.Open(t.Context(), to, image.Options{Platform: &amd64})
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	raw, _ := img.Manifest()
	if got := digest.FromBytes(raw); got != want || res.Manifest.Digest != want {
		t.Errorf("manifest %s, result %s, want %s", got, res.Manifest.Digest, want)
	}
	if !bytes.Equal(img.Config(), app(version, "linux/amd64").config) {
		t.Errorf("another config than that of version %d", version)
	}
	for i, l := range img.Layers() {
		rc, err := l.Plain(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(rc)
		rc.Close()
		if err != nil || !bytes.Equal(b, app(version, "linux/amd64").layers[i]) {
			t.Errorf("layer %d differs: %v", i, err)
		}
	}
	return plan, res, warned
}
