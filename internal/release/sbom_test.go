package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// This test's own program serves: it was linked from modules, too.
func TestBillOfMaterials(t *testing.T) {
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	made := time.Unix(1.7e9, 0)
	raw, err := billOfMaterials(program, "v1.2.3+x", made)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := billOfMaterials(program, "v1.2.3+x", made); err != nil || !bytes.Equal(raw, again) {
		t.Errorf("the same program gives another list: %v", err)
	}
	var b bom
	if err := json.Unmarshal(raw, &b); err != nil {
		t.Fatal(err)
	}
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if b.Format != "CycloneDX" || b.Metadata.Time != "2023-11-14T22:13:20Z" || b.Metadata.Component.PURL != "pkg:golang/github.com/docker-delta/docker-delta@v1.2.3%2Bx" {
		t.Errorf("%+v", b.Metadata)
	}
	if len(b.Components) != len(info.Deps)+1 || len(b.Dependencies) != 1 || len(b.Dependencies[0].On) != len(b.Components) {
		t.Errorf("%d components of %d modules", len(b.Components), len(info.Deps))
	}
	have := make(map[string]string)
	for _, c := range b.Components {
		have[c.Name] = c.Version
	}
	for _, m := range info.Deps {
		if have[m.Path] != m.Version {
			t.Errorf("%s %s is listed as %q", m.Path, m.Version, have[m.Path])
		}
	}
	if have["stdlib"] != strings.TrimPrefix(info.GoVersion, "go") {
		t.Errorf("the standard library is listed as %q", have["stdlib"])
	}
	if _, err := billOfMaterials([]byte("#!/bin/sh\n"), "v1", made); err == nil {
		t.Error("a script has a bill of materials")
	}
}

// The same sources in two directories give the same program.
func TestReproducible(t *testing.T) {
	if testing.Short() && os.Getenv("DOCKER_DELTA_TEST_REQUIRE") != "1" {
		t.Skip("links the program twice")
	}
	source, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	list, err := output(source, "git", "ls-files", "-z")
	if err != nil {
		t.Skip("needs a clone of the project: ", err)
	}
	var built [][]byte
	for _, name := range []string{"one", "quite/another"} {
		dir := filepath.Join(t.TempDir(), name)
		for _, f := range strings.Split(strings.Trim(list, "\x00"), "\x00") {
			b, err := os.ReadFile(filepath.Join(source, f))
			if err != nil {
				continue // deleted, and not committed yet
			}
			if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, f)), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, f), b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		c := exec.Command("make", "build", "BIN=bin")
		c.Dir = dir
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		b, err := os.ReadFile(filepath.Join(dir, "bin/docker-delta"))
		if err != nil {
			t.Fatal(err)
		}
		built = append(built, b)
	}
	if !bytes.Equal(built[0], built[1]) {
		t.Errorf("the programs differ: %d and %d bytes", len(built[0]), len(built[1]))
	}
}
