package image

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// files is a tree of an archive or directory; "-> x" as contents is a link.
type files map[string][]byte

func mustJSON(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// addBlob puts a blob where OCI layouts have it.
func (f files) addBlob(b []byte) digest.Digest {
	d := digest.FromBytes(b)
	f[blobPath(d)] = b
	return d
}

// addImage puts the blobs of an image there and gives its descriptor.
func (f files) addImage(img *fakeImage) ocispec.Descriptor {
	f.addBlob(img.config)
	for _, l := range img.layers {
		f.addBlob(l.(*fakeLayer).blob)
	}
	return ocispec.Descriptor{MediaType: img.mediaType, Digest: f.addBlob(img.manifest), Size: int64(len(img.manifest))}
}

func withPlatform(d ocispec.Descriptor, os, arch, variant string) ocispec.Descriptor {
	d.Platform = &ocispec.Platform{OS: os, Architecture: arch, Variant: variant}
	return d
}

func withName(d ocispec.Descriptor, key, name string) ocispec.Descriptor {
	d.Annotations = maps.Clone(d.Annotations)
	if d.Annotations == nil {
		d.Annotations = map[string]string{}
	}
	d.Annotations[key] = name
	return d
}

func indexJSON(t testing.TB, ds ...ocispec.Descriptor) []byte {
	return mustJSON(t, ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: ds})
}

// addIndex puts a nested index there.
func (f files) addIndex(t testing.TB, ds ...ocispec.Descriptor) ocispec.Descriptor {
	raw := indexJSON(t, ds...)
	return ocispec.Descriptor{MediaType: ocispec.MediaTypeImageIndex, Digest: f.addBlob(raw), Size: int64(len(raw))}
}

// addAttestation is what BuildKit adds for each platform.
func (f files) addAttestation(t testing.TB, of ocispec.Descriptor) ocispec.Descriptor {
	statement := []byte(`{"_type":"https://in-toto.io/Statement/v0.1"}`)
	config := []byte(`{"architecture":"unknown","os":"unknown","rootfs":{"type":"layers","diff_ids":["` + digest.FromBytes(statement).String() + `"]}}`)
	m := mustJSON(t, ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: ocispec.Descriptor{MediaType: ocispec.MediaTypeImageConfig, Digest: f.addBlob(config), Size: int64(len(config))},
		Layers: []ocispec.Descriptor{{MediaType: "application/vnd.in-toto+json", Digest: f.addBlob(statement), Size: int64(len(statement))}}})
	d := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: f.addBlob(m), Size: int64(len(m)),
		Annotations: map[string]string{"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": of.Digest.String()}}
	return withPlatform(d, "unknown", "unknown", "")
}

func ociFiles(t testing.TB, f files, top ...ocispec.Descriptor) files {
	f["oci-layout"] = ociLayoutFile
	f["index.json"] = indexJSON(t, top...)
	return f
}

// oldDockerFiles is what docker save wrote before version 25: a directory for
// each layer, and links where layers are the same.
func oldDockerFiles(t testing.TB, tags []string, imgs ...*fakeImage) files {
	f := files{}
	var entries []dockerEntry
	seen := map[digest.Digest]string{}
	for n, img := range imgs {
		e := dockerEntry{Config: digest.FromBytes(img.config).Encoded() + ".json"}
		if n < len(tags) {
			e.RepoTags = []string{tags[n]}
		}
		f[e.Config] = img.config
		for i, l := range img.layers {
			id := digest.FromString(fmt.Sprint(n, i)).Encoded()
			name := id + "/layer.tar"
			f[id+"/VERSION"], f[id+"/json"] = []byte("1.0"), []byte(`{"id":"`+id+`"}`)
			f[name] = l.(*fakeLayer).tar
			if old, ok := seen[l.DiffID()]; ok {
				f[name] = []byte("-> ../" + old)
			}
			seen[l.DiffID()] = name
			e.Layers = append(e.Layers, name)
		}
		entries = append(entries, e)
	}
	f["manifest.json"] = mustJSON(t, entries)
	f["repositories"] = []byte("{}")
	return f
}

func (f files) tar(t testing.TB) []byte {
	t.Helper()
	var out bytes.Buffer
	tw := tar.NewWriter(&out)
	for _, name := range slices.Sorted(maps.Keys(f)) {
		h := &tar.Header{Name: name, Mode: 0o644, Typeflag: tar.TypeReg, Size: int64(len(f[name]))}
		if target, ok := bytes.CutPrefix(f[name], []byte("-> ")); ok {
			h.Typeflag, h.Linkname, h.Size = tar.TypeSymlink, string(target), 0
		}
		if err := tw.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := tw.Write(f[name]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func (f files) dir(t testing.TB, root string) string {
	t.Helper()
	for name, b := range f {
		p := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, ok := bytes.CutPrefix(b, []byte("-> ")); ok {
			err = os.Symlink(string(target), p)
		} else {
			err = os.WriteFile(p, b, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func put(t testing.TB, name string, b []byte) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(p, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return p
}

// host is the platform that is chosen when nobody says.
func host() ocispec.Platform {
	p, _, _ := (&Options{}).wanted()
	return p
}

// foreign is a platform that is not the host's.
func foreign() ocispec.Platform {
	return ocispec.Platform{OS: "linux", Architecture: "s390x"}
}
