package delta

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/image"
)

var update = flag.Bool("update", false, "write the test vectors anew")

// vector is a package in testdata/vectors and what must come of it. Another
// implementation can use them: see docs/format.md.
type vector struct {
	File string `json:"file"`
	Why  string `json:"why"`
	// Base is the layer tar of the base image, if one is given.
	Base string `json:"base,omitempty"`
	// Class is "ok" or a class of failure of docs/format.md.
	Class string `json:"class"`
	// Layers are the DiffIDs and, where there are any, the blobs of the result.
	Layers []digest.Digest `json:"layers,omitempty"`
	Blobs  []digest.Digest `json:"blobs,omitempty"`
}

const vectorDir = "testdata/vectors"

func class(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, format.ErrNotPackage):
		return "not a package"
	case errors.Is(err, format.ErrVersion):
		return "newer version"
	case errors.Is(err, ErrBase):
		return "base does not fit"
	case errors.Is(err, ErrVerify):
		return "damaged"
	}
	return "no class: " + err.Error()
}

func TestVectors(t *testing.T) {
	if *update {
		writeVectors(t)
	}
	raw, err := os.ReadFile(filepath.Join(vectorDir, "vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var list []vector
	if err := json.Unmarshal(raw, &list); err != nil {
		t.Fatal(err)
	}
	if len(list) < 15 {
		t.Errorf("only %d vectors", len(list))
	}
	for _, v := range list {
		t.Run(v.File, func(t *testing.T) {
			b, err := os.ReadFile(filepath.Join(vectorDir, v.File))
			if err != nil {
				t.Fatal(err)
			}
			var base image.Image
			if v.Base != "" {
				plain, err := os.ReadFile(filepath.Join(vectorDir, v.Base))
				if err != nil {
					t.Fatal(err)
				}
				base = makeImage(t, "base:1", unpacked, plain)
			}
			layers, blobs, err := rebuildVector(t, b, base)
			if got := class(err); got != v.Class {
				t.Fatalf("%s: %s (%v), want %s", v.Why, got, err, v.Class)
			}
			if err == nil && (!equal(layers, v.Layers) || !equal(blobs, v.Blobs)) {
				t.Errorf("layers %v, blobs %v", layers, blobs)
			}
		})
	}
}

func equal(a, b []digest.Digest) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return bytes.Equal(x, y)
}

func rebuildVector(t *testing.T, b []byte, base image.Image) (layers, blobs []digest.Digest, err error) {
	d, err := Read(context.Background(), bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, nil, err
	}
	err = rebuildAll(d, base, RebuildOptions{Resources: resources(t)}, func(_ int, _ image.Layer, plain, blob []byte) {
		layers = append(layers, digest.FromBytes(plain))
		if blob != nil {
			blobs = append(blobs, digest.FromBytes(blob))
		}
	})
	return layers, blobs, err
}

// writeVectors makes two good packages and damages one of them in every way.
func writeVectors(t *testing.T) {
	baseTar := files(t, "text", text(1, 900), "doc.gz", gzipped(9)(t, text(2, 2000)))
	targetTar := files(t, "text", edit(3, text(1, 900)), "doc.gz", gzipped(9)(t, edit(4, text(2, 2000))), "new", noise(5, 40))
	target := makeImage(t, "app:2", gzipped(6), targetTar)
	good, _ := mustCreate(t, Input{Bases: one(makeImage(t, "app:1", unpacked, baseTar)), Targets: one(target)}, CreateOptions{Resources: resources(t)})
	alone, _ := mustCreate(t, Input{Targets: one(target)}, CreateOptions{Resources: resources(t), Level: Fast})
	if err := os.MkdirAll(vectorDir, 0o777); err != nil {
		t.Fatal(err)
	}
	var list []vector
	put := func(v vector, b []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(vectorDir, v.File), b, 0o666); err != nil {
			t.Fatal(err)
		}
		list = append(list, v)
	}
	if err := os.WriteFile(filepath.Join(vectorDir, "base.tar"), baseTar, 0o666); err != nil {
		t.Fatal(err)
	}
	id := []digest.Digest{digest.FromBytes(targetTar)}
	blob := []digest.Digest{target.layers[0].Blob().Digest}
	put(vector{File: "good.delta", Why: "a layer with an unwrapped gzip file, and a recipe for the layer", Base: "base.tar", Class: "ok", Layers: id, Blobs: blob}, good)
	put(vector{File: "alone.delta", Why: "a package without a base, at level fast", Class: "ok", Layers: id, Blobs: blob}, alone)
	put(vector{File: "no-base.delta", Why: "the base is not given", Class: "base does not fit"}, good)
	if err := os.WriteFile(filepath.Join(vectorDir, "other.tar"), files(t, "x", noise(6, 30)), 0o666); err != nil {
		t.Fatal(err)
	}
	put(vector{File: "other-base.delta", Why: "another base is given", Base: "other.tar", Class: "base does not fit"}, good)
	tarred := gunzip(t, good)
	put(vector{File: "not-compressed.delta", Why: "good.delta without its compression", Base: "base.tar", Class: "ok", Layers: id, Blobs: blob}, tarred)
	put(vector{File: "compressed-cut.delta", Why: "the end of the compressed package is missing", Base: "base.tar", Class: "damaged"}, good[:len(good)-9])
	put(vector{File: "compressed-twice.delta", Why: "something stands behind the compressed package", Base: "base.tar", Class: "damaged"}, append(bytes.Clone(good), good...))
	put(vector{File: "unknown-encoder.delta", Why: "the recipe of a layer is for an encoder of a later docker-delta", Class: "newer version"}, newer(t, alone, false))
	put(vector{File: "unknown-inside.delta", Why: "the recipe of a file inside of a layer is for an encoder of a later docker-delta", Base: "base.tar", Class: "newer version"}, newer(t, good, true))
	for _, d := range damages(t, tarred) {
		put(vector{File: d.name + ".delta", Why: d.why, Base: "base.tar", Class: d.class}, d.b)
	}
	raw, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(vectorDir, "vectors.json"), append(raw, '\n'), 0o666); err != nil {
		t.Fatal(err)
	}
}

func gunzip(t *testing.T, b []byte) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

type damage struct {
	name, why, class string
	b                []byte
}

// damages lists packages, as tars, that are wrong in one way each. Where it says
// "resealed", all digests fit what is there.
func damages(t *testing.T, good []byte) []damage {
	flip := func(at int) []byte {
		b := bytes.Clone(good)
		b[at] ^= 4
		return b
	}
	config := func(old, new string) []byte { return reseal(t, good, old, new, false) }
	manifest := func(old, new string) []byte { return reseal(t, good, old, new, true) }
	layerAt := bytes.LastIndex(good, []byte("blobs/sha256/")) + 512 + 30
	return []damage{
		{"empty", "no bytes", "not a package", nil},
		{"text", "a text", "not a package", []byte("This is no delta.\n")},
		{"cut", "the end is missing", "damaged", good[:len(good)-2000]},
		{"flipped", "a bit of a layer's data", "damaged", flip(layerAt)},
		{"flipped-header", "a bit of a tar header", "damaged", flip(1030)},
		{"newer", "resealed: format version 2", "newer version", config(`"formatVersion":1`, `"formatVersion":2`)},
		{"feature", "resealed: an unknown required feature", "newer version", config(`"formatVersion":1`, `"formatVersion":1,"requires":["magic"]`)},
		{"spaces", "resealed: the description is not canonical", "damaged", config(`"formatVersion":1`, `"formatVersion": 1`)},
		{"twice", "resealed: a member of the description comes twice", "damaged", config(`"formatVersion":1`, `"formatVersion":1,"formatVersion":1`)},
		{"unknown-member", "resealed: an unknown member", "damaged", config(`"formatVersion":1`, `"formatVersion":1,"more":1`)},
		{"no-target", "resealed: the description lacks its targets", "damaged", config(`"targets":`, `"target":`)},
		{"carried", "resealed: a layer is carried in an unknown way", "damaged", config(`"carried":"delta"`, `"carried":"pigeon"`)},
		{"layer-number", "resealed: a target names a layer that is not there", "damaged", config(`"layers":[0]`, `"layers":[7]`)},
		{"layer-twice", "resealed: a target has a layer once more than its config", "damaged", config(`"layers":[0]`, `"layers":[0,0]`)},
		{"layer-less", "resealed: a target lacks a layer of its config", "damaged", config(`"layers":[0]`, `"layers":[]`)},
		{"size", "resealed: a layer is said to be a byte shorter", "damaged", config(`"size":4608,"carried":"delta"`, `"size":4607,"carried":"delta"`)},
		{"part", "resealed: the config is said to be another part", "damaged", config(`"part":2`, `"part":1`)},
		{"artifact", "resealed: another artifact type and config", "not a package", manifest("docker-delta", "docker-gamma")},
	}
}

// reseal replaces text in the description, or in the manifest, and makes all
// digests fit again.
func reseal(t *testing.T, b []byte, old, new string, inManifest bool) []byte {
	t.Helper()
	var names []string
	bodies := make(map[string][]byte)
	for r := tar.NewReader(bytes.NewReader(b)); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
		bodies[h.Name] = body
	}
	var index ocispec.Index
	if err := json.Unmarshal(bodies["index.json"], &index); err != nil {
		t.Fatal(err)
	}
	path := func(d digest.Digest) string { return "blobs/sha256/" + d.Encoded() }
	manifestName := path(index.Manifests[0].Digest)
	var m ocispec.Manifest
	if err := json.Unmarshal(bodies[manifestName], &m); err != nil {
		t.Fatal(err)
	}
	configName := path(m.Config.Digest)
	target := configName
	if inManifest {
		target = manifestName
	}
	changed := []byte(strings.ReplaceAll(string(bodies[target]), old, new))
	if bytes.Equal(changed, bodies[target]) {
		t.Fatalf("%q is not in %s", old, bodies[target])
	}
	bodies[target] = changed
	if !inManifest {
		m.Config.Digest, m.Config.Size = digest.FromBytes(changed), int64(len(changed))
		bodies[manifestName], _ = json.Marshal(m)
	}
	index.Manifests[0].Digest = digest.FromBytes(bodies[manifestName])
	index.Manifests[0].Size = int64(len(bodies[manifestName]))
	bodies["index.json"], _ = json.Marshal(index)
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, name := range names {
		as := name
		switch name {
		case manifestName:
			as = path(index.Manifests[0].Digest)
		case configName:
			as = path(m.Config.Digest)
		}
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: as, Size: int64(len(bodies[name])), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(bodies[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
