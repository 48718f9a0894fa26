package cli

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker-delta/docker-delta/internal/testrig"
)

// stopper cancels when a text comes by.
type stopper struct {
	at     string
	cancel context.CancelFunc
	bytes.Buffer
}

func (s *stopper) Write(p []byte) (int, error) {
	s.Buffer.Write(p)
	if strings.Contains(s.String(), s.at) {
		s.cancel()
	}
	return len(p), nil
}

// isEmpty fails if a directory has anything but the named files in it.
func isEmpty(t *testing.T, dir string, but ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.Contains(" "+strings.Join(but, " ")+" ", " "+e.Name()+" ") {
			t.Errorf("%s was left behind in %s", e.Name(), dir)
		}
	}
}

func TestInterrupt(t *testing.T) {
	images := t.TempDir()
	v1, v2 := demoFile(t, images, 1), demoFile(t, images, 2)
	packed := filepath.Join(images, "app.delta")
	mustRun(t, "create", "--level", "fast", v1, v2, "-o", packed)
	for _, c := range []struct {
		stage string
		args  []string
	}{
		// As --debug tells that a stage is over, in the middle of the work.
		{"read base took", []string{"create", "--debug", v1, v2, "-o"}},
		{"unwrap target took", []string{"create", "--debug", v1, v2, "-o"}},
		{"match took", []string{"create", "--debug", v1, v2, "-o"}},
		{"read base took", []string{"apply", "--debug", packed, "--base", v1, "--to"}},
		{"platform", []string{"apply", "--debug", packed, "--base", v1, "--to"}},
	} {
		out, tmp := t.TempDir(), t.TempDir()
		ctx, cancel := context.WithCancel(context.Background())
		errs := &stopper{at: c.stage, cancel: cancel}
		args := append(c.args, filepath.Join(out, "result"), "--temp-dir", tmp)
		if code := Run(ctx, args, nil, new(bytes.Buffer), errs); code != ExitInterrupted {
			t.Errorf("%s while %q: exit code %d: %s", c.args[0], c.stage, code, errs)
		}
		cancel()
		isEmpty(t, out)
		isEmpty(t, tmp)
	}
}

// A full disk, whether for the result or for temporary files, leaves nothing
// and says where room is missing.
func TestFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		testrig.Missing(t, "mounting a small file system needs root")
		return
	}
	images := t.TempDir()
	v1, v2 := demoFile(t, images, 1), demoFile(t, images, 2)
	packed := filepath.Join(images, "app.delta")
	mustRun(t, "create", "--level", "fast", v1, v2, "-o", packed)

	full := t.TempDir()
	if b, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=64k", "none", full).CombinedOutput(); err != nil {
		testrig.Missing(t, "mount: %v: %s", err, b)
		return
	}
	defer exec.Command("umount", full).Run()
	result := filepath.Join(full, "result")
	for name, args := range map[string][]string{
		"delta":            {"create", "--no-base", v2, "-o", result},
		"docker-archive":   {"apply", packed, "--base", v1, "--to", result},
		"oci-archive":      {"apply", packed, "--base", v1, "--to", "oci-archive:" + result},
		"oci layout":       {"apply", packed, "--base", v1, "--to", "oci:" + result},
		"dir":              {"apply", packed, "--base", v1, "--to", "dir:" + result},
		"temporary create": {"create", v1, v2, "-o", filepath.Join(images, "x"), "--temp-dir", full},
		"temporary apply":  {"apply", packed, "--base", v1, "--to", filepath.Join(images, "x"), "--temp-dir", full},
		"patch":            {"file", "create", packed, v2, "-o", result},
	} {
		code, _, errs := run(t, args...)
		if code != ExitFailure || !strings.Contains(errs, "no space left") {
			t.Errorf("%s: exit code %d: %s", name, code, errs)
		}
		if strings.HasPrefix(name, "temporary") && !strings.Contains(errs, "--temp-dir") {
			t.Errorf("%s: no remedy in %q", name, errs)
		}
		isEmpty(t, full)
		isEmpty(t, images, "demo-v1", "demo-v2", "app.delta")
	}
}

func TestNoPermission(t *testing.T) {
	dir := t.TempDir()
	v1 := demoFile(t, dir, 1)
	locked := filepath.Join(dir, "locked")
	if err := os.Mkdir(locked, 0o500); err != nil {
		t.Fatal(err)
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
		c := exec.Command("setpriv", "--reuid", "65534", "--clear-groups", program, "create", "--level", "fast", v1, v1, "-o", filepath.Join(locked, "x"))
		c.Env = append(os.Environ(), "TMPDIR=/tmp")
		b, err := c.CombinedOutput()
		if err == nil || !bytes.Contains(b, []byte("permission denied")) {
			t.Errorf("%v: %s", err, b)
		}
		return
	}
	code, _, errs := run(t, "create", "--level", "fast", v1, v1, "-o", filepath.Join(locked, "x"))
	if code != ExitFailure || !strings.Contains(errs, "permission denied") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}
