package testrig

import (
	"bytes"
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
// address, such as "127.0.0.1:40123". It speaks plain HTTP and ends with the test.
func Registry(t testing.TB) string {
	t.Helper()
	return startRegistry(t, false)
}

// RegistryWithLogin is a [Registry] that only [User] with [Password] may use.
func RegistryWithLogin(t testing.TB) string {
	t.Helper()
	return startRegistry(t, true)
}

func startRegistry(t testing.TB, login bool) string {
	t.Helper()
	program := Program(t, "docker-registry")
	dir := t.TempDir()
	// Between our finding a free port and the registry's taking it, another
	// process may come; then the registry ends at once and we try again.
	var log bytes.Buffer
	for range 5 {
		log.Reset()
		addr := freeAddress(t)
		config := filepath.Join(dir, "config.yml")
		writeFile(t, config, registryConfig(t, dir, addr, login))
		cmd := exec.Command(program, "serve", config)
		// Nothing of the surrounding environment may change the configuration.
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "OTEL_TRACES_EXPORTER=none"}
		cmd.Stdout, cmd.Stderr = &log, &log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() { cmd.Wait(); close(ended) }()
		stop := func() { cmd.Process.Kill(); <-ended }
		if answers(addr, ended) {
			t.Cleanup(stop)
			return addr
		}
		stop()
	}
	t.Fatalf("docker-registry did not start:\n%s", log.String())
	return ""
}

func registryConfig(t testing.TB, dir, addr string, login bool) string {
	config := fmt.Sprintf(`version: 0.1
log: {level: warn}
storage:
  filesystem: {rootdirectory: %q}
  delete: {enabled: true}
http: {addr: %q}
`, filepath.Join(dir, "data"), addr)
	if login {
		passwords := filepath.Join(dir, "htpasswd")
		writeFile(t, passwords, htpasswd)
		config += fmt.Sprintf("auth:\n  htpasswd: {realm: test, path: %q}\n", passwords)
	}
	return config
}

func freeAddress(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// answers waits until a registry speaks at addr, or ended is closed.
func answers(addr string, ended <-chan struct{}) bool {
	client := &http.Client{Timeout: 5 * time.Second}
	for range 600 {
		resp, err := client.Get("http://" + addr + "/v2/")
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
