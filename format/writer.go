package format

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"strconv"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Data is a blob to be written into a package.
type Data struct {
	MediaType string
	Digest    digest.Digest
	Size      int64
	Open      func() (io.ReadCloser, error)
}

// Write writes a package. The same arguments give the same bytes.
func Write(w io.Writer, c *Config, subject *ocispec.Descriptor, annotations map[string]string, blobs []Data) error {
	if err := c.check(); err != nil {
		return err
	}
	config, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if len(config) > MaxConfig {
		return fmt.Errorf("the description of the delta has %d bytes, over the limit of %d", len(config), MaxConfig)
	}
	manifest := Manifest{
		Versioned:    specs.Versioned{SchemaVersion: 2},
		MediaType:    ocispec.MediaTypeImageManifest,
		ArtifactType: ArtifactType,
		Config:       describe(MediaTypeConfig, config),
		Subject:      subject,
		Annotations:  maps.Clone(annotations),
	}
	if manifest.Annotations == nil {
		manifest.Annotations = make(map[string]string)
	}
	size := int64(len(config))
	for _, b := range blobs {
		manifest.Layers = append(manifest.Layers, ocispec.Descriptor{MediaType: b.MediaType, Digest: b.Digest, Size: b.Size})
		size += b.Size
	}
	manifest.Annotations[AnnotationSize] = strconv.FormatInt(size, 10)
	manifestRaw, err := json.Marshal(manifest)
	if err != nil {
		return err
	}
	desc := describe(ocispec.MediaTypeImageManifest, manifestRaw)
	desc.ArtifactType = ArtifactType
	index, err := json.Marshal(ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageIndex,
		Manifests: []ocispec.Descriptor{desc},
	})
	if err != nil {
		return err
	}
	layout, err := json.Marshal(ocispec.ImageLayout{Version: ocispec.ImageLayoutVersion})
	if err != nil {
		return err
	}
	var packer io.Closer = io.NopCloser(nil)
	if size+int64(len(manifestRaw)) <= packBelow {
		z, err := newPacker(w)
		if err != nil {
			return err
		}
		w, packer = z, z
	}
	t := &tarWriter{w: tar.NewWriter(w)}
	t.file(ocispec.ImageLayoutFile, layout)
	t.file(ocispec.ImageIndexFile, index)
	t.file(blobPath(desc.Digest), manifestRaw)
	t.file(blobPath(manifest.Config.Digest), config)
	written := make(map[digest.Digest]bool)
	for _, b := range blobs {
		if written[b.Digest] {
			continue
		}
		written[b.Digest] = true
		t.blob(b)
	}
	if err := errors.Join(t.err, t.w.Close()); err != nil {
		return err
	}
	return packer.Close()
}

func describe(mediaType string, b []byte) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(b), Size: int64(len(b))}
}

func blobPath(d digest.Digest) string {
	return ocispec.ImageBlobsDir + "/" + d.Algorithm().String() + "/" + d.Encoded()
}

type tarWriter struct {
	w   *tar.Writer
	err error
}

func (t *tarWriter) header(name string, size int64) {
	if t.err == nil {
		t.err = t.w.WriteHeader(&tar.Header{
			Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644,
			ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR,
		})
	}
}

func (t *tarWriter) file(name string, b []byte) {
	t.header(name, int64(len(b)))
	if t.err == nil {
		_, t.err = t.w.Write(b)
	}
}

func (t *tarWriter) blob(b Data) {
	t.header(blobPath(b.Digest), b.Size)
	if t.err != nil {
		return
	}
	r, err := b.Open()
	if err != nil {
		t.err = err
		return
	}
	defer r.Close()
	verifier := b.Digest.Verifier()
	n, err := io.Copy(t.w, io.TeeReader(r, verifier))
	if err == nil && (n != b.Size || !verifier.Verified()) {
		err = fmt.Errorf("blob %s changed while it was written", b.Digest)
	}
	t.err = err
}
