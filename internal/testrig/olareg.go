package testrig

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// olareg (github.com/olareg/olareg) is a small registry with the referrers API,
// of the makers of regctl. Distribution 3.1 has no such API, and zot is not to be
// had from Go's module proxy.
const olaregVersion = "v0.1.2"

// A module of its own, since this one is not to depend on a server for tests. The
// sums pin what is built.
const (
	olaregMod = `module testrig

go 1.26

require github.com/olareg/olareg ` + olaregVersion + `

require (
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/opencontainers/go-digest v1.0.0 // indirect
	github.com/spf13/cobra v1.8.1 // indirect
	github.com/spf13/pflag v1.0.6 // indirect
)
`
	olaregSum = `github.com/inconshreveable/mousetrap v1.1.0 h1:wN+x4NVGpMsO7ErUn/mUI3vEoE6Jt13X2s0bqwp9tc8=
github.com/inconshreveable/mousetrap v1.1.0/go.mod h1:vpF70FUmC8bwa3OWnCshd2FqLfsEA9PFc4w1p2J65bw=
github.com/olareg/olareg v0.1.2 h1:75G8X6E9FUlzL/CSjgFcYfMgNzlc7CxULpUUNsZBIvI=
github.com/olareg/olareg v0.1.2/go.mod h1:TWs+N6pO1S4bdB6eerzUm/ITRQ6kw91mVf9ZYeGtw+Y=
github.com/opencontainers/go-digest v1.0.0 h1:apOUWs51W5PlhuyGyz9FCeeBIOUDA/6nW8Oi/yOhh5U=
github.com/opencontainers/go-digest v1.0.0/go.mod h1:0JzlMkj0TRzQZfJkVvzbP0HBR3IKzErnv2BNG4W4MAM=
github.com/spf13/cobra v1.8.1 h1:e5/vxKd/rZsfSJMUX1agtjeTDf+qv1/JdBF8gg5k9ZM=
github.com/spf13/cobra v1.8.1/go.mod h1:wHxEcudfqmLYa8iTfL+OuZPbBZkmvliBWKIezN3kD9Y=
github.com/spf13/pflag v1.0.6 h1:jFzHGLGAlb3ruxLB8MhbI6A8+AQX/2eW4qeyNZXNp2o=
github.com/spf13/pflag v1.0.6/go.mod h1:McXfInJRrz4CZXVZOBLb0bTZqETkiAhM9Iw0y3An2Bg=
`
)

var olareg sync.Mutex

// olaregProgram finds the program, or builds it once and keeps it in the user's
// cache. It is built only where all parts are required, as that may ask the
// network.
func olaregProgram(t testing.TB) string {
	t.Helper()
	if path, err := exec.LookPath("olareg"); err == nil {
		return path
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		Missing(t, "the program olareg, or a place to keep it: %v", err)
	}
	olareg.Lock()
	defer olareg.Unlock()
	path := filepath.Join(cache, "docker-delta", "testrig", "olareg-"+olaregVersion)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	if os.Getenv("DOCKER_DELTA_TEST_REQUIRE") != "1" {
		Missing(t, "the program olareg, which is built from Go's module proxy with DOCKER_DELTA_TEST_REQUIRE=1")
	}
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "go.mod"), olaregMod)
	writeFile(t, filepath.Join(dir, "go.sum"), olaregSum)
	cmd := exec.Command(Program(t, "go"), "build", "-o", "olareg", "github.com/olareg/olareg/cmd/olareg")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building olareg: %v\n%s", err, out)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	// Tests of other packages may do the same now: whole, or not there.
	data, err := os.ReadFile(filepath.Join(dir, "olareg"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "new-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(f.Name(), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		t.Fatal(err)
	}
	return path
}

// ReferrersRegistry is like [Registry], a server with the referrers API: the
// program olareg.
func ReferrersRegistry(t testing.TB) string {
	t.Helper()
	return startOlareg(t, nil)
}

// LockedReferrersRegistry is a [ReferrersRegistry] that speaks TLS. It asks for no
// password; [Locked] does before it.
func LockedReferrersRegistry(t testing.TB, c Certificate) string {
	t.Helper()
	return startOlareg(t, &c)
}

func startOlareg(t testing.TB, c *Certificate) string {
	t.Helper()
	program, dir := olaregProgram(t), t.TempDir()
	return startServer(t, c, func(addr string) (*exec.Cmd, error) {
		host, port, _ := strings.Cut(addr, ":")
		args := []string{"serve", "--addr", host, "--port", port, "--dir", dir, "--api-delete", "--api-blob-delete", "--gc-frequency", "-1s"}
		if c != nil {
			args = append(args, "--tls-cert", c.Cert, "--tls-key", c.Key)
		}
		return exec.Command(program, args...), nil
	})
}
