package format

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-delta/docker-delta/internal/testrig"
)

// layoutOf writes a layout with any documents, whose digests fit.
func layoutOf(t *testing.T, index, manifest, config []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	add := func(name string, data []byte) { testrig.AddMember(t, w, name, data) }
	if manifest == nil {
		manifest = fmt.Appendf(nil, `{"schemaVersion":2,"artifactType":%q,"config":{"mediaType":%q,"digest":%q,"size":%d},"layers":[]}`,
			ArtifactType, MediaTypeConfig, digest.FromBytes(config), len(config))
	}
	if index == nil {
		index = fmt.Appendf(nil, `{"schemaVersion":2,"manifests":[{"mediaType":%q,"digest":%q,"size":%d}]}`,
			ocispec.MediaTypeImageManifest, digest.FromBytes(manifest), len(manifest))
	}
	add(ocispec.ImageLayoutFile, []byte(`{"imageLayoutVersion":"1.0.0"}`))
	add(ocispec.ImageIndexFile, index)
	add("blobs/sha256/"+digest.FromBytes(manifest).Encoded(), manifest)
	add("blobs/sha256/"+digest.FromBytes(config).Encoded(), config)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What is read into memory is refused when it is too large, before it is parsed.
func TestHostileSizes(t *testing.T) {
	spaces := func(n int) []byte { return append([]byte("{}"), bytes.Repeat([]byte(" "), n-1)...) }
	members := func(n int) []byte {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for i := range n {
			if err := w.WriteHeader(&tar.Header{Name: fmt.Sprint("x", i), Mode: 0o644}); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"index":       {layoutOf(t, spaces(MaxManifest), nil, []byte("{}")), "over the limit of 4194304"},
		"manifest":    {layoutOf(t, nil, spaces(MaxManifest), []byte("{}")), "4194304"},
		"description": {layoutOf(t, nil, nil, spaces(MaxConfig)), "16777216"},
		"members":     {members(MaxMembers + 1), "over 8192 members"},
	} {
		if _, err := Open(bytes.NewReader(c.b), int64(len(c.b))); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Layers are bounded by their number, in the package and in a base.
func TestHostileLayers(t *testing.T) {
	id := digest.FromString("x")
	for name, change := range map[string]func(c *Config){
		"of the package": func(c *Config) {
			for i := range MaxLayers + 1 {
				c.Layers = append(c.Layers, Layer{DiffID: digest.FromString(fmt.Sprint(i)), Carried: CarriedBase})
			}
		},
		"of a base": func(c *Config) {
			c.Bases = []Base{{ID: id, DiffIDs: make([]digest.Digest, MaxLayers+1)}}
			for i := range c.Bases[0].DiffIDs {
				c.Bases[0].DiffIDs[i] = id
			}
		},
	} {
		c := &Config{FormatVersion: Version, Metadata: id, Layers: []Layer{}, Targets: []Target{{Config: Part{Digest: id}, Layers: []int{}}}}
		change(c)
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseConfig(b); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "over 4096 layers") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
