package testrig

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// User and Password open a registry started by [RegistryWithLogin].
const (
	User     = "user"
	Password = "secret"
)

// The bcrypt hash of Password, at the lowest cost that registries take.
const htpasswd = User + ":$2b$05$6I.gMVHHyT3s2rIh7/tBW.Mf1J8BjhZ8046tp5n8mQD6R/ENChmL.\n"

// Registry starts an empty registry of its own for the test, the program
// docker-registry (github.com/distribution/distribution), and gives its
// address, such as "127.0.0.1:40123". It has no referrers API, speaks plain HTTP
// and ends with the test.
func Registry(t testing.TB) string {
	t.Helper()
	return startDistribution(t, false, nil)
}

// RegistryWithLogin is a [Registry] that only [User] with [Password] may use.
func RegistryWithLogin(t testing.TB) string {
	t.Helper()
	return startDistribution(t, true, nil)
}

// LockedRegistry is a [RegistryWithLogin] that speaks TLS with a certificate of
// its own.
func LockedRegistry(t testing.TB, c Certificate) string {
	t.Helper()
	return startDistribution(t, true, &c)
}

func startDistribution(t testing.TB, login bool, c *Certificate) string {
	t.Helper()
	Program(t, "docker-registry")
	return startServer(t, c, distribution(t.TempDir(), login, c))
}

// StartRegistry is [Registry] for programs that are no tests, such as the benchmark: its
// data are in the directory dir, and stop ends it.
func StartRegistry(dir string) (addr string, stop func(), err error) {
	return serve(false, distribution(dir, false, nil))
}

// distribution gives the command that serves at an address.
func distribution(dir string, login bool, c *Certificate) func(addr string) (*exec.Cmd, error) {
	return func(addr string) (*exec.Cmd, error) {
		config := filepath.Join(dir, "registry.yml")
		for name, text := range map[string]string{config: distributionConfig(dir, addr, login, c), passwords(dir): htpasswd} {
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				return nil, err
			}
		}
		cmd := exec.Command("docker-registry", "serve", config)
		// Nothing of the surrounding environment may change the configuration.
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "OTEL_TRACES_EXPORTER=none"}
		return cmd, nil
	}
}

func passwords(dir string) string { return filepath.Join(dir, "htpasswd") }

func distributionConfig(dir, addr string, login bool, c *Certificate) string {
	config := fmt.Sprintf(`version: 0.1
log: {level: warn}
storage:
  filesystem: {rootdirectory: %q}
  delete: {enabled: true}
`, filepath.Join(dir, "data"))
	if c == nil {
		config += fmt.Sprintf("http: {addr: %q}\n", addr)
	} else {
		config += fmt.Sprintf("http: {addr: %q, tls: {certificate: %q, key: %q}}\n", addr, c.Cert, c.Key)
	}
	if login {
		config += fmt.Sprintf("auth:\n  htpasswd: {realm: test, path: %q}\n", passwords(dir))
	}
	return config
}

// startServer starts a registry on a free address, and ends it with the test.
func startServer(t testing.TB, c *Certificate, command func(addr string) (*exec.Cmd, error)) string {
	t.Helper()
	addr, stop, err := serve(c != nil, command)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return addr
}

// serve starts a registry on a free address, with TLS if it is secure.
func serve(secure bool, command func(addr string) (*exec.Cmd, error)) (addr string, stop func(), err error) {
	// Between our finding a free port and the registry's taking it, another
	// process may come; then the registry ends at once and we try again.
	var log bytes.Buffer
	var cmd *exec.Cmd
	for range 5 {
		log.Reset()
		if addr, err = freeAddress(); err != nil {
			return "", nil, err
		}
		if cmd, err = command(addr); err != nil {
			return "", nil, err
		}
		cmd.Stdout, cmd.Stderr = &log, &log
		if err := cmd.Start(); err != nil {
			return "", nil, err
		}
		ended := make(chan struct{})
		go func() { cmd.Wait(); close(ended) }()
		stop = func() { cmd.Process.Kill(); <-ended }
		if answers(addr, secure, ended) {
			return addr, stop, nil
		}
		stop()
	}
	return "", nil, fmt.Errorf("%s did not start:\n%s", cmd, log.String())
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// answers waits until a registry speaks at addr, or ended is closed.
func answers(addr string, secure bool, ended <-chan struct{}) bool {
	client, url := &http.Client{Timeout: 5 * time.Second}, "http://"+addr+"/v2/"
	if secure {
		client.Transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
		url = "https://" + addr + "/v2/"
	}
	defer client.CloseIdleConnections()
	for range 600 {
		resp, err := client.Get(url)
		if err == nil {
			resp.Body.Close()
			return resp.Header.Get("Docker-Distribution-Api-Version") != ""
		}
		select {
		case <-ended:
			return false
		case <-time.After(50 * time.Millisecond):
		}
	}
	return false
}

func writeFile(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
