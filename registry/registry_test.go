package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	ggcr "github.com/google/go-containerregistry/pkg/registry"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/identity"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/internal/testrig"
)

// handler gives a registry in memory.
func handler() http.Handler {
	return ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0)), ggcr.WithReferrersSupport(true))
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// each runs a test on registries with the referrers API, in memory and a real
// server, and on a server without.
func each(t *testing.T, test func(t *testing.T, addr string)) {
	t.Run("referrers API", func(t *testing.T) { test(t, serve(t, handler())) })
	t.Run("referrers server", func(t *testing.T) { test(t, testrig.ReferrersRegistry(t)) })
	t.Run("tag schema", func(t *testing.T) { test(t, testrig.Registry(t)) })
}

func open(t *testing.T, name string, opt Options) *Repository {
	t.Helper()
	opt.PlainHTTP = true
	r, err := Open(t.Context(), name, opt)
	if err != nil {
		t.Fatal(err)
	}
	r.wait = time.Millisecond
	return r
}

var diffID = digest.FromString("a layer")

// pack makes a package that holds the given bytes, from a base with an ID to the
// image that subject belongs to.
func pack(t *testing.T, base string, subject *ocispec.Descriptor, data []byte, annotations map[string]string) *format.Package {
	t.Helper()
	metadata := []byte("metadata")
	blob := func(b []byte, mediaType string) format.Data {
		return format.Data{MediaType: mediaType, Digest: digest.FromBytes(b), Size: int64(len(b)),
			Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }}
	}
	c := &format.Config{
		FormatVersion: format.Version,
		Bases:         []format.Base{{Names: []string{"docker.io/library/app:" + base}, ID: digest.FromString(base), DiffIDs: []digest.Digest{diffID}}},
		Targets:       []format.Target{{Platform: "linux/amd64", Config: format.Part{Digest: digest.FromString("target"), Part: 1}, Layers: []int{0}}},
		Layers:        []format.Layer{{DiffID: digest.FromString("new layer"), Size: 5, Carried: format.CarriedDelta, Data: digest.FromBytes(data)}},
		Metadata:      digest.FromBytes(metadata),
	}
	var b bytes.Buffer
	if err := format.Write(&b, c, subject, annotations, []format.Data{blob(metadata, format.MediaTypeMetadata), blob(data, format.MediaTypeLayer)}); err != nil {
		t.Fatal(err)
	}
	p, err := format.Open(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func annotations(base string) map[string]string {
	return map[string]string{
		format.AnnotationBase: digest.FromString(base).String(), format.AnnotationBaseName: "docker.io/library/app:" + base,
		format.AnnotationBaseChain: identity.ChainID([]digest.Digest{diffID}).String(),
		format.AnnotationTarget:    digest.FromString("target").String(), format.AnnotationPlatform: "linux/amd64",
	}
}

func subject(name string) *ocispec.Descriptor {
	return &ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString(name), Size: 7}
}

func mustPush(t *testing.T, r *Repository, p *format.Package, tag string) *Pushed {
	t.Helper()
	done, err := r.Push(t.Context(), p, tag, nil)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func deltas(t *testing.T, r *Repository, s *ocispec.Descriptor) []Entry {
	t.Helper()
	list, err := r.Deltas(t.Context(), s.Digest)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestPushListFetch(t *testing.T) {
	each(t, func(t *testing.T, addr string) {
		r := open(t, addr+"/app:v2", Options{})
		target, other := subject("v2"), subject("v3")
		if list := deltas(t, r, target); len(list) != 0 {
			t.Fatalf("an empty registry has %v", list)
		}
		big := pack(t, "v1", target, bytes.Repeat([]byte("long"), 1000), annotations("v1"))
		small := pack(t, "v0", target, []byte("short"), annotations("v0"))
		plain := pack(t, "v-1", target, bytes.Repeat([]byte("x"), 2000), nil) // says nothing of itself
		elsewhere := pack(t, "v1", other, []byte("other"), annotations("v1"))
		first := mustPush(t, r, big, "")
		if first.Manifest.Digest != big.Descriptor.Digest || first.Sent != 3 || first.Skipped != 0 {
			t.Errorf("%+v", first)
		}
		for p, tag := range map[*format.Package]string{small: "v0-v2", plain: "", elsewhere: ""} {
			if done := mustPush(t, r, p, tag); done.Skipped != 1 || done.Sent != 2 { // the metadata was there
				t.Errorf("%+v", done)
			}
		}
		if again := mustPush(t, r, big, ""); again.Sent != 0 || again.Skipped != 3 || again.Bytes != 0 {
			t.Errorf("sent again: %+v", again)
		}
		if d, err := r.Resolve(t.Context(), "v0-v2"); err != nil || d.Digest != small.Descriptor.Digest {
			t.Errorf("the tag: %v, %v", d, err)
		}
		list := deltas(t, r, target)
		if len(list) != 3 || list[0].Manifest.Digest != small.Descriptor.Digest || list[2].Manifest.Digest != big.Descriptor.Digest {
			t.Fatalf("%+v", list)
		}
		chain := identity.ChainID([]digest.Digest{diffID})
		for i, p := range []*format.Package{small, plain, big} {
			e, c := list[i], p.Config
			if e.Size != p.Size() || e.BaseID != c.Bases[0].ID || e.BaseChain != chain || e.BaseName != c.Bases[0].Names[0] ||
				e.TargetID != c.Targets[0].Config.Digest || e.Platform != "linux/amd64" || e.Bases != 1 || e.Subject != target.Digest {
				t.Errorf("%d: %+v", i, e)
			}
			dir := t.TempDir()
			if err := r.Fetch(t.Context(), e.Manifest, dir, FetchOptions{Limit: e.Size}); err != nil {
				t.Fatal(err)
			}
			back, err := format.OpenPath(dir)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := back.RawManifest()
			want, _ := p.RawManifest()
			if err != nil || !bytes.Equal(raw, want) {
				t.Errorf("the manifest changed: %v\n%s\n%s", err, raw, want)
			}
			if _, err := back.Blob(c.Layers[0].Data); err != nil {
				t.Error(err)
			}
			back.Close()
		}
		if err := r.Fetch(t.Context(), list[2].Manifest, t.TempDir(), FetchOptions{Limit: list[2].Size - 1}); !errors.Is(err, errTooLarge) {
			t.Errorf("over the limit: %v", err)
		}
		if tags, err := r.Tags(t.Context()); err != nil || strings.Join(tags, " ") != "v0-v2" {
			t.Errorf("tags %v, %v", tags, err)
		}
	})
}

// Writers who push at once lose no entry of the list, also where it is a tag
// that each of them replaces.
func TestConcurrentPush(t *testing.T) {
	each(t, func(t *testing.T, addr string) {
		const writers = 4
		target := subject("v2")
		var wg sync.WaitGroup
		for i := range writers {
			p := pack(t, fmt.Sprint(i), target, []byte(fmt.Sprint("data ", i)), annotations(fmt.Sprint(i)))
			r := open(t, addr+"/app", Options{Retries: 5})
			r.wait = 100 * time.Millisecond
			wg.Go(func() {
				if _, err := r.Push(t.Context(), p, "", nil); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		list := deltas(t, open(t, addr+"/app", Options{}), target)
		if len(list) < writers-1 { // the last two may still have crossed after they looked
			t.Errorf("%d of %d are listed", len(list), writers)
		}
	})
}

// What others attach to an image, and lists that lie, do no harm.
func TestStrangeReferrers(t *testing.T) {
	index := `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[
		{"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"application/spdx","digest":"` + diffID.String() + `","size":10},
		{"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"` + format.ArtifactType + `","digest":"sha256:../../x","size":10},
		{"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"` + format.ArtifactType + `","digest":"` + diffID.String() + `","size":-1},
		{"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"` + format.ArtifactType + `","digest":"` + diffID.String() + `","size":99999999999},
		{"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"` + format.ArtifactType + `","digest":"` + diffID.String() + `","size":10},
		{"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"` + format.ArtifactType + `","digest":"` + digest.FromString("{}").String() + `","size":2}]}`
	addr := serve(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		switch {
		case strings.Contains(q.URL.Path, "/referrers/"):
			w.Header().Set("Content-Type", ocispec.MediaTypeImageIndex)
			_, _ = io.WriteString(w, index)
		case strings.HasSuffix(q.URL.Path, digest.FromString("{}").String()):
			w.Header().Set("Content-Type", ocispec.MediaTypeImageManifest)
			_, _ = io.WriteString(w, "{}")
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	if list := deltas(t, open(t, addr+"/app", Options{}), subject("v2")); len(list) != 0 {
		t.Errorf("%+v", list)
	}
}

func TestErrors(t *testing.T) {
	addr := serve(t, handler())
	if _, err := Open(t.Context(), addr+"/APP", Options{}); err == nil || !strings.Contains(err.Error(), "expected registry") {
		t.Errorf("bad name: %v", err)
	}
	r := open(t, addr+"/app", Options{})
	if _, err := r.Resolve(t.Context(), "v1"); !errors.Is(err, image.ErrNotFound) {
		t.Errorf("absent tag: %v", err)
	}
	if _, err := r.Tags(t.Context()); !errors.Is(err, image.ErrNotFound) {
		t.Errorf("absent repository: %v", err)
	}
	absent := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: diffID, Size: 5}
	if err := r.Fetch(t.Context(), absent, t.TempDir(), FetchOptions{}); !errors.Is(err, image.ErrNotFound) {
		t.Errorf("absent package: %v", err)
	}
	// A registry that speaks HTTP is not spoken to without leave, and found with it.
	tls, err := Open(t.Context(), addr+"/app", Options{Retries: 3})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tls.Tags(t.Context()); err == nil || !strings.Contains(err.Error(), "--plain-http") {
		t.Errorf("HTTP without leave: %v", err)
	}
	no := false
	mustPush(t, r, pack(t, "v1", nil, []byte("x"), nil), "x")
	lax, err := Open(t.Context(), addr+"/app", Options{Options: image.Options{TLSVerify: &no}})
	if err != nil {
		t.Fatal(err)
	}
	if tags, err := lax.Tags(t.Context()); err != nil || len(tags) != 1 {
		t.Errorf("tls-verify=false: %v, %v", tags, err)
	}
}

func TestLogin(t *testing.T) {
	addr := testrig.RegistryWithLogin(t)
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	authfile := filepath.Join(t.TempDir(), "auth.json")
	p := pack(t, "v1", subject("v2"), []byte("x"), annotations("v1"))
	opt := Options{Options: image.Options{Authfile: authfile}}
	if err := os.WriteFile(authfile, []byte(`{}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, addr+"/app", opt).Push(t.Context(), p, "", nil); err == nil || !strings.Contains(err.Error(), "docker login") {
		t.Errorf("without credentials: %v", err)
	}
	testrig.Run(t, "skopeo", "login", "--tls-verify=false", "--authfile", authfile, "-u", testrig.User, "-p", testrig.Password, addr)
	mustPush(t, open(t, addr+"/app", opt), p, "")
	if list := deltas(t, open(t, addr+"/app", opt), subject("v2")); len(list) != 1 {
		t.Errorf("%v", list)
	}
}

func TestReferrersTags(t *testing.T) {
	hex := digest.FromString("x").Encoded()
	for tag, want := range map[string]bool{"v1": false, "sha256-" + hex: true, "sha256-" + hex + ".sig": true, "sha256-abc": false, "sha256": false, "": false} {
		if isReferrersTag(tag) != want {
			t.Errorf("%q: %v", tag, !want)
		}
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	addr := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		cancel()
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	r := open(t, addr+"/app", Options{Retries: 1000})
	if _, err := r.Tags(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
