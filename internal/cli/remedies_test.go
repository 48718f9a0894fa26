package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/internal/spool"
	"github.com/docker-delta/docker-delta/internal/testrig"
)

func TestCreateKeepsItsInputs(t *testing.T) {
	in := filepath.Join(t.TempDir(), "v1.tar")
	if err := os.WriteFile(in, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(list, []byte("- "+in+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"create", in, "v2.tar"},
		{"create", "oci-archive:" + in, "v2.tar"},
		{"create", "--base", in, "--base", "v0.tar", "v2.tar"},
		{"create", "--pair", "v1.tar=" + in},
		{"create", "--list", list},
		{"file", "create", in, "v2.tar"},
	} {
		code, _, stderr := run(t, append(args, "-o", in)...)
		if code != 2 || !strings.Contains(stderr, "would overwrite") {
			t.Errorf("%s: exit %d, %s", args, code, stderr)
		}
	}
}

func TestRemedies(t *testing.T) {
	code, _, stderr := run(t, "diff", "--htm", "x", "a", "b")
	if code != 2 || !strings.Contains(stderr, "docker-delta diff --help lists the flags") {
		t.Errorf("unknown flag: exit %d, %s", code, stderr)
	}
	if code, _, stderr := run(t, "apply", "x.delta", "-o", "x.tar"); code != 2 || !strings.Contains(stderr, "--to IMAGE") {
		t.Errorf("apply -o: exit %d, %s", code, stderr)
	}
	notes := filepath.Join(t.TempDir(), "notes")
	if err := os.WriteFile(notes, []byte("no delta"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"verify", "nosuch.delta"}, 1, "check the name"},
		{[]string{"inspect", notes}, 1, "give a file that docker-delta create has written"},
		{[]string{"apply", notes, "--to", "foo:bar:baz"}, 2, "foo"},
	} {
		if code, _, stderr := run(t, c.args...); code != c.code || !strings.Contains(stderr, c.want) {
			t.Errorf("%s: exit %d, %s", c.args, code, stderr)
		}
	}
	_, _, stderr = run(t, "-H", "unix:///nonexistent.sock", "create", "a:1", "b:2", "-o", filepath.Join(t.TempDir(), "d"))
	if strings.Count(stderr, "start docker there") != 1 {
		t.Errorf("the remedy is not there once: %s", stderr)
	}
}

// A registry that cannot be reached, is not trusted, or has no such image, both where
// an image and where deltas are asked for.
func TestRemediesOfRegistries(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	t.Setenv("REGISTRY_AUTH_FILE", filepath.Join(t.TempDir(), "auth.json"))
	certificate := testrig.NewCertificate(t)
	status := func(code int) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			if q.URL.Path != "/v2/" {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(code)
				if code == http.StatusNotFound {
					fmt.Fprint(w, `{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}`)
				}
			}
		})
	}
	closed := httptest.NewServer(status(http.StatusOK))
	closed.Close()
	trusted := []string{"--cert-dir", certificate.Dir}
	for name, c := range map[string]struct {
		server, want string
		flags        []string
	}{
		"closed":      {closed.Listener.Addr().String(), "check the registry's name and port", nil},
		"unknown":     {testrig.Serve(t, status(http.StatusOK), &certificate), "--cert-dir", nil},
		"not found":   {testrig.Serve(t, status(http.StatusNotFound), &certificate), "check the name", trusted},
		"locked":      {testrig.Serve(t, status(http.StatusUnauthorized), &certificate), "log in with docker login", trusted},
		"plain":       {testrig.Serve(t, status(http.StatusOK), nil), "--plain-http", nil},
		"maintenance": {testrig.Serve(t, status(http.StatusServiceUnavailable), &certificate), "try again later", trusted},
	} {
		for _, args := range [][]string{
			{"diff", "docker://" + c.server + "/app:v1", "docker://" + c.server + "/app:v2"},
			{"pull", "--retry-times", "0", c.server + "/app:v1", "--to", "oci:" + filepath.Join(t.TempDir(), "x")},
			{"publish", "--retry-times", "0", c.server + "/app:v2", "--last", "1"},
		} {
			code, _, stderr := run(t, append(args, c.flags...)...)
			if code != ExitFailure || strings.Count(stderr, c.want) != 1 {
				t.Errorf("%s, %s: exit %d, %s", name, args[0], code, stderr)
			}
		}
	}
}

// What the system says without a remedy gets one, and nothing gets two.
func TestRemediesOfTheSystem(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("writing x: %w", &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}), "free some space"},
		{&os.PathError{Op: "open", Path: "x", Err: syscall.EACCES}, "a user who may do that"},
		{fmt.Errorf("y: %w", &image.Error{Err: syscall.ENOSPC, Hint: "free some space"}), ""},
		{&image.Error{Err: syscall.EACCES}, "a user who may do that"},
		{fmt.Errorf("y: %w", &image.Error{Err: syscall.EACCES, Hint: "choose a place that you may write to"}), ""},
		{spool.NewRoom(t.TempDir(), 0).Check(math.MaxInt64), ""},
		{fmt.Errorf("z: %w", &image.Error{Err: &image.Error{Err: &net.DNSError{IsNotFound: true}, Hint: "once"}}), ""},
		{&url.Error{Err: &net.OpError{Op: "dial", Err: &net.DNSError{IsNotFound: true}}}, "check the registry's name"},
		{&net.DNSError{IsTimeout: true}, "its name server"},
		{&net.OpError{Op: "proxyconnect", Err: syscall.ECONNREFUSED}, "NO_PROXY"},
		{&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, "--cert-dir"},
		{&tls.CertificateVerificationError{Err: x509.HostnameError{Certificate: &x509.Certificate{}}}, "a name that its certificate is for"},
		{&tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.Expired}}, "clock"},
		{&net.OpError{Op: "dial", Err: syscall.ENETUNREACH}, "network"},
		{&net.OpError{Op: "read", Err: syscall.ECONNRESET}, "try again"},
		{&url.Error{Err: os.ErrDeadlineExceeded}, "a proxy is needed"},
		{context.Canceled, ""},
		{errors.New("x"), ""},
	} {
		if got := remedy(c.err); got != c.want && (c.want == "" || !strings.Contains(got, c.want)) {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
}
