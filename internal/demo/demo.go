// Package demo makes a small pair of realistic images out of nothing: no
// network, no daemon, the same bytes every time.
//
// Both versions share a base layer and differ in an application layer: a
// program whose code moved and changed in places, so that its relative calls
// changed everywhere; texts with a few edits; compressed documentation and an
// archive in zip form; a directory that moved with the version number; and new
// times on everything.
package demo

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Name is the repository name of the demo images.
const Name = "docker.io/library/docker-delta-demo"

// built is when version 1 was "built"; each version is a day later.
var built = time.Date(2025, 1, 1, 12, 0, 0, 0, time.UTC)

// WriteImage writes a version of the image, from 1 on, as an oci-archive with
// gzip-compressed layers.
func WriteImage(w io.Writer, version int) error {
	var diffIDs []digest.Digest
	var layers []ocispec.Descriptor
	blobs := make(map[digest.Digest][]byte)
	add := func(mediaType string, b []byte) ocispec.Descriptor {
		d := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(b), Size: int64(len(b))}
		blobs[d.Digest] = b
		return d
	}
	for _, files := range [][]file{systemFiles(), appFiles(version)} {
		plain, err := layerTar(files)
		if err != nil {
			return err
		}
		packed, err := compress(plain)
		if err != nil {
			return err
		}
		diffIDs = append(diffIDs, digest.FromBytes(plain))
		layers = append(layers, add(ocispec.MediaTypeImageLayerGzip, packed))
	}
	created := built.AddDate(0, 0, version)
	config, err := json.Marshal(ocispec.Image{
		Created:  &created,
		Platform: ocispec.Platform{OS: "linux", Architecture: "amd64"},
		Config:   ocispec.ImageConfig{Entrypoint: []string{fmt.Sprintf("/opt/app-1.%d/bin/server", version)}},
		RootFS:   ocispec.RootFS{Type: "layers", DiffIDs: diffIDs},
	})
	if err != nil {
		return err
	}
	manifest, err := json.Marshal(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: add(ocispec.MediaTypeImageConfig, config), Layers: layers,
	})
	if err != nil {
		return err
	}
	desc := add(ocispec.MediaTypeImageManifest, manifest)
	desc.Annotations = map[string]string{
		ocispec.AnnotationRefName:  fmt.Sprintf("%s:v%d", Name, version),
		"io.containerd.image.name": fmt.Sprintf("%s:v%d", Name, version),
	}
	index, err := json.Marshal(ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{desc},
	})
	if err != nil {
		return err
	}
	files := []file{{"oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`), built}, {"index.json", index, built}}
	for _, d := range append([]ocispec.Descriptor{desc}, order(manifest)...) {
		files = append(files, file{"blobs/sha256/" + d.Digest.Encoded(), blobs[d.Digest], built})
	}
	archive, err := layerTar(files)
	if err != nil {
		return err
	}
	_, err = w.Write(archive)
	return err
}

// order lists a manifest's blobs.
func order(manifest []byte) []ocispec.Descriptor {
	var m ocispec.Manifest
	_ = json.Unmarshal(manifest, &m) // just written
	return append([]ocispec.Descriptor{m.Config}, m.Layers...)
}

// file is a member of a layer.
type file struct {
	name  string
	body  []byte
	mtime time.Time
}

func layerTar(files []file) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: f.name, Size: int64(len(f.body)), Mode: 0o755, ModTime: f.mtime, Format: tar.FormatUSTAR}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.body); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func compress(b []byte) ([]byte, error) {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// random gives bytes that depend on the seed alone.
type random struct {
	state [sha256.Size]byte
	used  int
}

func newRandom(seed string) *random { return &random{state: sha256.Sum256([]byte(seed))} }

func (r *random) byte() byte {
	if r.used == len(r.state) {
		r.state = sha256.Sum256(r.state[:])
		r.used = 0
	}
	r.used++
	return r.state[r.used-1]
}

// n is a number below max, which is at most 65536.
func (r *random) n(max int) int { return (int(r.byte())<<8 | int(r.byte())) % max }
