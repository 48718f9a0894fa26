package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/docker-delta/docker-delta/internal/testrig"
)

func put(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// A release takes the place of a release, and of nothing else.
func TestReplace(t *testing.T) {
	made := func(dir string, files ...string) string {
		r := testRelease(t)
		r.out = dir
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			if err := r.write(name, []byte(name)); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.checksums(); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	top := t.TempDir()
	out := filepath.Join(top, "dist")
	for _, files := range [][]string{{"a", "b"}, {"b", "c"}} { // where nothing is, then over the first
		if err := replace(made(filepath.Join(top, "new"), files...), out); err != nil {
			t.Fatal(err)
		}
		if got := testrig.Names(t, out); !slices.Equal(got, append([]string{sums}, files...)) {
			t.Errorf("%v in place of %v", got, files)
		}
	}
	put(t, out, "notes")
	fresh := made(filepath.Join(top, "new"), "d")
	if err := replace(fresh, out); err == nil || !strings.Contains(err.Error(), "notes") {
		t.Errorf("notes of somebody: %v", err)
	}
	if got := testrig.Names(t, out); !slices.Equal(got, []string{sums, "b", "c", "notes"}) {
		t.Errorf("left: %v", got)
	}
	inner := made(filepath.Join(top, "other"), "a")
	if err := os.Remove(filepath.Join(inner, "a")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(inner, "a"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := replace(fresh, inner); err == nil {
		t.Error("a directory of a file's name is replaced")
	}
	empty := t.TempDir()
	if err := replace(fresh, empty); err != nil || len(testrig.Names(t, empty)) != 2 {
		t.Errorf("an empty directory: %v", err)
	}
}

// It is refused before anything is built, and a failed release leaves no trace.
func TestMakeLeavesOthersAlone(t *testing.T) {
	r := testRelease(t)
	put(t, r.out, "notes")
	if err := r.make(context.Background()); err == nil || !strings.Contains(err.Error(), "notes") {
		t.Errorf("%v", err)
	}
	top := t.TempDir()
	r.out, r.source = filepath.Join(top, "dist"), t.TempDir() // which is no module
	if err := r.make(context.Background()); err == nil {
		t.Error("a release of nothing is made")
	}
	if left := testrig.Names(t, top); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestUncommitted(t *testing.T) {
	testrig.Program(t, "git")
	// Whoever runs the test may have settings for all repositories.
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	t.Setenv("GIT_CONFIG_SYSTEM", os.DevNull)
	r := testRelease(t)
	r.source = t.TempDir()
	git := func(args ...string) {
		t.Helper()
		testrig.Run(t, "git", append([]string{"-C", r.source, "-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...)
	}
	git("init", "-q")
	put(t, r.source, "known")
	git("add", "known")
	git("commit", "-q", "-m", "first")
	if err := r.uncommitted(false); err != nil || r.version != "v1.2.3-rc1" {
		t.Errorf("clean: %s, %v", r.version, err)
	}
	put(t, r.source, "unknown")
	if err := r.uncommitted(false); err == nil || !strings.Contains(err.Error(), "unknown") || !strings.Contains(err.Error(), "-dirty") {
		t.Errorf("dirty: %v", err)
	}
	for range 2 { // marked once
		if err := r.uncommitted(true); err != nil || r.version != "v1.2.3-rc1-dirty" {
			t.Errorf("dirty: %s, %v", r.version, err)
		}
	}
}
