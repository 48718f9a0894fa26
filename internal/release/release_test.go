package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/docker-delta/docker-delta/internal/testrig"
)

func testRelease(t *testing.T) *release {
	source, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return &release{version: "v1.2.3-rc1", time: time.Unix(1.7e9, 0).UTC(), source: source, out: t.TempDir(),
		targets: []platform{{"linux", "amd64"}, {"linux", "arm64"}}}
}

// The parts that take a program are made of a small one, for speed.
var (
	testProgram = []byte("#!/bin/sh\necho a program\n")
	testManual  = []file{{"LICENSE", []byte("licence"), 0o644}, {thirdParty, []byte("licences"), 0o644}, {"completion/bash/docker-delta", []byte("complete"), 0o644},
		{"man/docker-delta.1", []byte(".TH DOCKER-DELTA 1\n"), 0o644}}
)

func TestBuildTellsItsVersion(t *testing.T) {
	if testing.Short() && os.Getenv("DOCKER_DELTA_TEST_REQUIRE") != "1" {
		t.Skip("compiles the program twice")
	}
	r := testRelease(t)
	host, err := output("", "go", "env", "GOOS", "GOARCH")
	if err != nil {
		t.Fatal(err)
	}
	p := platform{strings.Fields(host)[0], strings.Fields(host)[1]}
	first, err := r.build(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	again, err := r.build(context.Background(), p)
	if err != nil || !bytes.Equal(first, again) {
		t.Errorf("built twice, the program differs: %v", err)
	}
	program := filepath.Join(t.TempDir(), "docker-delta")
	if err := os.WriteFile(program, first, 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(program, "--version").Output()
	if err != nil || !strings.HasPrefix(string(out), "docker-delta v1.2.3-rc1\n") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestArchives(t *testing.T) {
	r := testRelease(t)
	for _, p := range []platform{{"linux", "arm64"}, {"windows", "amd64"}} {
		if err := r.archive(p, testProgram, testManual); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Open(filepath.Join(r.out, "docker-delta_v1.2.3-rc1_linux_arm64.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	names := make(map[string]int64)
	for tr := tar.NewReader(z); ; {
		h, err := tr.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if !h.ModTime.Equal(r.time) {
			t.Errorf("%s is of %v", h.Name, h.ModTime)
		}
		names[h.Name] = h.Mode
	}
	if names["docker-delta_v1.2.3-rc1_linux_arm64/docker-delta"] != 0o755 || len(names) != 1+len(testManual) {
		t.Errorf("in the tar: %v", names)
	}
	w, err := zip.OpenReader(filepath.Join(r.out, "docker-delta_v1.2.3-rc1_windows_amd64.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if w.File[0].Name != "docker-delta_v1.2.3-rc1_windows_amd64/docker-delta.exe" {
		t.Errorf("in the zip: %s", w.File[0].Name)
	}
	if err := r.checksums(); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(testrig.Program(t, "sha256sum"), "--strict", "-c", "SHA256SUMS")
	c.Dir = r.out
	if out, err := c.CombinedOutput(); err != nil || strings.Count(string(out), ": OK") != 2 {
		t.Errorf("%v: %s", err, out)
	}
}

func TestDebianPackage(t *testing.T) {
	testrig.Program(t, "dpkg-deb")
	var made [2][]byte
	for i := range made {
		r := testRelease(t)
		if err := r.debianPackage(context.Background(), r.targets[1], testProgram, testManual); err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(r.out, "docker-delta_1.2.3~rc1_arm64.deb")
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		made[i] = data
		list := testrig.Run(t, "dpkg-deb", "-c", name)
		for _, want := range []string{"./usr/bin/docker-delta\n", "./usr/libexec/docker/cli-plugins/docker-delta -> /usr/bin/docker-delta",
			"./usr/share/man/man1/docker-delta.1.gz", "./usr/share/bash-completion/completions/docker-delta", "./usr/share/doc/docker-delta/copyright", "./usr/share/doc/docker-delta/" + thirdParty} {
			if !strings.Contains(list+"\n", want) {
				t.Errorf("no %q in\n%s", want, list)
			}
		}
		if arch := testrig.Run(t, "dpkg-deb", "-f", name, "Architecture", "Version"); arch != "Architecture: arm64\nVersion: 1.2.3~rc1" {
			t.Error(arch)
		}
	}
	if !bytes.Equal(made[0], made[1]) {
		t.Error("made twice, the packages differ")
	}
}

func TestDebianVersion(t *testing.T) {
	for v, want := range map[string]string{"v1.2.3": "1.2.3", "v1.2.3-rc1": "1.2.3~rc1", "1a2b3c4": "1a2b3c4", "abc-dirty": "0~abc+dirty", "v1.0.0-4-gabc": "1.0.0+4+gabc"} {
		if got := debianVersion(v); got != want {
			t.Errorf("%s: %s, want %s", v, got, want)
		}
	}
}

// Whoever gets the program gets the licences of all that it was made from.
func TestLicences(t *testing.T) {
	r := testRelease(t)
	r.targets = r.targets[:1]
	text, err := r.licences(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\ngithub.com/spf13/cobra v", "\ngithub.com/cyphar/filepath-securejoin v", "\nrecipe/internal/zlibenc in docker-delta, LICENSE.zlib\n",
		"Redistributions in binary form must reproduce", "Mozilla Public License"} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("no %q", want)
		}
	}
	img, err := r.image(r.targets[0], testProgram, testManual)
	if err != nil {
		t.Fatal(err)
	}
	content := mutate.Extract(img)
	defer content.Close()
	found := 0
	for tr := tar.NewReader(content); ; {
		h, err := tr.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(h.Name, "usr/share/doc/docker-delta/LICENSE") {
			found++
		}
	}
	if found != 2 {
		t.Errorf("%d licences in the image", found)
	}
}

// Skopeo reads the image, of every platform, with its program.
func TestContainerImage(t *testing.T) {
	testrig.Program(t, "skopeo")
	var made [2][]byte
	for i := range made {
		r := testRelease(t)
		if err := r.containerImage(map[platform][]byte{r.targets[0]: testProgram, r.targets[1]: testProgram}, testManual); err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(r.out, "docker-delta_v1.2.3-rc1.oci.tar")
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		made[i] = data
		for _, p := range r.targets {
			got := testrig.Run(t, "skopeo", "--override-os", p.OS, "--override-arch", p.Arch, "inspect", "--config",
				"--format", "{{.Architecture}} {{.Config.Entrypoint}}", "oci-archive:"+name+":v1.2.3-rc1")
			if got != p.Arch+" [/usr/bin/docker-delta]" {
				t.Errorf("%s: %s", p, got)
			}
		}
	}
	if !bytes.Equal(made[0], made[1]) {
		t.Error("made twice, the images differ")
	}
}
