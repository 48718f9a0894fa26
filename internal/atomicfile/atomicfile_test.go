package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker-delta/docker-delta/internal/testrig"
)

func TestNothingIsLeftBehind(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out")
	f, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the file is visible before it is whole")
	}
	f.Abort()
	if left := testrig.Names(t, dir); len(left) != 0 {
		t.Errorf("after Abort: %v", left)
	}
	if err := WriteFile(path, []byte("old")); err != nil {
		t.Fatal(err)
	}
	f, err = Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("half"); err != nil {
		t.Fatal(err)
	}
	f.Abort()
	if b, _ := os.ReadFile(path); string(b) != "old" {
		t.Errorf("an aborted write changed the file: %q", b)
	}
}

func TestLinksStayLinks(t *testing.T) {
	dir := t.TempDir()
	real, link := filepath.Join(dir, "real"), filepath.Join(dir, "link")
	if err := WriteFile(real, []byte("1")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(link, []byte("2")); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(real); string(b) != "2" {
		t.Errorf("the link's target holds %q", b)
	}
	if st, _ := os.Lstat(link); st.Mode()&os.ModeSymlink == 0 {
		t.Error("the link is gone")
	}
}

func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	if _, err := Create(dir); err == nil {
		t.Error("a directory was accepted")
	}
	if _, err := Create(filepath.Join(dir, "no", "file")); err == nil {
		t.Error("a missing directory was accepted")
	}
	if err := WriteFile(os.DevNull, []byte("x")); err != nil {
		t.Errorf("device: %v", err)
	}
}

// A link to a file that does not exist yet makes that file, as the shell does.
func TestDanglingLink(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	link, real := filepath.Join(dir, "link"), filepath.Join(dir, "sub", "real")
	for from, to := range map[string]string{link: "second", filepath.Join(dir, "second"): filepath.Join("sub", "real")} {
		if err := os.Symlink(to, from); err != nil {
			t.Fatal(err)
		}
	}
	if err := WriteFile(link, []byte("2")); err != nil {
		t.Fatal(err)
	}
	if st, _ := os.Lstat(link); st.Mode()&os.ModeSymlink == 0 {
		t.Error("the link is gone")
	}
	if b, err := os.ReadFile(real); string(b) != "2" {
		t.Errorf("%q, %v", b, err)
	}
	loop := filepath.Join(dir, "loop")
	if err := os.Symlink("loop", loop); err != nil {
		t.Fatal(err)
	}
	if WriteFile(loop, nil) == nil {
		t.Error("a link to itself was written through")
	}
}

// A name with as many letters as the file system allows.
func TestLongName(t *testing.T) {
	path := filepath.Join(t.TempDir(), strings.Repeat("x", 255))
	if err := WriteFile(path, []byte("1")); err != nil {
		t.Fatal(err)
	}
}

// A place that takes no files is named as it was given, without the temporary name
// that was tried.
func TestClosedDirectory(t *testing.T) {
	const closed = "/sys" // to root, too
	if f, err := os.Create(filepath.Join(closed, "x")); err == nil || !errors.Is(err, os.ErrPermission) {
		f.Close()
		t.Skip("there is no directory here that is closed to everybody")
	}
	_, err := Create(filepath.Join(closed, "out"))
	if !errors.Is(err, os.ErrPermission) || !strings.HasPrefix(err.Error(), "/sys/out: ") || strings.Contains(err.Error(), ".tmp") {
		t.Errorf("%v", err)
	}
}
