package testrig

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"runtime"
	"testing"
	"time"
)

// A File is one entry of a layer. A name that ends with a slash is a directory.
type File struct {
	Name string
	Mode int64 // permissions; 0 is 0644, or 0755 for a directory
	Link string
	Data []byte
}

// Created is the time of all that this package makes.
var Created = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// Layer writes files as an uncompressed layer tar.
func Layer(files ...File) []byte {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, f := range files {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: f.Name, Mode: f.Mode, Size: int64(len(f.Data)), Linkname: f.Link, ModTime: Created}
		switch {
		case f.Name[len(f.Name)-1] == '/':
			h.Typeflag = tar.TypeDir
			h.Mode = orDefault(h.Mode, 0o755)
		case f.Link != "":
			h.Typeflag = tar.TypeSymlink
			h.Mode = orDefault(h.Mode, 0o777)
		}
		h.Mode = orDefault(h.Mode, 0o644)
		must(w.WriteHeader(h))
		_, err := w.Write(f.Data)
		must(err)
	}
	must(w.Close())
	return buf.Bytes()
}

func orDefault(mode, value int64) int64 {
	if mode == 0 {
		return value
	}
	return mode
}

// must panics: writing to memory fails only by a mistake in a test's own data.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// An Image is a small image in memory, for the platform that the test runs on.
type Image struct {
	Name   string // reference, such as "hello-world:latest"; "" for none
	Cmd    []string
	Layers [][]byte // uncompressed tars, lowest first
}

// HelloImage is the image of the program of [Hello]: one layer, /hello.
func HelloImage(t testing.TB, name string, version int) Image {
	t.Helper()
	return Image{Name: name, Cmd: []string{"/hello"}, Layers: [][]byte{
		Layer(File{Name: "hello", Mode: 0o755, Data: Hello(t, version)}),
	}}
}

// Config gives the config's JSON bytes; their SHA-256 is the image ID.
func (im Image) Config() []byte {
	var diffIDs []string
	var history []map[string]any
	for _, l := range im.Layers {
		diffIDs = append(diffIDs, Digest(l))
		history = append(history, map[string]any{"created": Created, "created_by": "testrig"})
	}
	data, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux", "created": Created,
		"config": map[string]any{"Cmd": im.Cmd}, "history": history,
		"rootfs": map[string]any{"type": "layers", "diff_ids": diffIDs},
	})
	must(err)
	return data
}

// ID is the image ID, the digest of the config.
func (im Image) ID() string { return Digest(im.Config()) }

// Digest gives "sha256:" and the hash in hexadecimal.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// WriteDockerArchive writes im as `docker save` did before Docker 25.
func (im Image) WriteDockerArchive(w io.Writer) error {
	config := im.Config()
	name := Digest(config)[len("sha256:"):] + ".json"
	manifest := map[string]any{"Config": name, "RepoTags": nil}
	if im.Name != "" {
		manifest["RepoTags"] = []string{im.Name}
	}
	tw := tar.NewWriter(w)
	var layers []string
	written := map[string]bool{}
	for _, l := range im.Layers {
		path := Digest(l)[len("sha256:"):] + "/layer.tar"
		layers = append(layers, path)
		if written[path] {
			continue
		}
		written[path] = true
		if err := addFile(tw, path, l); err != nil {
			return err
		}
	}
	manifest["Layers"] = layers
	data, err := json.Marshal([]any{manifest})
	if err != nil {
		return err
	}
	if err := addFile(tw, name, config); err != nil {
		return err
	}
	if err := addFile(tw, "manifest.json", data); err != nil {
		return err
	}
	return tw.Close()
}

// AddMember writes a regular file to a tar that a test makes by hand.
func AddMember(t testing.TB, w *tar.Writer, name string, data []byte) {
	t.Helper()
	if err := addFile(w, name, data); err != nil {
		t.Fatal(err)
	}
}

func addFile(w *tar.Writer, name string, data []byte) error {
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(data)), ModTime: Created}); err != nil {
		return err
	}
	_, err := w.Write(data)
	return err
}

// SaveDockerArchive writes im to a file, as [Image.WriteDockerArchive] does.
func (im Image) SaveDockerArchive(t testing.TB, path string) {
	t.Helper()
	var buf bytes.Buffer
	if err := im.WriteDockerArchive(&buf); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, buf.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
