package image

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/docker-delta/docker-delta/image/internal/dockerapi"
)

// need skips a test whose requirement is absent, or fails it where everything
// has to be there.
func need(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("DOCKER_DELTA_TEST_REQUIRE") == "1" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// testDaemon is a real daemon to test with.
type testDaemon struct {
	host       string
	containerd bool
}

// daemons gives the real daemons: the usual one, with the classic store, and one
// with the containerd store at DOCKER_DELTA_TEST_DOCKER_CONTAINERD.
func eachDaemon(t *testing.T, f func(t *testing.T, d testDaemon)) {
	t.Run("classic", func(t *testing.T) { f(t, classicDaemon(t)) })
	t.Run("containerd", func(t *testing.T) { f(t, containerdDaemon(t)) })
}

func classicDaemon(t testing.TB) testDaemon {
	t.Helper()
	d, err := Connect(t.Context(), Options{})
	if err != nil {
		need(t, "no docker daemon: %v", err)
	}
	defer d.Close()
	if d.Containerd() {
		need(t, "the docker daemon at %s has a containerd store, not a classic one", d.Address())
	}
	return testDaemon{host: d.client.Endpoint.Host}
}

func containerdDaemon(t testing.TB) testDaemon {
	t.Helper()
	host := os.Getenv("DOCKER_DELTA_TEST_DOCKER_CONTAINERD")
	if host == "" {
		need(t, "DOCKER_DELTA_TEST_DOCKER_CONTAINERD does not name a docker daemon with the containerd store")
	}
	d, err := Connect(t.Context(), Options{DockerHost: host})
	if err != nil {
		need(t, "%v", err)
	}
	defer d.Close()
	if !d.Containerd() {
		t.Fatalf("the docker daemon at %s has a classic store", host)
	}
	return testDaemon{host: host, containerd: true}
}

func (d testDaemon) docker(t testing.TB, args ...string) (string, error) {
	t.Helper()
	if _, err := exec.LookPath("docker"); err != nil {
		need(t, "no docker command: %v", err)
	}
	out, err := exec.Command("docker", append([]string{"-H", d.host}, args...)...).CombinedOutput()
	return string(out), err
}

// cleanup removes images of a test, before and after it.
func (d testDaemon) cleanup(t testing.TB, names ...string) {
	d.remove(t, names...)
	t.Cleanup(func() { d.remove(t, names...) })
}

// remove removes images by name; those that are not there are no error.
func (d testDaemon) remove(t testing.TB, names ...string) {
	t.Helper()
	c, err := Connect(context.Background(), Options{DockerHost: d.host})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, n := range names {
		if err := c.client.Remove(context.Background(), n); err != nil && !errors.Is(err, dockerapi.ErrNotFound) {
			t.Errorf("removing %s: %v", n, err)
		}
	}
}

// helloFixture is an image with a static program that greets.
func helloFixture(t testing.TB, seed uint64, greeting string) fixture {
	t.Helper()
	dir := t.TempDir()
	src := "package main\n\nfunc main() { print(" + `"` + greeting + `\n"` + ") }\n"
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "build", "-ldflags=-s -w", "-o", "hello", "main.go")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b, err := os.ReadFile(filepath.Join(dir, "hello"))
	if err != nil {
		t.Fatal(err)
	}
	return fixture{seed: seed, cmd: []string{"/hello"}, files: map[string][]byte{"hello": b}}
}

func TestDaemonRoundTrip(t *testing.T) {
	eachDaemon(t, func(t *testing.T, d testDaemon) {
		for i, compress := range []string{"", "gzip", "zstd"} {
			t.Run("from "+compress, func(t *testing.T) {
				name := "docker-delta-test/roundtrip:" + compress + "v1"
				d.cleanup(t, name, name+"-too")
				fx := helloFixture(t, uint64(100+i), "hello from "+compress)
				fx.compress = compress
				src := fx.build(t)
				opt := Options{DockerHost: d.host, Debugf: t.Logf}
				res := mustWrite(t, "docker-daemon:"+name, src, WriteOptions{Options: opt, Names: []string{name + "-too"}})
				want := []string{"docker.io/" + name, "docker.io/" + name + "-too"}
				if !slices.Equal(res.Names, want) {
					t.Errorf("names %v, want %v", res.Names, want)
				}
				out, err := d.docker(t, "inspect", "--format", "{{.Id}}", name+"-too")
				if err != nil || strings.TrimSpace(out) != res.DaemonID.String() {
					t.Errorf("docker inspect: %v %s, want %s", err, out, res.DaemonID)
				}
				if out, err := d.docker(t, "run", "--rm", "--network=none", name); err != nil || !strings.Contains(out, "hello from "+compress) {
					t.Errorf("docker run: %v %s", err, out)
				}
				exact := d.containerd && compress != ""
				if res.Original != exact {
					t.Errorf("Original = %v, want %v", res.Original, exact)
				}
				got := mustOpen(t, "docker-daemon:"+name, opt)
				same(t, src, got, exact)
				if !slices.Equal(got.Names(), want) {
					t.Errorf("names %v, want %v", got.Names(), want)
				}
				byID := mustOpen(t, "docker-daemon:"+res.DaemonID.String(), opt)
				same(t, src, byID, exact)
				short := mustOpen(t, res.DaemonID.Encoded()[:12], opt)
				same(t, src, short, exact)
			})
		}
	})
}

func TestFindBase(t *testing.T) {
	eachDaemon(t, func(t *testing.T, td testDaemon) {
		name := "docker-delta-test/findbase:v1"
		td.cleanup(t, name)
		src := fixture{seed: 200, layers: 3, compress: "gzip"}.build(t)
		opt := Options{DockerHost: td.host, Debugf: t.Logf}
		res := mustWrite(t, "docker-daemon:"+name, src, WriteOptions{Options: opt})
		d, err := Connect(t.Context(), opt)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		diffIDs := plainOf(t, src)
		other := []digest.Digest{digest.FromString("nothing has this")}
		for what, want := range map[string]Want{
			"ID":     {IDs: []digest.Digest{other[0], res.DaemonID}},
			"layers": {IDs: other, DiffIDs: diffIDs[:2], Names: []string{"docker-delta-test/nothing:v1"}},
			"name":   {IDs: other, DiffIDs: other, Names: []string{"docker.io/docker-delta-test/nothing:v1", "docker.io/" + name}},
		} {
			got, err := d.FindBase(t.Context(), want)
			if err != nil || got.ID != res.DaemonID {
				t.Errorf("by %s: %v %v, want %s", what, got, err, res.DaemonID)
				continue
			}
			same(t, src, mustOpen(t, got.Ref(), opt), td.containerd)
		}
		if _, err := d.FindBase(t.Context(), Want{IDs: other, DiffIDs: other, Names: []string{"docker-delta-test/nothing"}}); !errors.Is(err, ErrNotFound) {
			t.Errorf("absent base: %v", err)
		}
	})
}

func TestDaemonErrors(t *testing.T) {
	ctx := context.Background()
	sock := filepath.Join(t.TempDir(), "docker.sock")
	_, err := Open(ctx, "some-image:v1", Options{DockerHost: "unix://" + sock})
	if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), sock) || !strings.Contains(err.Error(), `no file "some-image:v1"`) || strings.Count(err.Error(), "start docker there") != 1 {
		t.Errorf("absent daemon: %v", err)
	}
	t.Setenv("DOCKER_HOST", "unix://"+sock)
	if _, err = Open(ctx, "docker-daemon:some-image:v1", Options{}); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "DOCKER_HOST") {
		t.Errorf("absent daemon: %v", err)
	}
	if _, err = Write(ctx, "docker-daemon:x:v1", fixture{}.build(t), WriteOptions{}); !errors.Is(err, ErrUnreachable) {
		t.Errorf("absent daemon: %v", err)
	}
}

// An image is found by its name although a directory that holds no image is
// called the same; one that does hold an image comes first.
func TestDaemonNamesake(t *testing.T) {
	d := classicDaemon(t)
	name := "docker-delta-namesake:v1"
	d.cleanup(t, name)
	opt := Options{DockerHost: d.host}
	fx := helloFixture(t, 77, "hello, namesake")
	src := fx.build(t)
	mustWrite(t, "docker-daemon:"+name, src, WriteOptions{Options: opt})
	t.Chdir(t.TempDir())
	if err := os.Mkdir("docker-delta-namesake", 0o755); err != nil {
		t.Fatal(err)
	}
	same(t, src, mustOpen(t, name, opt), false)
	_, err := Open(t.Context(), "docker-delta-namesake:v2", opt)
	if !errors.Is(err, ErrNotImage) || !strings.Contains(err.Error(), "nor does the docker daemon") {
		t.Errorf("neither there nor in the daemon: %v", err)
	}
	if _, err := Open(t.Context(), "./docker-delta-namesake", opt); !errors.Is(err, ErrNotImage) || strings.Contains(err.Error(), "daemon") {
		t.Errorf("a path: %v", err)
	}
	if err := os.Remove("docker-delta-namesake"); err != nil {
		t.Fatal(err)
	}
	fx = helloFixture(t, 78, "hello from a file")
	fx.compress = "gzip"
	other := fx.build(t)
	mustWrite(t, "oci:docker-delta-namesake:v1", other, WriteOptions{})
	same(t, other, mustOpen(t, name, opt), true)
}

// TestDaemonKeepsNothing breaks off a load in each layer.
func TestDaemonKeepsNothing(t *testing.T) {
	eachDaemon(t, func(t *testing.T, d testDaemon) {
		name := "docker-delta-test/broken:v1"
		d.cleanup(t, name)
		opt := WriteOptions{Options: Options{DockerHost: d.host, Debugf: t.Logf}}
		broken := errors.New("the source broke")
		for i := range 3 {
			src := fixture{seed: 400, compress: "gzip"}.build(t)
			src.layers[i].(*fakeLayer).after = func() error { return broken }
			res, err := Write(t.Context(), "docker-daemon:"+name, src, opt)
			if !errors.Is(err, broken) {
				t.Errorf("layer %d: %+v %v", i, res, err)
			}
			if out, err := d.docker(t, "inspect", name); err == nil {
				t.Errorf("layer %d: an image appeared: %s", i, out)
			}
			if out, _ := d.docker(t, "images", "-q", "--no-trunc"); bytes.Contains([]byte(out), []byte(digest.FromBytes(src.config).Encoded())) {
				t.Errorf("layer %d: an image appeared: %s", i, out)
			}
		}
	})
}

// TestDaemonOverSSH reaches the daemon through docker's own dial-stdio, with a
// program in the place of ssh that stays on this host.
func TestDaemonOverSSH(t *testing.T) {
	d := classicDaemon(t)
	if _, err := d.docker(t, "version"); err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	script := "#!/bin/sh\nwhile [ \"$1\" != -- ]; do shift; done\nshift 2\nDOCKER_HOST=" + d.host + " exec \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "ssh"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	name := "docker-delta-test/ssh:v1"
	d.cleanup(t, name)
	opt := Options{DockerHost: "ssh://somebody@somewhere:2222", Debugf: t.Logf}
	src := fixture{seed: 160}.build(t)
	mustWrite(t, "docker-daemon:"+name, src, WriteOptions{Options: opt})
	same(t, src, mustOpen(t, name, opt), false)
	if err := os.WriteFile(filepath.Join(bin, "ssh"), []byte("#!/bin/sh\necho no route to host >&2\nexit 255\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), "docker-daemon:"+name, opt)
	wantError(t, "ssh fails", err, ErrUnreachable, "no route to host", "ssh://somebody@somewhere:2222")
}
