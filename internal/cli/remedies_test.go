package cli

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/internal/spool"
)

func TestCreateKeepsItsInputs(t *testing.T) {
	in := filepath.Join(t.TempDir(), "v1.tar")
	if err := os.WriteFile(in, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(list, []byte("- "+in+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"create", in, "v2.tar"},
		{"create", "oci-archive:" + in, "v2.tar"},
		{"create", "--base", in, "--base", "v0.tar", "v2.tar"},
		{"create", "--pair", "v1.tar=" + in},
		{"create", "--list", list},
		{"file", "create", in, "v2.tar"},
	} {
		code, _, stderr := run(t, append(args, "-o", in)...)
		if code != 2 || !strings.Contains(stderr, "would overwrite") {
			t.Errorf("%s: exit %d, %s", args, code, stderr)
		}
	}
}

func TestRemedies(t *testing.T) {
	code, _, stderr := run(t, "diff", "--htm", "x", "a", "b")
	if code != 2 || !strings.Contains(stderr, "docker-delta diff --help lists the flags") {
		t.Errorf("unknown flag: exit %d, %s", code, stderr)
	}
	notes := filepath.Join(t.TempDir(), "notes")
	if err := os.WriteFile(notes, []byte("no delta"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"verify", "nosuch.delta"}, 1, "check the name"},
		{[]string{"inspect", notes}, 1, "give a file that docker-delta create has written"},
		{[]string{"apply", notes, "--to", "foo:bar:baz"}, 2, "foo"},
	} {
		if code, _, stderr := run(t, c.args...); code != c.code || !strings.Contains(stderr, c.want) {
			t.Errorf("%s: exit %d, %s", c.args, code, stderr)
		}
	}
	_, _, stderr = run(t, "-H", "unix:///nonexistent.sock", "create", "a:1", "b:2", "-o", filepath.Join(t.TempDir(), "d"))
	if strings.Count(stderr, "start docker there") != 1 {
		t.Errorf("the remedy is not there once: %s", stderr)
	}
}

// What the system says without a remedy gets one, and nothing gets two.
func TestRemediesOfTheSystem(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("writing x: %w", &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}), "free some space"},
		{&os.PathError{Op: "open", Path: "x", Err: syscall.EACCES}, "a user who may do that"},
		{fmt.Errorf("y: %w", &image.Error{Err: syscall.ENOSPC, Hint: "free some space"}), ""},
		{&image.Error{Err: syscall.EACCES}, "a user who may do that"},
		{fmt.Errorf("y: %w", &image.Error{Err: syscall.EACCES, Hint: "choose a place that you may write to"}), ""},
		{spool.NewRoom(t.TempDir(), 0).Check(math.MaxInt64), ""},
		{errors.New("x"), ""},
	} {
		if got := remedy(c.err); got != c.want && (c.want == "" || !strings.Contains(got, c.want)) {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
}
