//go:build unix

package tempfile

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/docker-delta/docker-delta/internal/testrig"
)

const helperDir = "DOCKER_DELTA_TEST_TEMPFILE_DIR"

// TestMain is also the program that makes temporary files and is killed.
func TestMain(m *testing.M) {
	dir := os.Getenv(helperDir)
	if dir == "" {
		os.Exit(m.Run())
	}
	f, err := Create(dir, 0o600)
	if err == nil {
		_, err = f.WriteString("half")
	}
	if err == nil {
		var d *Dir
		if d, err = MakeDir(dir, 0o700); err == nil {
			err = os.WriteFile(filepath.Join(d.Path, "x"), []byte("half"), 0o600)
		}
	}
	if err == nil {
		_, err = Anonymous(dir)
	}
	fmt.Println("ready", err)
	time.Sleep(time.Hour)
}

// What a killed process leaves is swept, and what a living one has is not.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	mine, err := Create(dir, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer mine.Close()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helperDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "ready <nil>\n" {
		t.Fatalf("%q, %v", line, err)
	}
	// Times are no sign of age: clocks jump.
	old := time.Unix(1, 0)
	for _, name := range testrig.Names(t, dir) {
		if err := os.Chtimes(filepath.Join(dir, name), old, old); err != nil {
			t.Fatal(err)
		}
	}
	Sweep(dir)
	if got := testrig.Names(t, dir); len(got) != 3 { // the anonymous file has no name
		t.Errorf("while it lives: %v", got)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	future := time.Now().Add(1000 * time.Hour)
	for _, name := range testrig.Names(t, dir) {
		if err := os.Chtimes(filepath.Join(dir, name), future, future); err != nil {
			t.Fatal(err)
		}
	}
	Sweep(dir)
	if got := testrig.Names(t, dir); len(got) != 1 || got[0] != filepath.Base(mine.Name()) {
		t.Errorf("after its death: %v", got)
	}
}

// Only what is certainly a temporary file of ours is taken away.
func TestSweepLeavesTheRest(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	kept := filepath.Join(elsewhere, "kept")
	name := func(middle string) string { return filepath.Join(dir, prefix+middle+suffix) }
	for _, path := range []string{kept, filepath.Join(dir, "app.tmp"), name("short"), name("lowercaselowerca"), name("ABCDEFGHIJKLMNOP") + "x"} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for at, path := range map[string]string{"AAAAAAAAAAAAAAAA": kept, "BBBBBBBBBBBBBBBB": elsewhere} {
		if err := os.Symlink(path, name(at)); err != nil {
			t.Fatal(err)
		}
	}
	other := name("CCCCCCCCCCCCCCCC")
	want := 6
	if os.Geteuid() == 0 {
		want++
		if err := os.WriteFile(other, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(other, 65534, 65534); err != nil {
			t.Fatal(err)
		}
	}
	Sweep(dir)
	if got := testrig.Names(t, dir); len(got) != want {
		t.Errorf("left of %d: %v", want, got)
	}
	if _, err := os.Stat(kept); err != nil {
		t.Error(err)
	}
	Sweep(filepath.Join(dir, "missing"))
}

// Sweepers never take away what a living process has just made.
func TestSweepersAndMakers(t *testing.T) {
	dir := t.TempDir()
	stop := make(chan struct{})
	var sweepers, makers sync.WaitGroup
	for range 2 {
		sweepers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					Sweep(dir)
				}
			}
		})
	}
	for range 4 {
		makers.Go(func() {
			for range 200 {
				f, err := Create(dir, 0o600)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := os.Stat(f.Name()); err != nil {
					t.Error(err)
				}
				os.Remove(f.Name())
				f.Close()
				d, err := MakeDir(dir, 0o700)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := os.Stat(d.Path); err != nil {
					t.Error(err)
				}
				if err := d.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	makers.Wait()
	close(stop)
	sweepers.Wait()
	Sweep(dir)
	if left := testrig.Names(t, dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestAnonymous(t *testing.T) {
	dir := t.TempDir()
	f, err := Anonymous(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("abc"), 5); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 3)
	if _, err := f.ReadAt(b, 5); err != nil || string(b) != "abc" {
		t.Errorf("%q, %v", b, err)
	}
	if left := testrig.Names(t, dir); len(left) != 0 {
		t.Errorf("it has a name: %v", left)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if _, err := Anonymous(filepath.Join(dir, "missing")); err == nil {
		t.Error("a directory that does not exist was accepted")
	}
}

func TestExchange(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	for _, path := range []string{a, b} {
		if err := os.WriteFile(path, []byte(path), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := Exchange(a, b); err != nil {
		t.Skip(err)
	}
	if got, _ := os.ReadFile(a); string(got) != b {
		t.Errorf("a holds %q", got)
	}
	if err := Exchange(a, filepath.Join(dir, "missing")); err == nil {
		t.Error("a missing name was exchanged")
	}
}
