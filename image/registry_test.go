package image

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// testRegistry is a registry and how it is reached.
type testRegistry struct {
	addr string
	opt  Options
}

// eachRegistry runs a test on a registry in memory, over TLS with a certificate
// that has to be given, and on Debian's docker-registry.
func eachRegistry(t *testing.T, f func(t *testing.T, r *testRegistry)) {
	t.Run("memory", func(t *testing.T) { f(t, memoryRegistry(t, nil)) })
	t.Run("docker-registry", func(t *testing.T) { f(t, debianRegistry(t)) })
}

func memoryRegistry(t testing.TB, wrap func(http.Handler) http.Handler) *testRegistry {
	t.Helper()
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	t.Setenv("REGISTRY_AUTH_FILE", filepath.Join(t.TempDir(), "auth.json"))
	var h http.Handler = registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	if wrap != nil {
		h = wrap(h)
	}
	r := &testRegistry{}
	srv := httptest.NewTLSServer(h)
	t.Cleanup(srv.Close)
	certs := t.TempDir()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	if err := os.WriteFile(filepath.Join(certs, "ca.crt"), ca, 0o600); err != nil {
		t.Fatal(err)
	}
	r.addr = strings.TrimPrefix(srv.URL, "https://")
	r.opt = Options{CertDir: certs, Debugf: t.Logf}
	return r
}

func debianRegistry(t testing.TB) *testRegistry {
	t.Helper()
	if _, err := exec.LookPath("docker-registry"); err != nil {
		need(t, "no docker-registry: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	dir := t.TempDir()
	config := fmt.Sprintf("version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: %s\nhttp:\n  addr: %s\n", dir, addr)
	file := put(t, "config.yml", []byte(config))
	cmd := exec.Command("docker-registry", "serve", file)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for range 100 {
		if resp, err := http.Get("http://" + addr + "/v2/"); err == nil {
			resp.Body.Close()
			return &testRegistry{addr: addr, opt: Options{PlainHTTP: true, Debugf: t.Logf}}
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("docker-registry does not start")
	return nil
}

func TestRegistryRoundTrip(t *testing.T) {
	eachRegistry(t, func(t *testing.T, r *testRegistry) {
		for name, fx := range fixtures {
			src := fx.build(t)
			ref := "docker://" + r.addr + "/test/" + name + ":v1"
			res := mustWrite(t, ref, src, WriteOptions{Options: r.opt})
			if want := []string{r.addr + "/test/" + name + ":v1"}; !slices.Equal(res.Names, want) {
				t.Errorf("names %v, want %v", res.Names, want)
			}
			img := mustOpen(t, ref, r.opt)
			same(t, src, img, fx.compress != "")
			if !slices.Equal(img.Names(), res.Names) {
				t.Errorf("names %v, want %v", img.Names(), res.Names)
			}
			if fx.compress == "" { // what was made for a registry is compressed
				if mt := img.Layers()[0].Blob().MediaType; mt != ocispec.MediaTypeImageLayerGzip {
					t.Errorf("media type %s", mt)
				}
			}
			byDigest := "docker://" + r.addr + "/test/" + name + "@" + res.Manifest.Digest.String()
			same(t, src, mustOpen(t, byDigest, r.opt), fx.compress != "")
			again := mustWrite(t, ref, src, WriteOptions{Options: r.opt})
			if again.Blobs != 0 || again.Manifest.Digest != res.Manifest.Digest {
				t.Errorf("blobs were sent again: %+v", again)
			}
			// From registry to archive and back to the registry: the same manifest.
			path := filepath.Join(t.TempDir(), "x")
			mustWrite(t, "oci-archive:"+path, img, WriteOptions{})
			back := mustWrite(t, ref+"-back", mustOpen(t, path, Options{}), WriteOptions{Options: r.opt})
			if back.Manifest.Digest != res.Manifest.Digest || !back.Original || back.Blobs != 0 {
				t.Errorf("%+v, want the manifest %s", back, res.Manifest.Digest)
			}
		}
	})
}

func TestRegistrySkipsOpening(t *testing.T) {
	r := memoryRegistry(t, nil)
	ref := "docker://" + r.addr + "/test/app:v1"
	mustWrite(t, ref, fixture{seed: 110, layers: 2, compress: "gzip"}.build(t), WriteOptions{Options: r.opt})
	more := fixture{seed: 110, layers: 3, compress: "gzip"}.build(t)
	mustWrite(t, ref, more, WriteOptions{Options: r.opt})
	if want := []string{more.layers[2].Blob().Digest.String()}; !slices.Equal(more.opened, want) {
		t.Errorf("opened %v, want %v", more.opened, want)
	}
}

// pushRaw stores a manifest or index as it is.
func (r *testRegistry) pushRaw(t testing.TB, client *http.Client, repo, ref, mediaType string, raw []byte) {
	t.Helper()
	q, err := http.NewRequest(http.MethodPut, "https://"+r.addr+"/v2/"+repo+"/manifests/"+ref, bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Content-Type", mediaType)
	resp, err := client.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("pushing %s: %s", ref, resp.Status)
	}
}

func TestRegistryIndex(t *testing.T) {
	r := memoryRegistry(t, nil)
	client := insecureClient()
	imgs := []*fakeImage{
		fixture{seed: 120, compress: "gzip", platform: foreign()}.build(t),
		fixture{seed: 121, compress: "gzip"}.build(t),
	}
	var ds []ocispec.Descriptor
	for i, img := range imgs {
		res := mustWrite(t, fmt.Sprintf("docker://%s/multi:p%d", r.addr, i), img, WriteOptions{Options: r.opt})
		p := img.Platform()
		d := res.Manifest
		d.Platform = &p
		ds = append(ds, d)
	}
	raw := indexJSON(t, ds...)
	r.pushRaw(t, client, "multi", "v1", ocispec.MediaTypeImageIndex, raw)
	img := mustOpen(t, "docker://"+r.addr+"/multi:v1", r.opt)
	same(t, imgs[1], img, true)
	if ix := img.Indexes(); len(ix) != 1 || !bytes.Equal(ix[0].Raw, raw) {
		t.Errorf("indexes %v", ix)
	}
	opt := r.opt
	opt.Platform = &ocispec.Platform{OS: "linux", Architecture: "riscv64"}
	_, err := Open(t.Context(), "docker://"+r.addr+"/multi:v1", opt)
	wantError(t, "platform", err, ErrNotFound, "linux/s390x", FormatPlatform(host()), "linux/riscv64")
	set, err := OpenAll(t.Context(), "docker://"+r.addr+"/multi:v1", r.opt)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	if len(set.Images) != 2 || len(set.Indexes) != 1 {
		t.Fatalf("%d images, %d indexes", len(set.Images), len(set.Indexes))
	}
	for i := range imgs {
		same(t, imgs[i], set.Images[i], true)
	}
}

func TestRegistryErrors(t *testing.T) {
	r := memoryRegistry(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			if strings.Contains(q.URL.Path, "/private/") {
				w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			if strings.Contains(q.URL.Path, "/corrupt/blobs/") && q.Method == http.MethodGet {
				w.Header().Set("Content-Length", "5")
				_, _ = w.Write([]byte("wrong"))
				return
			}
			h.ServeHTTP(w, q)
		})
	})
	at := "docker://" + r.addr
	img := fixture{seed: 130, compress: "gzip"}.build(t)
	res := mustWrite(t, at+"/app:v1", img, WriteOptions{Options: r.opt})
	mustWrite(t, at+"/corrupt:v1", img, WriteOptions{Options: r.opt})
	_, err := Open(t.Context(), at+"/app:v9", r.opt)
	wantError(t, "absent tag", err, ErrNotFound, "app")
	_, err = Open(t.Context(), at+"/private/app:v1", r.opt)
	wantError(t, "private", err, nil, "docker login")
	_, err = Open(t.Context(), at+"/corrupt:v1", r.opt)
	de := (*DigestError)(nil)
	if !errors.As(err, &de) {
		t.Errorf("corrupt config: %v", err)
	}
	opt := r.opt
	opt.CertDir = ""
	if _, err = Open(t.Context(), at+"/app:v1", opt); err == nil {
		t.Error("an unknown certificate is accepted")
	}
	no := false
	opt.TLSVerify = &no
	mustOpen(t, at+"/app:v1", opt)
	_, err = Open(t.Context(), at+"/APP:v1", r.opt)
	wantError(t, "bad name", err, nil, "expected docker://")
	// A digest that is not that of the image.
	_, err = Write(t.Context(), at+"/app@"+res.Manifest.Digest.String(), fixture{seed: 131, compress: "gzip"}.build(t), WriteOptions{Options: r.opt})
	wantError(t, "other digest", err, nil, "cannot be pushed as")
	// A source that breaks leaves the name where it was.
	broken := errors.New("the source broke")
	bad := fixture{seed: 132, compress: "gzip"}.build(t)
	bad.layers[1].(*fakeLayer).after = func() error { return broken }
	_, err = Write(t.Context(), at+"/app:v1", bad, WriteOptions{Options: r.opt})
	wantError(t, "broken source", err, broken)
	same(t, img, mustOpen(t, at+"/app:v1", r.opt), true)
}

// TestWholeReader stops where a client of HTTP may: at the last byte.
func TestWholeReader(t *testing.T) {
	broken := errors.New("the source broke")
	for _, want := range []error{nil, broken} {
		end := readerFunc(func([]byte) (int, error) {
			if want == nil {
				return 0, io.EOF
			}
			return 0, want
		})
		r := &wholeReader{r: io.MultiReader(strings.NewReader("bytes"), end)}
		if _, err := io.ReadFull(r, make([]byte, 5)); err != nil {
			t.Fatal(err)
		}
		if err := r.finish(); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
}

func insecureClient() *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
}
