package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/docker-delta/docker-delta/internal/cli"
	"github.com/docker-delta/docker-delta/internal/testrig"
)

// Every command that is not hidden has a page, which man reads without a
// warning, and which holds the flags and their meaning as plain words.
func TestManPages(t *testing.T) {
	dir := t.TempDir()
	if err := manPages(dir); err != nil {
		t.Fatal(err)
	}
	var names []string
	_ = visit(cli.Command(), func(c *cobra.Command) error {
		names = append(names, strings.ReplaceAll(c.CommandPath(), " ", "-")+".1")
		return nil
	})
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != len(names) || len(names) < 10 {
		t.Fatalf("%d pages for %d commands: %v", len(files), len(names), err)
	}
	again := t.TempDir()
	if err := manPages(again); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		page, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if second, err := os.ReadFile(filepath.Join(again, name)); err != nil || !bytes.Equal(page, second) {
			t.Errorf("%s: written twice, it differs: %v", name, err)
		}
		if !bytes.Contains(page, []byte(".SH SYNOPSIS")) {
			t.Errorf("%s has no synopsis", name)
		}
	}
	if _, err := exec.LookPath("man"); err != nil {
		testrig.Missing(t, "man is not installed (Debian: man-db)")
	}
	for _, name := range names {
		c := exec.Command("man", "--warnings", "-E", "UTF-8", "-Tutf8", "-l", filepath.Join(dir, name))
		c.Env = append(os.Environ(), "MANWIDTH=200", "LC_ALL=C.UTF-8")
		var text, warnings bytes.Buffer
		c.Stdout, c.Stderr = &text, &warnings
		if err := c.Run(); err != nil || warnings.Len() > 0 {
			t.Errorf("%s: %v\n%s", name, err, warnings.String())
		}
		if name == "docker-delta-create.1" && !strings.Contains(text.String(), "os/arch[/variant]") {
			t.Errorf("the page of create lost the brackets of --platform:\n%s", text.String())
		}
	}
}

// The page of commands is what the program says today.
func TestReferenceIsCurrent(t *testing.T) {
	var want bytes.Buffer
	if err := reference(&want); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/reference/commands.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(page, want.Bytes()) {
		t.Error("docs/reference/commands.md is not what the commands say; run make reference")
	}
}
