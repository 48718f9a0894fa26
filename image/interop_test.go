package image

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

func run(t testing.TB, name string, args ...string) (string, error) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		need(t, "no %s: %v", name, err)
	}
	out, err := exec.Command(name, args...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// TestSkopeoReads lets skopeo copy what we write, and compares what it got.
func TestSkopeoReads(t *testing.T) {
	for name, fx := range fixtures {
		src := fx.build(t)
		for _, d := range fileDestinations {
			dir := t.TempDir()
			path := filepath.Join(dir, "out")
			mustWrite(t, d.prefix+path, src, WriteOptions{})
			from := d.prefix + path
			if d.prefix == "" {
				from = "docker-archive:" + path
			}
			for _, to := range []string{"dir:", "oci:"} {
				copied := filepath.Join(dir, strings.TrimSuffix(to, ":"))
				if out, err := run(t, "skopeo", "copy", "-q", from, to+copied); err != nil {
					t.Errorf("%s: skopeo copy %s: %v\n%s", name, from, err, out)
					continue
				}
				got := mustOpen(t, copied, Options{})
				if to == "dir:" { // skopeo may rewrite a config on its way to OCI
					same(t, src, got, d.exact && fx.compress != "")
				} else if len(plainOf(t, got)) != len(src.layers) {
					t.Errorf("%s: %s has other layers", name, to)
				}
			}
		}
	}
}

// TestSkopeoWrites reads what skopeo makes of an image.
func TestSkopeoWrites(t *testing.T) {
	src := fixtures["gzip"].build(t)
	from := "oci:" + filepath.Join(t.TempDir(), "layout")
	mustWrite(t, from, src, WriteOptions{})
	for to, exact := range map[string]bool{"dir:": true, "oci:": true, "oci-archive:": true, "docker-archive:": false} {
		path := filepath.Join(t.TempDir(), "x")
		if out, err := run(t, "skopeo", "copy", "-q", from, to+path); err != nil {
			t.Errorf("skopeo copy: %v\n%s", err, out)
			continue
		}
		got := mustOpen(t, path, Options{})
		if exact {
			same(t, src, got, true)
		} else {
			plainOf(t, got)
		}
	}
}

// podman runs podman with a storage of the test's own.
func podman(t testing.TB, root string, args ...string) (string, error) {
	t.Helper()
	return run(t, "podman", append([]string{"--root", root, "--runroot", root + "-run", "--storage-driver", "vfs"}, args...)...)
}

// storageRoot is a short path, as podman wants it.
func storageRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "dd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

// TestPodmanLoads checks image ID and name after podman load.
func TestPodmanLoads(t *testing.T) {
	root := storageRoot(t)
	if out, err := podman(t, root, "info"); err != nil {
		need(t, "podman: %v\n%s", err, out)
	}
	for name, fx := range fixtures {
		src := fx.build(t)
		for _, prefix := range []string{"docker-archive:", "oci-archive:"} {
			path := filepath.Join(t.TempDir(), "out.tar")
			full := "reg.example/podman/" + name + ":" + strings.TrimSuffix(prefix, "-archive:")
			mustWrite(t, prefix+path, src, WriteOptions{Names: []string{full}})
			if out, err := podman(t, root, "load", "-q", "-i", path); err != nil {
				t.Errorf("%s: podman load: %v\n%s", full, err, out)
				continue
			}
			id, err := podman(t, root, "inspect", "--format", "{{.Id}}", full)
			if want := digest.FromBytes(src.config).Encoded(); err != nil || id != want {
				t.Errorf("%s: podman has %s (%v), want %s", full, id, err, want)
			}
		}
	}
	// Two names in one archive.
	path := filepath.Join(t.TempDir(), "out.tar")
	mustWrite(t, path, fixtures["gzip"].build(t), WriteOptions{Names: []string{"reg.example/one:v1", "hello-world"}})
	if out, err := podman(t, root, "load", "-q", "-i", path); err != nil {
		t.Errorf("podman load: %v\n%s", err, out)
	}
	for _, n := range []string{"reg.example/one:v1", "docker.io/library/hello-world:latest"} {
		if out, err := podman(t, root, "inspect", "--format", "{{.Id}}", n); err != nil {
			t.Errorf("%s: %v\n%s", n, err, out)
		}
	}
}

// TestDockerLoadsArchives gives our archives to docker load of both stores.
func TestDockerLoadsArchives(t *testing.T) {
	eachDaemon(t, func(t *testing.T, d testDaemon) {
		one, two := "docker-delta-test/archive:v1", "docker-delta-test/archive:v2"
		d.cleanup(t, one, two)
		src := helloFixture(t, 140, "hello from an archive").build(t)
		path := filepath.Join(t.TempDir(), "out.tar")
		res := mustWrite(t, path, src, WriteOptions{Names: []string{one, two}})
		if out, err := d.docker(t, "load", "-i", path); err != nil {
			t.Fatalf("docker load: %v\n%s", err, out)
		}
		want := res.ImageID
		if d.containerd {
			want = res.Manifest.Digest
		}
		for _, n := range []string{one, two} {
			out, err := d.docker(t, "inspect", "--format", "{{.Id}}", n)
			if err != nil || strings.TrimSpace(out) != want.String() {
				t.Errorf("%s is %s (%v), want %s", n, out, err, want)
			}
		}
		if out, err := d.docker(t, "run", "--rm", "--network=none", one); err != nil || !strings.Contains(out, "hello from an archive") {
			t.Errorf("docker run: %v %s", err, out)
		}
		// And back: docker save of several images, in a compressed file.
		other := fixture{seed: 141, compress: "gzip"}.build(t)
		third := "docker-delta-test/archive-other:v1"
		d.cleanup(t, third)
		mustWrite(t, "docker-daemon:"+third, other, WriteOptions{Options: Options{DockerHost: d.host}})
		saved := filepath.Join(t.TempDir(), "saved.jpg")
		if out, err := exec.Command("sh", "-c", "docker -H '"+d.host+"' save "+one+" "+third+" | gzip > "+saved).CombinedOutput(); err != nil {
			t.Fatalf("docker save: %v\n%s", err, out)
		}
		same(t, src, mustOpen(t, saved+":"+one, Options{}), false)
		same(t, other, mustOpen(t, "docker-archive:"+saved+":"+third, Options{}), d.containerd)
	})
}
