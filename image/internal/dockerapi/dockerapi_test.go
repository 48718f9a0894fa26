package dockerapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// writeContext makes a docker context in the configuration directory.
func writeContext(t *testing.T, name, host string, files map[string][]byte) {
	t.Helper()
	sum := sha256.Sum256([]byte(name))
	id := hex.EncodeToString(sum[:])
	meta := fmt.Sprintf(`{"Name":%q,"Metadata":{},"Endpoints":{"docker":{"Host":%q,"SkipTLSVerify":false}}}`, name, host)
	all := map[string][]byte{filepath.Join("meta", id, "meta.json"): []byte(meta)}
	for f, b := range files {
		all[filepath.Join("tls", id, "docker", f)] = b
	}
	for f, b := range all {
		p := filepath.Join(ConfigDir(), "contexts", f)
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func clearEnv(t *testing.T) {
	t.Helper()
	for _, k := range []string{"DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_TLS", "DOCKER_CERT_PATH"} {
		t.Setenv(k, "")
	}
	t.Setenv("DOCKER_CONFIG", t.TempDir())
}

func TestResolve(t *testing.T) {
	for _, c := range []struct {
		what                         string
		host, context                string // flags
		envHost, envContext, current string
		want, origin, errorPart      string
	}{
		{what: "nothing", want: DefaultHost},
		{what: "-H first", host: "tcp://h:1", envHost: "tcp://e:1", envContext: "one", current: "two", want: "tcp://h:1", origin: "-H"},
		{what: "--context before DOCKER_HOST", context: "one", envHost: "tcp://e:1", want: "unix:///one.sock", origin: "docker context one"},
		{what: "DOCKER_HOST before DOCKER_CONTEXT", envHost: "tcp://e:1", envContext: "one", current: "two", want: "tcp://e:1", origin: "DOCKER_HOST"},
		{what: "DOCKER_CONTEXT before the current one", envContext: "one", current: "two", want: "unix:///one.sock", origin: "DOCKER_CONTEXT one"},
		{what: "current context", current: "two", want: "ssh://me@two", origin: "docker context two"},
		{what: "default context", current: "default", want: DefaultHost},
		{what: "default by flag, and DOCKER_HOST", context: "default", envHost: "tcp://e:1", want: DefaultHost},
		{what: "both flags", host: "tcp://h:1", context: "one", errorPart: "not both"},
		{what: "no such context", context: "three", errorPart: `"three" does not exist`},
		{what: "port", host: "tcp://h", want: "tcp://h:2375", origin: "-H"},
		{what: "bare path", host: "/x.sock", want: "unix:///x.sock", origin: "-H"},
		{what: "bare host", host: "h:99", want: "tcp://h:99", origin: "-H"},
		{what: "IPv6", host: "tcp://[::1]:99", want: "tcp://[::1]:99", origin: "-H"},
		{what: "path below", host: "tcp://h:1/base", want: "tcp://h:1/base", origin: "-H"},
		{what: "unknown scheme", host: "ftp://h", errorPart: "not understood"},
	} {
		t.Run(c.what, func(t *testing.T) {
			clearEnv(t)
			writeContext(t, "one", "unix:///one.sock", nil)
			writeContext(t, "two", "ssh://me@two", nil)
			t.Setenv("DOCKER_HOST", c.envHost)
			t.Setenv("DOCKER_CONTEXT", c.envContext)
			if c.current != "" {
				b, _ := json.Marshal(map[string]string{"currentContext": c.current})
				if err := os.WriteFile(filepath.Join(ConfigDir(), "config.json"), b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			e, err := Resolve(c.host, c.context)
			if c.errorPart != "" {
				if err == nil || !strings.Contains(err.Error(), c.errorPart) {
					t.Errorf("%v %v, want %q", e, err, c.errorPart)
				}
				return
			}
			if err != nil || e.Host != c.want || e.Origin != c.origin {
				t.Errorf("%+v %v, want %s from %s", e, err, c.want, c.origin)
			}
		})
	}
}

// fakeDaemon answers as much as Connect needs, and what the test adds.
func fakeDaemon(t *testing.T, version string, handle map[string]string) http.Handler {
	t.Helper()
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/_ping" {
			w.Header().Set("Api-Version", version)
			w.Header().Set("Docker-Experimental", "false")
			return
		}
		if b, ok := handle[q.URL.EscapedPath()]; ok {
			_, _ = io.WriteString(w, b)
			return
		}
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"message":"No such thing: `+q.URL.EscapedPath()+`"}`)
	})
}

func TestConnectUnix(t *testing.T) {
	sock := filepath.Join(t.TempDir(), "d.sock")
	l, err := net.Listen("unix", sock)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(fakeDaemon(t, "1.41", map[string]string{
		"/v1.41/images/reg.example/a:v1/json": `{"Id":"sha256:1","RepoTags":["reg.example/a:v1"]}`,
		"/v1.41/images/load":                  `{"stream":"Loaded image: a:v1\nLoaded image ID: sha256:1\n"}` + "\n" + `{"stream":"Loaded image: b:v1\n"}`,
		"/v1.41/info":                         `{"DriverStatus":[["driver-type","io.containerd.snapshotter.v1"]]}`,
	}))
	srv.Listener = l
	srv.Start()
	defer srv.Close()
	c, err := Connect(t.Context(), Endpoint{Host: "unix://" + sock})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	i, err := c.Inspect(t.Context(), "reg.example/a:v1")
	if err != nil || i.ID != "sha256:1" {
		t.Errorf("%+v %v", i, err)
	}
	if _, err := c.Inspect(t.Context(), "a b?c/d"); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "a%20b%3Fc/d") {
		t.Errorf("%v", err)
	}
	loaded, err := c.Load(t.Context(), strings.NewReader("x"))
	if err != nil || !slices.Equal(loaded.Names, []string{"a:v1", "b:v1"}) || !slices.Equal(loaded.IDs, []string{"sha256:1"}) {
		t.Errorf("%+v %v", loaded, err)
	}
	info, err := c.Info(t.Context())
	if err != nil || !info.Containerd() || (Info{}).Containerd() {
		t.Errorf("%+v %v", info, err)
	}
}

func TestLoadError(t *testing.T) {
	clearEnv(t)
	srv := httptest.NewServer(fakeDaemon(t, "1.41", map[string]string{
		"/v1.41/images/load": `{"stream":"working\n"}{"errorDetail":{"message":"no space left"},"error":"no space left"}`}))
	defer srv.Close()
	c, err := Connect(t.Context(), Endpoint{Host: "tcp://" + strings.TrimPrefix(srv.URL, "http://")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Load(t.Context(), strings.NewReader("x")); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("%v", err)
	}
}

func TestVersions(t *testing.T) {
	clearEnv(t)
	for have, want := range map[string]string{"1.41": "1.41", "1.99": maxVersion, "1.24": "", "1.25": "1.25", "2.0": maxVersion} {
		srv := httptest.NewServer(fakeDaemon(t, have, nil))
		c, err := Connect(t.Context(), Endpoint{Host: srv.URL})
		if want == "" {
			if err == nil || !strings.Contains(err.Error(), "too old") {
				t.Errorf("%s: %v", have, err)
			}
		} else if err != nil || c.Version != want {
			t.Errorf("%s: %v %v, want %s", have, c, err, want)
		} else if !c.AtLeast("1.25") || c.AtLeast("1.100") {
			t.Errorf("%s: AtLeast", have)
		}
		srv.Close()
	}
}

func TestUnreachable(t *testing.T) {
	e := Endpoint{Host: "unix://" + filepath.Join(t.TempDir(), "none.sock"), Origin: "DOCKER_HOST"}
	_, err := Connect(t.Context(), e)
	ue := (*UnreachableError)(nil)
	if !errors.As(err, &ue) || !strings.Contains(err.Error(), "none.sock (from DOCKER_HOST)") {
		t.Errorf("%v", err)
	}
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	if _, err := Connect(t.Context(), Endpoint{Host: other.URL}); !errors.As(err, &ue) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Connect(ctx, e); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestTLS(t *testing.T) {
	clearEnv(t)
	srv := httptest.NewTLSServer(fakeDaemon(t, "1.41", nil))
	defer srv.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	host := "tcp://" + strings.TrimPrefix(srv.URL, "https://")
	writeContext(t, "tls", host, map[string][]byte{"ca.pem": ca})
	e, err := Resolve("", "tls")
	if err != nil || e.TLS == nil {
		t.Fatalf("%+v %v", e, err)
	}
	if _, err := Connect(t.Context(), e); err != nil {
		t.Error(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), ca, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DOCKER_HOST", host)
	t.Setenv("DOCKER_TLS_VERIFY", "1")
	t.Setenv("DOCKER_CERT_PATH", dir)
	if e, err = Resolve("", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := Connect(t.Context(), e); err != nil {
		t.Error(err)
	}
	t.Setenv("DOCKER_CERT_PATH", t.TempDir()) // without the certificate
	if e, err = Resolve("", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := Connect(t.Context(), e); err == nil {
		t.Error("an unknown certificate is accepted")
	}
}

func TestSSHArgs(t *testing.T) {
	for in, want := range map[string]string{
		"ssh://host":         "-o ConnectTimeout=30 -T -- host docker system dial-stdio",
		"ssh://me@host:2222": "-o ConnectTimeout=30 -T -l me -p 2222 -- host docker system dial-stdio",
		"ssh://-oProxy=x":    "-o ConnectTimeout=30 -T -- -oProxy=x docker system dial-stdio",
		"ssh://me:pw@host":   "",
		"ssh://host/path":    "",
		"ssh://":             "",
	} {
		u, err := url.Parse(in)
		if err != nil {
			continue
		}
		args, err := sshArgs(u)
		if got := strings.Join(args, " "); got != want || (err != nil) != (want == "") {
			t.Errorf("%s: %q %v, want %q", in, got, err, want)
		}
	}
}
