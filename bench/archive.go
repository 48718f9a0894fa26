package main

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"time"
)

// An image is what writeImage needs to know beside the layers' bytes.
type image struct {
	name    string // reference, such as "docker-delta-bench/python:v1"
	created time.Time
	cmd     []string
	env     []string
	layers  []string // uncompressed layer tars, lowest first
}

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// writeImage writes im the way `docker save` of Docker 25 and newer does: an
// OCI image layout with docker's manifest.json beside it, in one tar.
func writeImage(out string, im image) error {
	w, err := createLayer(out)
	if err != nil {
		return err
	}
	return w.finish(im.write(w))
}

func (im image) write(w *layerWriter) error {
	type manifestJSON struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	epoch := time.Unix(0, 0)
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "blobs/", Mode: 0o755, ModTime: epoch}); err != nil {
		return err
	}
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "blobs/sha256/", Mode: 0o755, ModTime: epoch}); err != nil {
		return err
	}
	docker := manifestJSON{RepoTags: []string{im.name}}
	var layers []descriptor
	var diffIDs []string
	var history []map[string]any
	for _, name := range im.layers {
		d, err := describeFile(name)
		if err != nil {
			return err
		}
		d.MediaType = "application/vnd.oci.image.layer.v1.tar"
		if err := w.addBlobFile(d, name); err != nil {
			return err
		}
		layers = append(layers, d)
		diffIDs = append(diffIDs, d.Digest)
		docker.Layers = append(docker.Layers, blobPath(d))
		history = append(history, map[string]any{"created": im.created.UTC(), "created_by": "docker-delta bench"})
	}
	put := func(mediaType string, v any) (descriptor, error) {
		data, err := json.Marshal(v)
		if err != nil {
			return descriptor{}, err
		}
		sum := sha256.Sum256(data)
		d := descriptor{MediaType: mediaType, Digest: "sha256:" + hex.EncodeToString(sum[:]), Size: int64(len(data))}
		return d, w.addFile(blobPath(d), 0o644, epoch, data)
	}
	config, err := put("application/vnd.oci.image.config.v1+json", map[string]any{
		"architecture": "amd64", "os": "linux", "created": im.created.UTC(),
		"config":  map[string]any{"Cmd": im.cmd, "Env": im.env},
		"rootfs":  map[string]any{"type": "layers", "diff_ids": diffIDs},
		"history": history,
	})
	if err != nil {
		return err
	}
	manifest, err := put("application/vnd.oci.image.manifest.v1+json", map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
		"config": config, "layers": layers,
	})
	if err != nil {
		return err
	}
	manifest.Annotations = map[string]string{
		"io.containerd.image.name":          "docker.io/" + im.name,
		"org.opencontainers.image.ref.name": im.name[lastColon(im.name)+1:],
	}
	docker.Config = blobPath(config)
	for _, f := range []struct {
		name string
		v    any
	}{
		{"index.json", map[string]any{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []descriptor{manifest}}},
		{"manifest.json", []manifestJSON{docker}},
		{"oci-layout", map[string]string{"imageLayoutVersion": "1.0.0"}},
	} {
		data, err := json.Marshal(f.v)
		if err != nil {
			return err
		}
		if err := w.addFile(f.name, 0o644, epoch, data); err != nil {
			return err
		}
	}
	return nil
}

func lastColon(s string) int {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == ':' {
			return i
		}
	}
	return -1
}

func blobPath(d descriptor) string { return "blobs/sha256/" + d.Digest[len("sha256:"):] }

// describeFile gives the digest and the size of a file.
func describeFile(name string) (descriptor, error) {
	f, err := os.Open(name)
	if err != nil {
		return descriptor{}, err
	}
	defer f.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	return descriptor{Digest: "sha256:" + hex.EncodeToString(sum.Sum(nil)), Size: n}, err
}

func (w *layerWriter) addBlobFile(d descriptor, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: blobPath(d), Mode: 0o644, Size: d.Size, ModTime: time.Unix(0, 0)}); err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return err
}
