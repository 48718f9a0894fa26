package testrig

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A Certificate is for a server on the loopback address, signed by itself.
type Certificate struct {
	Cert, Key string // files
	Dir       string // holds ca.crt, as certs.d and --cert-dir want it
}

// NewCertificate makes one.
func NewCertificate(t testing.TB) Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "testrig"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	c := Certificate{Cert: filepath.Join(dir, "certs", "ca.crt"), Key: filepath.Join(dir, "server.pem"), Dir: filepath.Join(dir, "certs")}
	if err := os.Mkdir(c.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, c.Cert, string(public))
	writeFile(t, c.Key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})))
	return c
}

// Forward passes requests on to a registry at addr, with TLS if c is its certificate.
func Forward(addr string, c *Certificate) http.Handler {
	to := &url.URL{Scheme: "http", Host: addr}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(q *httputil.ProxyRequest) {
			q.SetURL(to)
			q.Out.Host = q.In.Host // registries make addresses of it
			q.Out.Header["X-Forwarded-Proto"] = []string{"http"}
			if q.In.TLS != nil {
				q.Out.Header["X-Forwarded-Proto"] = []string{"https"}
			}
		},
		ErrorHandler:  func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		FlushInterval: -1,
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableCompression: true},
	}
	if c != nil {
		to.Scheme = "https"
	}
	return proxy
}

// Serve serves a handler until the test ends, with TLS if c is not nil, and gives
// its address.
func Serve(t testing.TB, h http.Handler, c *Certificate) string {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	if c == nil {
		s.Start()
	} else {
		pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
		if err != nil {
			t.Fatal(err)
		}
		s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
		s.StartTLS()
	}
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// Locked stands before a registry and lets in who brings a bearer token for what
// he does; [User] with [Password] gets one at /token.
func Locked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/token" {
			giveToken(w, q)
			return
		}
		name, action := repository(q.URL.Path), "pull"
		if q.Method != http.MethodGet && q.Method != http.MethodHead {
			action = "push"
		}
		if !allowed(q.Header.Get("Authorization"), name, action) {
			scheme := "http"
			if q.TLS != nil {
				scheme = "https"
			}
			challenge := fmt.Sprintf(`Bearer realm="%s://%s/token",service="test"`, scheme, q.Host)
			if name != "" {
				challenge += fmt.Sprintf(`,scope="repository:%s:%s"`, name, map[string]string{"pull": "pull", "push": "pull,push"}[action])
			}
			w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
			w.Header().Set("WWW-Authenticate", challenge)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		q.Header.Del("Authorization")
		next.ServeHTTP(w, q)
	})
}

func giveToken(w http.ResponseWriter, q *http.Request) {
	user, password, _ := q.BasicAuth()
	if user != User || password != Password {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	token := "for"
	for _, s := range q.URL.Query()["scope"] {
		token += " " + s
	}
	_ = json.NewEncoder(w).Encode(map[string]string{"token": url.QueryEscape(token)})
}

// allowed tells whether a token's scopes cover what is asked for.
func allowed(header, name, action string) bool {
	token, err := url.QueryUnescape(strings.TrimPrefix(header, "Bearer "))
	if err != nil || !strings.HasPrefix(token, "for") {
		return false
	}
	if name == "" {
		return true
	}
	for _, scope := range strings.Fields(token) {
		if rest, ok := strings.CutPrefix(scope, "repository:"+name+":"); ok && strings.Contains(","+rest+",", ","+action+",") {
			return true
		}
	}
	return false
}

// repository is the name in the path of a request.
func repository(path string) string {
	path = strings.TrimPrefix(path, "/v2/")
	for _, part := range []string{"/manifests/", "/blobs/", "/tags/", "/referrers/"} {
		if i := strings.LastIndex(path, part); i > 0 {
			return path[:i]
		}
	}
	return ""
}
