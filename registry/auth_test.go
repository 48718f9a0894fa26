package registry

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.podman.io/image/v5/pkg/sysregistriesv2"

	"github.com/docker-delta/docker-delta/image"
)

// tokens stands before a registry and wants a bearer token, which a user gets
// with a password.
func tokens(t *testing.T, next http.Handler) string {
	var realm string
	addr := serve(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/token" {
			user, password, _ := q.BasicAuth()
			if user != "user" || password != "secret" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			scope := strings.Join(q.URL.Query()["scope"], " ")
			_ = json.NewEncoder(w).Encode(map[string]string{"token": "for " + scope})
			return
		}
		want := "pull"
		if q.Method != http.MethodGet && q.Method != http.MethodHead {
			want = "push"
		}
		if token := q.Header.Get("Authorization"); !strings.HasPrefix(token, "Bearer for repository:app:") || !strings.Contains(token, want) {
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm=%q,service="test",scope="repository:app:pull,push"`, realm))
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, q)
	}))
	realm = "http://" + addr + "/token"
	return addr
}

func TestTokens(t *testing.T) {
	addr := tokens(t, handler())
	dir := t.TempDir()
	t.Setenv("DOCKER_CONFIG", dir)
	t.Setenv("REGISTRY_AUTH_FILE", "")
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	t.Setenv("HOME", dir)
	p := pack(t, "v1", subject("v2"), noise(50_000), annotations("v1"))
	if _, err := open(t, addr+"/app", Options{}).Push(t.Context(), p, "", nil); err == nil || !strings.Contains(err.Error(), "docker login") {
		t.Errorf("without credentials: %v", err)
	}
	// As docker login leaves them.
	auth := `{"auths":{"` + addr + `":{"auth":"dXNlcjpzZWNyZXQ="}}}`
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(auth), 0o600); err != nil {
		t.Fatal(err)
	}
	mustPush(t, open(t, addr+"/app", Options{}), p, "")
	r := open(t, addr+"/app", Options{})
	if list := deltas(t, r, subject("v2")); len(list) != 1 {
		t.Errorf("%v", list)
	}
	if err := r.Fetch(t.Context(), p.Descriptor, t.TempDir(), FetchOptions{}); err != nil {
		t.Error(err)
	}
}

func TestTLS(t *testing.T) {
	s := httptest.NewTLSServer(handler())
	t.Cleanup(s.Close)
	addr := strings.TrimPrefix(s.URL, "https://")
	certs := t.TempDir()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(filepath.Join(certs, "ca.crt"), ca, 0o600); err != nil {
		t.Fatal(err)
	}
	no := false
	for name, c := range map[string]struct {
		opt image.Options
		ok  bool
	}{
		"with its certificate": {image.Options{CertDir: certs}, true},
		"unknown certificate":  {image.Options{}, false},
		"not verified":         {image.Options{TLSVerify: &no}, true},
	} {
		r, err := Open(t.Context(), addr+"/app", Options{Options: c.opt, Retries: 3})
		if err != nil {
			t.Fatal(err)
		}
		r.wait = time.Millisecond
		_, err = r.Push(t.Context(), pack(t, "v1", subject("v2"), []byte("x"), annotations("v1")), "", nil)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && worthRetrying(err) {
			t.Errorf("%s: a certificate does not get better by asking again: %v", name, err)
		}
	}
}

// registries.conf may send a name elsewhere, allow it plain HTTP, or block it.
func TestRegistriesConf(t *testing.T) {
	addr := serve(t, handler())
	conf := filepath.Join(t.TempDir(), "registries.conf")
	text := fmt.Sprintf(`[[registry]]
prefix = "apps.example"
location = "%s/mirrored"
insecure = true

[[registry]]
location = "bad.example"
blocked = true
`, addr)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CONTAINERS_REGISTRIES_CONF", conf)
	sysregistriesv2.InvalidateCache() // which does not look at the environment
	t.Cleanup(sysregistriesv2.InvalidateCache)
	r, err := Open(t.Context(), "apps.example/app", Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := pack(t, "v1", subject("v2"), []byte("x"), annotations("v1"))
	mustPush(t, r, p, "d")
	if r.Name() != "apps.example/app" {
		t.Errorf("it is called %s", r.Name())
	}
	direct := open(t, addr+"/mirrored/app", Options{})
	if d, err := direct.Resolve(t.Context(), "d"); err != nil || d.Digest != p.Descriptor.Digest {
		t.Errorf("%v, %v", d, err)
	}
	if _, err := Open(t.Context(), "bad.example/app", Options{}); err == nil || !strings.Contains(err.Error(), "blocks") {
		t.Errorf("blocked: %v", err)
	}
}
