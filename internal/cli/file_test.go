package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Patches between plain files: what inspect tells of one, and what is said where one
// does not belong, or where something else stands in its place.
func TestPatches(t *testing.T) {
	dir := t.TempDir()
	write := func(name, data string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	old, other, result := write("old", strings.Repeat("a line\n", 300)), write("other", strings.Repeat("A LINE\n", 300)), filepath.Join(dir, "result")
	target, patch := write("new", strings.Repeat("a line\n", 299)+"the end\n"), filepath.Join(dir, "x.patch")
	mustRun(t, "file", "create", old, target, "-o", patch)
	packed := "../../delta/testdata/vectors/good.delta"
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"inspect", patch}, ExitOK, "between two plain files"},
		{[]string{"inspect", patch}, ExitOK, "old file    2.1 kB, sha256:"},
		{[]string{"inspect", patch, "--format", "{{.Old.Size}} to {{.New.Size}}"}, ExitOK, "2100 to 2101"},
		{[]string{"inspect", patch, "--bytes"}, ExitFailure, "apply it with docker-delta file apply"},
		{[]string{"apply", patch}, ExitFailure, "apply it with docker-delta file apply"},
		{[]string{"file", "apply", target, patch, "-o", result}, ExitBase, "give the file that the patch was made from: docker-delta inspect " + patch},
		{[]string{"file", "apply", other, patch, "-o", result}, ExitBase, other + ": the base is missing or does not fit"},
		{[]string{"file", "apply", old, packed, "-o", result}, ExitFailure, packed + ": not a delta package: it is no patch made by file create; give OLD, then the PATCH"},
	} {
		code, stdout, stderr := run(t, c.args...)
		if code != c.code || !strings.Contains(stdout+stderr, c.want) || strings.Contains(stderr, "--base") {
			t.Errorf("%s: exit %d, want %d, %q: %s%s", c.args, code, c.code, c.want, stdout, stderr)
		}
	}
	isEmpty(t, dir, "old", "other", "new", "x.patch")
}

// A file that is too short to show what it is counts as no delta, a longer piece of
// one as a damaged delta.
func TestPiecesOfADelta(t *testing.T) {
	whole, err := os.ReadFile("../../delta/testdata/vectors/good.delta")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "cut.delta")
	for n, want := range map[int]struct {
		code int
		text string
	}{
		0:              {ExitFailure, "not a delta package: it is empty; "},
		1:              {ExitFailure, "not a delta package"},
		2:              {ExitFailure, "not a delta package"},
		9:              {ExitFailure, "not a delta package"},
		10:             {ExitVerify, "cut short"},
		1500:           {ExitVerify, "cut short"},
		len(whole) - 1: {ExitVerify, "cut short"},
	} {
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		code, _, stderr := run(t, "inspect", path)
		if code != want.code || !strings.Contains(stderr, want.text) || !strings.Contains(stderr, "fetch it again") {
			t.Errorf("%d bytes: exit %d, %s", n, code, stderr)
		}
	}
}
