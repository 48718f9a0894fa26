package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
)

// A file is something in an archive.
type file struct {
	name string // with slashes
	data []byte
	mode int64
}

// manual is what comes with the program: man pages, completions for shells, the
// licences and the first page of the documentation.
func (r *release) manual(ctx context.Context) ([]file, error) {
	dir, err := os.MkdirTemp("", "release-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	c := exec.CommandContext(ctx, "go", "run", "./internal/gendocs", "man", dir)
	c.Dir = r.source
	if out, err := c.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("man pages: %v\n%s", err, out)
	}
	var files []file
	pages, err := filepath.Glob(filepath.Join(dir, "*.1"))
	if err != nil {
		return nil, err
	}
	for _, page := range pages {
		data, err := os.ReadFile(page)
		if err != nil {
			return nil, err
		}
		files = append(files, file{"man/" + filepath.Base(page), data, 0o644})
	}
	for shell, name := range map[string]string{"bash": "docker-delta", "zsh": "_docker-delta", "fish": "docker-delta.fish"} {
		c := exec.CommandContext(ctx, "go", "run", "./cmd/docker-delta", "completion", shell)
		c.Dir = r.source
		data, err := c.Output()
		if err != nil {
			return nil, fmt.Errorf("completion for %s: %w", shell, err)
		}
		files = append(files, file{"completion/" + shell + "/" + name, data, 0o644})
	}
	for _, name := range []string{"README.md", "LICENSE", "CHANGELOG.md"} {
		data, err := os.ReadFile(filepath.Join(r.source, name))
		if err != nil {
			return nil, err
		}
		files = append(files, file{name, data, 0o644})
	}
	texts, err := r.licences(ctx)
	if err != nil {
		return nil, fmt.Errorf("licences: %w", err)
	}
	files = append(files, file{thirdParty, texts, 0o644})
	sort.Slice(files, func(i, j int) bool { return files[i].name < files[j].name })
	return files, nil
}

// archive writes the program with its manual: a tar.gz, or a zip for Windows.
func (r *release) archive(p platform, program []byte, manual []file) error {
	name := fmt.Sprintf("docker-delta_%s_%s_%s", r.version, p.OS, p.Arch)
	binary := file{"docker-delta", program, 0o755}
	pack, suffix := r.tarGz, ".tar.gz"
	if p.OS == "windows" {
		binary.name += ".exe"
		pack, suffix = r.zip, ".zip"
	}
	var files []file
	for _, f := range append([]file{binary}, manual...) {
		f.name = name + "/" + f.name
		files = append(files, f)
	}
	data, err := pack(files)
	if err != nil {
		return err
	}
	return r.write(name+suffix, data)
}

func (r *release) tarGz(files []file) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	data, err := r.tar(files)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(data); err != nil {
		return nil, err
	}
	err = z.Close()
	return b.Bytes(), err
}

func (r *release) tar(files []file) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.data)), ModTime: r.time, Format: tar.FormatUSTAR}
		if strings.HasSuffix(f.name, "/") {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return b.Bytes(), err
}

func (r *release) zip(files []file) ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		h := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: r.time}
		h.SetMode(os.FileMode(f.mode))
		m, err := w.CreateHeader(h)
		if err != nil {
			return nil, err
		}
		if _, err := m.Write(f.data); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return b.Bytes(), err
}

// checksums writes SHA256SUMS, as sha256sum -c reads it, over all files.
func (r *release) checksums() error {
	sort.Strings(r.made)
	var b bytes.Buffer
	for _, name := range r.made {
		data, err := os.ReadFile(filepath.Join(r.out, name))
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%x  %s\n", sha256.Sum256(data), name)
	}
	return r.write(sums, b.Bytes())
}
