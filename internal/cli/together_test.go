package cli

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/internal/testrig"
)

// Several applies at once, with one result for all and one place for temporary
// files, all end well, and the result is one whole image.
func TestAppliesAtOnce(t *testing.T) {
	images := t.TempDir()
	v1, v2 := demoFile(t, images, 1), demoFile(t, images, 2)
	packed := filepath.Join(images, "app.delta")
	mustRun(t, "create", "--level", "fast", v1, v2, "-o", packed)
	for _, transport := range []string{"docker-archive:", "oci-archive:", "oci:", "dir:"} {
		out, tmp := t.TempDir(), t.TempDir()
		result := transport + filepath.Join(out, "result")
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				var errs bytes.Buffer
				args := []string{"apply", packed, "--base", v1, "--to", result, "--temp-dir", tmp}
				if code := Run(context.Background(), args, nil, new(bytes.Buffer), &errs); code != ExitOK {
					t.Errorf("%s: exit code %d: %s", transport, code, &errs)
				}
			})
		}
		wg.Wait()
		isEmpty(t, out, "result")
		isEmpty(t, tmp)
		wanted, got := openImage(t, v2), openImage(t, result)
		if !bytes.Equal(wanted.Config(), got.Config()) {
			t.Errorf("%s: another image", transport)
		}
		for i, l := range got.Layers() {
			rc, err := l.Plain(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, rc); err != nil { // ends well only with the right digest
				t.Errorf("%s: layer %d: %v", transport, i+1, err)
			}
			rc.Close()
		}
	}
}

func openImage(t *testing.T, ref string) image.Source {
	t.Helper()
	img, err := image.Open(t.Context(), ref, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { img.Close() })
	return img
}

// A directory that cannot be written to, be it that of the result or that of temporary
// files, is named, and nothing is left.
func TestReadOnlyDirectory(t *testing.T) {
	dir := t.TempDir()
	v1, v2 := demoFile(t, dir, 1), demoFile(t, dir, 2)
	packed := filepath.Join(dir, "app.delta")
	mustRun(t, "create", "--level", "fast", v1, v2, "-o", packed)
	locked, free := filepath.Join(dir, "locked"), filepath.Join(dir, "free")
	for name, mode := range map[string]os.FileMode{locked: 0o555, free: 0o777} {
		if err := os.Mkdir(name, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	try := func(args ...string) (int, string) {
		code, _, errs := run(t, args...)
		return code, errs
	}
	if os.Geteuid() == 0 {
		// Nothing is forbidden to root, so another user tries.
		program := filepath.Join(dir, "docker-delta")
		testrig.Run(t, "go", "build", "-o", program, "../../cmd/docker-delta")
		for _, d := range []string{dir, filepath.Dir(dir)} {
			if err := os.Chmod(d, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		try = func(args ...string) (int, string) {
			c := exec.Command("setpriv", append([]string{"--reuid", "65534", "--clear-groups", program}, args...)...)
			c.Env = append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME=")
			b, err := c.CombinedOutput()
			if c.ProcessState == nil {
				t.Fatal(err)
			}
			return c.ProcessState.ExitCode(), string(b)
		}
	}
	to := func(transport, dir string) []string {
		return []string{"apply", packed, "--base", v1, "--to", transport + filepath.Join(dir, "x")}
	}
	for name, args := range map[string][]string{
		"docker-archive": append(to("", locked), "--temp-dir", free),
		"oci-archive":    append(to("oci-archive:", locked), "--temp-dir", free),
		"oci layout":     append(to("oci:", locked), "--temp-dir", free),
		"dir":            append(to("dir:", locked), "--temp-dir", free),
		"temporary":      append(to("", free), "--temp-dir", locked),
		"create":         {"create", "--level", "fast", v1, v2, "-o", filepath.Join(locked, "x"), "--temp-dir", free},
	} {
		if code, errs := try(args...); code != ExitFailure || !strings.Contains(errs, "permission denied") || !strings.Contains(errs, locked) {
			t.Errorf("%s: exit code %d: %s", name, code, errs)
		}
		isEmpty(t, locked)
		isEmpty(t, free)
	}
	if code, errs := try(append(to("", free), "--temp-dir", free)...); code != ExitOK {
		t.Errorf("where it may write: exit code %d: %s", code, errs)
	}
}
