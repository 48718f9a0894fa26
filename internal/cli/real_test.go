package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker-delta/docker-delta/internal/demo"
	"github.com/docker-delta/docker-delta/internal/testrig"
)

// The tests here talk to real daemons, registries and tools; see testrig for
// where they come from and when they are skipped.

const helloName = "docker-delta-test/hello-world"

// buildHello makes a version of the image with docker itself.
func buildHello(t *testing.T, d testrig.Daemon, tag string, version int) string {
	t.Helper()
	name := helloName + ":" + tag
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "hello"), testrig.Hello(t, version), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM scratch\nCOPY hello /hello\nCMD [\"/hello\"]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DOCKER_BUILDKIT", "0")
	d.Remove(t, name)
	d.Command(t, "build", "-q", "-t", name, dir)
	return name
}

// stores runs a test against the classic and the containerd image store.
func stores(t *testing.T, test func(t *testing.T, d testrig.Daemon)) {
	t.Run("classic", func(t *testing.T) { test(t, testrig.Docker(t)) })
	t.Run("containerd", func(t *testing.T) { test(t, testrig.DockerContainerd(t)) })
}

// loadHello puts a version of the image into a daemon that may not build.
func loadHello(t *testing.T, d testrig.Daemon, tag string, version int) string {
	t.Helper()
	if d == testrig.Docker(t) {
		return buildHello(t, d, tag, version)
	}
	classic := testrig.Docker(t)
	name := buildHello(t, classic, tag, version)
	path := filepath.Join(t.TempDir(), "hello.tar")
	classic.Command(t, "save", "-o", path, name)
	d.Remove(t, name)
	d.Command(t, "load", "-i", path)
	return name
}

// The founding scenario: an image that was saved to a file, removed from the
// daemon, and comes back by its name from the file and a delta.
func TestFoundingScenario(t *testing.T) {
	stores(t, func(t *testing.T, d testrig.Daemon) {
		dir := t.TempDir()
		saved, packed := filepath.Join(dir, "hello-world.tar"), filepath.Join(dir, "hello.delta")

		v1 := loadHello(t, d, "latest", 1)
		d.Command(t, "save", "-o", saved, v1)
		mustRun(t, "-H", d.Host, "create", saved, saved, "-o", packed)
		d.Remove(t, v1)
		if got := mustRun(t, "-H", d.Host, "apply", packed, "--base", saved); !strings.Contains(got, helloName) {
			t.Errorf("apply printed %q", got)
		}
		if got := d.RunImage(t, v1); got != testrig.Greeting(1) {
			t.Errorf("the image says %q", got)
		}

		// The same with a second version as target, and the base in the daemon.
		v2 := loadHello(t, d, "v2", 2)
		second := filepath.Join(dir, "second.tar")
		d.Command(t, "save", "-o", second, v2)
		mustRun(t, "-H", d.Host, "create", saved, second, "-o", packed)
		d.Remove(t, v2)
		mustRun(t, "-H", d.Host, "apply", packed)
		if got := d.RunImage(t, v2); got != testrig.Greeting(2) {
			t.Errorf("the image says %q", got)
		}
		mustRun(t, "-H", d.Host, "apply", packed, "--tag", helloName+":other", "--tag", helloName+":third")
		for _, tag := range []string{":other", ":third"} {
			if got := d.RunImage(t, helloName+tag); got != testrig.Greeting(2) {
				t.Errorf("%s says %q", tag, got)
			}
		}
		d.Remove(t, helloName+":other", helloName+":third")
	})
}

// Both images in the daemon, the result in the other daemon.
func TestFromDaemonToDaemon(t *testing.T) {
	classic, containerd := testrig.Docker(t), testrig.DockerContainerd(t)
	for _, pair := range [][2]testrig.Daemon{{classic, containerd}, {containerd, classic}} {
		from, to := pair[0], pair[1]
		v1, v2 := loadHello(t, from, "v1", 1), loadHello(t, from, "v2", 2)
		dir := t.TempDir()
		packed, base := filepath.Join(dir, "d"), filepath.Join(dir, "base.tar")
		mustRun(t, "-H", from.Host, "create", v1, v2, "-o", packed)
		from.Command(t, "save", "-o", base, v1)
		to.Remove(t, v1, v2)
		to.Command(t, "load", "-i", base)
		mustRun(t, "-H", to.Host, "apply", packed)
		if got := to.RunImage(t, v2); got != testrig.Greeting(2) {
			t.Errorf("the image says %q", got)
		}
		to.Remove(t, v1, v2)
		from.Remove(t, v1, v2)
	}
}

func TestBaseIsNotInTheDaemon(t *testing.T) {
	d := testrig.Docker(t)
	dir := t.TempDir()
	v1, v2 := demoFile(t, dir, 1), demoFile(t, dir, 2)
	packed := filepath.Join(dir, "d")
	mustRun(t, "create", v1, v2, "-o", packed)
	code, _, errs := run(t, "-H", d.Host, "apply", packed)
	if code != ExitBase || !strings.Contains(errs, "docker-delta-demo:v1") || !strings.Contains(errs, "--base") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

func demoFile(t *testing.T, dir string, version int) string {
	t.Helper()
	var b bytes.Buffer
	if err := demo.WriteImage(&b, version); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "demo-v"+string(rune('0'+version)))
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// manifestDigest asks skopeo.
func manifestDigest(t *testing.T, ref string) string {
	t.Helper()
	args := []string{"inspect", "--format", "{{.Digest}}", ref}
	if strings.HasPrefix(ref, "docker://") {
		args = append(args, "--tls-verify=false")
	}
	return testrig.Run(t, "skopeo", args...)
}

// Whatever compressed the target's layers, the manifest digest comes back, in
// an archive and in a registry; also when the base lies in a daemon that keeps
// no blobs.
func TestManifestComesBack(t *testing.T) {
	daemon := testrig.Docker(t)
	registry := testrig.Registry(t)
	dir := t.TempDir()
	v1, v2 := demoFile(t, dir, 1), demoFile(t, dir, 2)
	skopeo := func(args ...string) {
		t.Helper()
		testrig.Run(t, "skopeo", append([]string{"copy", "--quiet", "--src-tls-verify=false", "--dest-tls-verify=false"}, args...)...)
	}
	base := "localhost/docker-delta-test/demo:v1"
	daemon.Remove(t, base, "docker-delta-demo:v2")
	testrig.Program(t, "skopeo")
	mustRun(t, "-H", daemon.Host, "apply", selfContained(t, dir, v1), "--tag", base)

	targets := map[string]func(t *testing.T) string{
		"go gzip": func(*testing.T) string { return "oci-archive:" + v2 },
		"docker push": func(t *testing.T) string {
			name := registry + "/demo:pushed"
			mustRun(t, "-H", daemon.Host, "apply", selfContained(t, dir, v2), "--tag", name)
			defer daemon.Remove(t, name)
			// A daemon trusts registries on the loopback address.
			daemon.Command(t, "push", "-q", name)
			return "docker://" + name
		},
		"skopeo gzip": func(t *testing.T) string {
			plain := filepath.Join(t.TempDir(), "plain.tar")
			mustRun(t, "apply", selfContained(t, dir, v2), "--to", plain)
			skopeo("docker-archive:"+plain, "docker://"+registry+"/demo:skopeo")
			return "docker://" + registry + "/demo:skopeo"
		},
		"skopeo zstd": func(t *testing.T) string {
			plain := filepath.Join(t.TempDir(), "plain.tar")
			mustRun(t, "apply", selfContained(t, dir, v2), "--to", plain)
			skopeo("--dest-compress-format", "zstd", "docker-archive:"+plain, "docker://"+registry+"/demo:zstd")
			return "docker://" + registry + "/demo:zstd"
		},
	}
	for name, make := range targets {
		t.Run(name, func(t *testing.T) {
			ref := make(t)
			want := manifestDigest(t, ref)
			packed := filepath.Join(t.TempDir(), "d")
			mustRun(t, "-H", daemon.Host, "create", "--tls-verify=false", "--exact", "auto", base, ref, "-o", packed)
			archive := filepath.Join(t.TempDir(), "rebuilt")
			mustRun(t, "-H", daemon.Host, "apply", packed, "--base", base, "--to", "oci-archive:"+archive)
			if got := manifestDigest(t, "oci-archive:"+archive); got != want {
				t.Errorf("oci-archive: %s, want %s", got, want)
			}
			again := "docker://" + registry + "/again/" + strings.ReplaceAll(name, " ", "-") + ":v2"
			mustRun(t, "-H", daemon.Host, "apply", "--tls-verify=false", packed, "--base", base, "--to", again)
			if got := manifestDigest(t, again); got != want {
				t.Errorf("registry: %s, want %s", got, want)
			}
			var info struct {
				Layers []struct{ Blobs []struct{ Recipe int } }
			}
			if err := json.Unmarshal([]byte(mustRun(t, "inspect", "--format", "json", packed)), &info); err != nil {
				t.Fatal(err)
			}
			for i, l := range info.Layers {
				for _, b := range l.Blobs {
					if b.Recipe == 0 || b.Recipe > 100 {
						t.Errorf("layer %d: a recipe of %d bytes", i, b.Recipe)
					}
				}
			}
		})
	}
	daemon.Remove(t, base)
}

// selfContained is a delta without a base: a way to bring a file to a daemon.
func selfContained(t *testing.T, dir, path string) string {
	t.Helper()
	out := filepath.Join(dir, filepath.Base(path)+".alone")
	if _, err := os.Stat(out); err != nil {
		mustRun(t, "create", "--level", "fast", "--no-base", path, "-o", out)
	}
	return out
}

// A package is an artifact like others: skopeo carries it into a registry and
// back, unharmed.
func TestSkopeoCarriesPackages(t *testing.T) {
	testrig.Program(t, "skopeo")
	registry := testrig.Registry(t)
	dir := t.TempDir()
	v1, v2 := demoFile(t, dir, 1), demoFile(t, dir, 2)
	packed := filepath.Join(dir, "app.delta")
	mustRun(t, "create", v1, v2, "-o", packed)
	testrig.Run(t, "skopeo", "copy", "--quiet", "--dest-tls-verify=false", "oci-archive:"+packed, "docker://"+registry+"/deltas:v1-v2")
	back, layout := filepath.Join(dir, "back.delta"), filepath.Join(dir, "layout")
	testrig.Run(t, "skopeo", "copy", "--quiet", "--src-tls-verify=false", "docker://"+registry+"/deltas:v1-v2", "oci-archive:"+back)
	testrig.Run(t, "skopeo", "copy", "--quiet", "--src-tls-verify=false", "docker://"+registry+"/deltas:v1-v2", "oci:"+layout+":x")
	for _, path := range []string{back, layout} {
		mustRun(t, "verify", path, "--base", v1)
	}
	digest := "{{.Manifest}}"
	if a, b := mustRun(t, "inspect", packed, "--format", digest), mustRun(t, "inspect", back, "--format", digest); a != b {
		t.Errorf("the package's manifest changed: %s, %s", a, b)
	}
}

// podman takes what we write for docker load.
func TestPodmanLoads(t *testing.T) {
	testrig.Program(t, "podman")
	dir := t.TempDir()
	v1, v2 := demoFile(t, dir, 1), demoFile(t, dir, 2)
	packed, out := filepath.Join(dir, "d"), filepath.Join(dir, "out.tar")
	mustRun(t, "create", "--level", "fast", v1, v2, "-o", packed)
	mustRun(t, "apply", packed, "--base", v1, "--to", out)
	podman := func(args ...string) string {
		return testrig.Run(t, "podman", append([]string{"--root", filepath.Join(dir, "root"), "--runroot", filepath.Join(dir, "run"), "--storage-driver", "vfs"}, args...)...)
	}
	podman("load", "-q", "-i", out)
	want := mustRun(t, "inspect", packed, "--format", "{{(index .Targets 0).ID}}")
	if got := podman("image", "inspect", "--format", "{{.Id}}", demo.Name+":v2"); "sha256:"+got != want {
		t.Errorf("podman has %s, want %s", got, want)
	}
	podman("rmi", "-f", demo.Name+":v2")
}

// zstd's own compressor is not among the encoders, and there are no corrections
// for its format.
func TestWithoutRecipe(t *testing.T) {
	ref := through(zstdLayer, "zstd", "-q", "-3", "-c")(t)
	t.Run("require", func(t *testing.T) { comesBack(t, ref, "", 0, "--exact", "require") })
	t.Run("auto", func(t *testing.T) {
		dir := t.TempDir()
		base, packed := filepath.Join(dir, "base.tar"), filepath.Join(dir, "d")
		producedImage(1).SaveDockerArchive(t, base)
		code, _, errs := run(t, "create", "--level", "fast", "docker-archive:"+base, ref, "-o", packed)
		if code != ExitOK || strings.Count(errs, "warning: a compressed layer will not come back") != 2 {
			t.Errorf("create: exit code %d\n%s", code, errs)
		}
		if got := mustRun(t, "inspect", packed); !strings.Contains(got, "does not come back") {
			t.Errorf("inspect does not say that the manifest is lost:\n%s", got)
		}
		// The image comes back all the same, with another manifest.
		out := filepath.Join(dir, "out")
		mustRun(t, "apply", packed, "--base", base, "--to", "oci-archive:"+out)
		config := func(ref string) string { return testrig.Digest(skopeoRaw(t, "--config", ref)) }
		if got, want := config("oci-archive:"+out), producedImage(2).ID(); got != want {
			t.Errorf("image ID %s, want %s", got, want)
		}
	})
}

// skopeoRaw gives the manifest's bytes, or with --config those of the config.
func skopeoRaw(t *testing.T, args ...string) []byte {
	t.Helper()
	out, err := exec.Command(testrig.Program(t, "skopeo"), append([]string{"inspect", "--raw"}, args...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestSignatureHolds: a signature over the manifest that was sent verifies on
// the manifest that was rebuilt, and on no other.
func TestSignatureHolds(t *testing.T) {
	testrig.Program(t, "gpg")
	home, err := os.MkdirTemp("", "gpg") // its socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GNUPGHOME", home)
	t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--kill", "all").Run()
		_ = os.RemoveAll(home)
	})
	testrig.Run(t, "gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", "publisher@example.com", "rsa2048", "sign", "never")
	fingerprint := ""
	for _, line := range strings.Split(testrig.Run(t, "gpg", "--batch", "--with-colons", "--list-keys"), "\n") {
		if f := strings.Split(line, ":"); f[0] == "fpr" {
			fingerprint = f[9]
		}
	}
	dir := t.TempDir()
	file := func(name, ref string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, skopeoRaw(t, ref), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ref := through(gzipLayer, "gzip", "-9n")(t)
	const name = "registry.example/app:v2"
	signature := filepath.Join(dir, "signature")
	testrig.Run(t, "skopeo", "standalone-sign", file("sent", ref), name, fingerprint, "-o", signature)

	rebuilt := file("rebuilt", comesBack(t, ref, "GNU gzip", 0))
	t.Log(testrig.Run(t, "skopeo", "standalone-verify", rebuilt, name, fingerprint, signature))

	other := file("other", through(gzipLayer, "gzip", "-1n")(t))
	if out, err := exec.Command("skopeo", "standalone-verify", other, name, fingerprint, signature).CombinedOutput(); err == nil {
		t.Errorf("the signature verifies on another manifest: %s", out)
	}
}
