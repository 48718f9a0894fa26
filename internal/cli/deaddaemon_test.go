package cli

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker-delta/docker-delta/internal/testrig"
)

const deadName = "docker-delta-test/dead"

// deadImages are a base and a delta to an image of some megabytes.
func deadImages(t *testing.T) (base, packed string) {
	t.Helper()
	dir := t.TempDir()
	noise := make([]byte, 4<<20)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(noise)
	var paths []string
	for version := 1; version <= 2; version++ {
		layer := testrig.Layer(testrig.File{Name: "noise", Data: noise}, testrig.File{Name: "version", Data: fmt.Append(nil, version)})
		path := filepath.Join(dir, fmt.Sprintf("v%d.tar", version))
		testrig.Image{Name: fmt.Sprintf("%s:v%d", deadName, version), Cmd: []string{"/none"}, Layers: [][]byte{layer}}.SaveDockerArchive(t, path)
		paths = append(paths, path)
	}
	packed = filepath.Join(dir, "dead.delta")
	mustRun(t, "create", "--level", "fast", paths[0], paths[1], "-o", packed)
	return paths[0], packed
}

// loadIsCut applies to a daemon behind a cutter: the load fails, tells of it, and
// leaves neither files nor the image's name.
func loadIsCut(t *testing.T, c *testrig.Cutter, base, packed string) {
	t.Helper()
	tmp := t.TempDir()
	code, _, errs := run(t, "-H", c.Host, "apply", packed, "--base", base, "--temp-dir", tmp)
	if !c.Done() {
		t.Fatalf("nothing was cut: exit code %d: %s", code, errs)
	}
	if code != ExitFailure || !strings.Contains(errs, "the daemon did not load the image") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	if strings.Contains(errs, "panic") || strings.Count(strings.TrimSpace(errs), "\n") > 4 {
		t.Errorf("not a short message: %s", errs)
	}
	t.Logf("it says: %s", strings.TrimSpace(errs))
	isEmpty(t, tmp)
}

// The connection to a daemon is cut in the middle of a load.
func TestConnectionCutInLoad(t *testing.T) {
	d := testrig.Docker(t)
	base, packed := deadImages(t)
	d.Remove(t, deadName+":v2")
	for _, at := range []struct {
		name   string
		bytes  int64
		answer bool
	}{{"at its start", 5000, false}, {"in its middle", 2 << 20, false}, {"before the answer", 4 << 20, true}} {
		t.Run(at.name, func(t *testing.T) {
			c := testrig.NewCutter(t, d)
			c.After, c.Answer = at.bytes, at.answer
			loadIsCut(t, c, base, packed)
			if d.Has(t, deadName+":v2") {
				t.Error("an image that failed has its name")
			}
			c.After = 0
			mustRun(t, "-H", c.Host, "apply", packed, "--base", base)
			if !d.Has(t, deadName+":v2") {
				t.Error("the next run succeeds, and there is no image")
			}
			d.Remove(t, deadName+":v2")
		})
	}
}

// A real daemon is killed in the middle of a load and started again.
func TestDaemonKilledInLoad(t *testing.T) {
	d := testrig.OwnDocker(t)
	base, packed := deadImages(t)
	for _, at := range []struct {
		bytes  int64
		answer bool
	}{{2 << 20, false}, {4 << 20, true}} {
		c := testrig.NewCutter(t, d.Daemon)
		c.After, c.Answer, c.Cut = at.bytes, at.answer, d.Kill
		loadIsCut(t, c, base, packed)
		c.After = 0
		code, _, errs := run(t, "-H", c.Host, "apply", packed, "--base", base)
		if code != ExitFailure || errs == "" {
			t.Errorf("no daemon: exit code %d: %s", code, errs)
		}
		d.Start(t)
		if d.Has(t, deadName+":v2") {
			t.Error("an image that failed has its name")
		}
		mustRun(t, "-H", c.Host, "apply", packed, "--base", base)
		if !d.Has(t, deadName+":v2") {
			t.Error("the next run succeeds, and there is no image")
		}
		d.Remove(t, deadName+":v2")
	}
}
