package image

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-delta/docker-delta/internal/limit"
)

// Limits on JSON documents, which are held in memory, and on what they list.
const (
	maxJSON      = 4 << 20
	maxLayers    = 4096
	maxManifests = 4096
	maxNames     = 4096 // in docker's manifest.json, each compared with the others
	maxDepth     = 8    // an index in an index in an index
)

// Media types of docker's schema 2, the older brothers of OCI's.
const (
	dockerManifestType = "application/vnd.docker.distribution.manifest.v2+json"
	dockerIndexType    = "application/vnd.docker.distribution.manifest.list.v2+json"
	dockerConfigType   = "application/vnd.docker.container.image.v1+json"
)

type docKind int

const (
	docOther    docKind = iota
	docIndex            // an object with "manifests"
	docManifest         // an object with "layers"
	docDocker           // docker's manifest.json: an array with "Config" and "Layers"
	docSchema1          // an object with "fsLayers"
)

func (k docKind) String() string {
	return [...]string{"other JSON", "an index", "an image manifest", "docker's manifest.json", "a docker schema 1 manifest"}[k]
}

// dockerEntry is one image in docker's manifest.json.
type dockerEntry struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// document is a JSON file, told apart by what is in it.
type document struct {
	kind      docKind
	raw       []byte
	mediaType string // what the content says or implies
	index     []ocispec.Descriptor
	manifest  ocispec.Manifest
	docker    []dockerEntry
}

func (d *document) descriptor() ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: d.mediaType, Digest: digest.FromBytes(d.raw), Size: int64(len(d.raw))}
}

// parseDocument recognises raw. A document that could be read as two kinds is
// refused, as the OCI image spec asks (CVE-2021-41190).
func parseDocument(raw []byte) (*document, error) {
	if len(raw) > maxJSON {
		return nil, fmt.Errorf("the JSON document has %d bytes, more than the limit of %d", len(raw), maxJSON)
	}
	d := &document{raw: raw}
	if t := bytes.TrimLeft(raw, " \t\r\n"); len(t) > 0 && t[0] == '[' {
		if err := limit.Unmarshal(raw, &d.docker); err != nil {
			return nil, fmt.Errorf("wrong JSON: %w", err)
		}
		if len(d.docker) > maxManifests {
			return nil, fmt.Errorf("docker's manifest.json names %d images, more than the limit of %d", len(d.docker), maxManifests)
		}
		names := 0
		for _, e := range d.docker {
			if names += len(e.RepoTags); names > maxNames {
				return nil, fmt.Errorf("docker's manifest.json gives more than %d names", maxNames)
			}
			if e.Config == "" {
				return nil, fmt.Errorf("%w: a JSON array without the Config and Layers of docker's manifest.json", ErrNotImage)
			}
			if len(e.Layers) > maxLayers {
				return nil, fmt.Errorf("an image with %d layers, more than the limit of %d", len(e.Layers), maxLayers)
			}
		}
		d.kind = docDocker
		return d, nil
	}
	var keys struct {
		MediaType string          `json:"mediaType"`
		Manifests json.RawMessage `json:"manifests"`
		Layers    json.RawMessage `json:"layers"`
		FSLayers  json.RawMessage `json:"fsLayers"`
	}
	if err := limit.Unmarshal(raw, &keys); err != nil {
		return nil, fmt.Errorf("wrong JSON: %w", err)
	}
	d.mediaType = keys.MediaType
	var err error
	switch {
	case keys.Manifests != nil && keys.Layers != nil:
		return nil, fmt.Errorf("%w: an object with both manifests and layers", ErrNotImage)
	case keys.Manifests != nil:
		d.kind = docIndex
		if err = limit.Unmarshal(keys.Manifests, &d.index); err == nil && len(d.index) > maxManifests {
			err = fmt.Errorf("an index of %d manifests, more than the limit of %d", len(d.index), maxManifests)
		}
		for _, m := range d.index {
			if err == nil {
				err = checkDescriptor(m)
			}
		}
		if d.mediaType == "" {
			d.mediaType = ocispec.MediaTypeImageIndex
		}
	case keys.Layers != nil:
		d.kind = docManifest
		err = d.parseManifest()
	case keys.FSLayers != nil:
		d.kind = docSchema1
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.kind, err)
	}
	return d, nil
}

func (d *document) parseManifest() error {
	if err := limit.Unmarshal(d.raw, &d.manifest); err != nil {
		return fmt.Errorf("wrong JSON: %w", err)
	}
	m := &d.manifest
	if len(m.Layers) > maxLayers {
		return fmt.Errorf("%d layers, more than the limit of %d", len(m.Layers), maxLayers)
	}
	for _, desc := range append([]ocispec.Descriptor{m.Config}, m.Layers...) {
		if err := checkDescriptor(desc); err != nil {
			return err
		}
	}
	if d.mediaType == "" { // optional in OCI, required in docker's
		d.mediaType = ocispec.MediaTypeImageManifest
		if m.Config.MediaType == dockerConfigType {
			d.mediaType = dockerManifestType
		}
	}
	return nil
}

func checkDescriptor(d ocispec.Descriptor) error {
	if err := checkDigest(d.Digest); err != nil {
		return err
	}
	if d.Size < 0 {
		return fmt.Errorf("%s has the size %d", d.Digest, d.Size)
	}
	return nil
}

// imageConfig is the part of an image config that is needed here.
type imageConfig struct {
	ocispec.Platform
	RootFS struct {
		DiffIDs []digest.Digest `json:"diff_ids"`
	} `json:"rootfs"`
}

// parseConfig reads the config of an image with n layers.
func parseConfig(raw []byte, n int) (*imageConfig, error) {
	var c imageConfig
	if err := limit.Unmarshal(raw, &c); err != nil {
		return nil, fmt.Errorf("the image config is wrong JSON: %w", err)
	}
	if len(c.RootFS.DiffIDs) != n {
		return nil, fmt.Errorf("%w: the config lists %d layers (rootfs.diff_ids), the manifest %d", ErrNotImage, len(c.RootFS.DiffIDs), n)
	}
	for _, d := range c.RootFS.DiffIDs {
		if err := checkDigest(d); err != nil {
			return nil, fmt.Errorf("the image config: %w", err)
		}
	}
	return &c, nil
}
