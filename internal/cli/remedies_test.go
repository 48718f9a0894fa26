package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCreateKeepsItsInputs(t *testing.T) {
	in := filepath.Join(t.TempDir(), "v1.tar")
	if err := os.WriteFile(in, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{in, "oci-archive:" + in} {
		code, _, stderr := run(t, "create", name, "v2.tar", "-o", in)
		if code != 2 || !strings.Contains(stderr, "would overwrite") {
			t.Errorf("%s: exit %d, %s", name, code, stderr)
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
