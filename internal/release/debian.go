package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// plugins is where docker looks for the plugins of all users.
const plugins = "usr/libexec/docker/cli-plugins/"

// debianPackage packs the program for Debian and its kin: the command, the docker
// plugin as a link to it, man pages and completions. It has no dependencies.
func (r *release) debianPackage(ctx context.Context, p platform, program []byte, manual []file) error {
	root, err := os.MkdirTemp("", "release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(root)
	if err := os.Chmod(root, 0o755); err != nil {
		return err
	}
	version := debianVersion(r.version)
	files := append(debianFiles(program, manual), file{"DEBIAN/control", []byte(fmt.Sprintf(debianControl, version, p.Arch)), 0o644})
	for _, f := range files {
		path := filepath.Join(root, f.name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, f.data, os.FileMode(f.mode)); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Join(root, plugins), 0o755); err != nil {
		return err
	}
	if err := os.Symlink("/usr/bin/docker-delta", filepath.Join(root, plugins, "docker-delta")); err != nil {
		return err
	}
	name := fmt.Sprintf("docker-delta_%s_%s.deb", version, p.Arch)
	c := exec.CommandContext(ctx, "dpkg-deb", "--build", "--root-owner-group", "-Zxz", "--threads-max=1", root, filepath.Join(r.out, name))
	c.Env = append(os.Environ(), fmt.Sprintf("SOURCE_DATE_EPOCH=%d", r.time.Unix()), "LC_ALL=C", "TZ=UTC")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("dpkg-deb (Debian package dpkg): %v\n%s", err, out)
	}
	r.made = append(r.made, name)
	return nil
}

const debianControl = `Package: docker-delta
Version: %s
Architecture: %s
Maintainer: The docker-delta authors <docker-delta@users.noreply.github.com>
Section: admin
Priority: optional
Suggests: docker.io
Homepage: https://github.com/docker-delta/docker-delta
Description: ship container image updates as small deltas
 docker-delta writes the difference between two container images as a small
 package, and gives the new image back from the old one and the package: the
 same image ID, the same layers and, wherever the image was compressed by a
 known program, the same manifest digest.
`

// debianVersion is a version as Debian has them: it begins with a digit, and what
// comes before a release sorts before it.
func debianVersion(v string) string {
	v = strings.TrimPrefix(v, "v")
	if v == "" || v[0] < '0' || v[0] > '9' {
		v = "0~" + v
	}
	return strings.NewReplacer("-rc", "~rc", "-", "+").Replace(v)
}

// debianFiles lays the files out where Debian's policy wants them.
func debianFiles(program []byte, manual []file) []file {
	files := []file{{"usr/bin/docker-delta", program, 0o755}}
	for _, f := range manual {
		dir, base := filepath.Split(f.name)
		switch dir {
		case "man/":
			f = file{"usr/share/man/man1/" + base + ".gz", gzipped(f.data), 0o644}
		case "completion/bash/":
			f.name = "usr/share/bash-completion/completions/" + base
		case "completion/zsh/":
			f.name = "usr/share/zsh/vendor-completions/" + base
		case "completion/fish/":
			f.name = "usr/share/fish/vendor_completions.d/" + base
		default:
			name := base
			if base == "LICENSE" {
				name = "copyright"
			}
			f.name = "usr/share/doc/docker-delta/" + name
		}
		files = append(files, f)
	}
	return files
}

func gzipped(data []byte) []byte {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is right
	_, _ = z.Write(data)                                  // into memory
	_ = z.Close()
	return b.Bytes()
}
