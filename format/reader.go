package format

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Package is an open package whose manifest and Config have been checked.
type Package struct {
	Config   *Config
	Manifest *Manifest
	// Descriptor is that of the manifest.
	Descriptor ocispec.Descriptor
	files      files
	fileSize   int64    // 0 for a directory
	verified   sync.Map // of digest.Digest: blobs whose bytes were found to match
}

// OpenPath opens a package: a file, or an OCI layout directory that holds the
// package alone.
func OpenPath(path string) (*Package, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return OpenDir(path, nil)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	p, err := Open(f, info.Size())
	if err != nil {
		f.Close()
		return nil, err
	}
	p.files.(*tarFiles).closer = f
	return p, nil
}

// OpenDir opens a package in an OCI layout directory. check, if it is not nil, sees
// the manifest before it is parsed, and may refuse it.
func OpenDir(root string, check func(manifest []byte) error) (*Package, error) {
	return open(&dirFiles{root: root}, check)
}

// Open opens a package of size bytes, a tar, compressed with gzip or not.
func Open(r io.ReaderAt, size int64) (*Package, error) {
	fileSize := size
	if isPatch(r) {
		return nil, fmt.Errorf("%w: %w", ErrNotPackage, ErrPatch)
	}
	if isPacked(r) {
		b, err := unpack(r, size)
		if err != nil {
			return nil, err
		}
		r, size = bytes.NewReader(b), int64(len(b))
	}
	t, err := indexTar(r, size)
	if err != nil {
		return nil, err
	}
	p, err := open(t, nil)
	if err != nil {
		return nil, err
	}
	p.fileSize = fileSize
	return p, nil
}

func open(fs files, check func([]byte) error) (*Package, error) {
	p := &Package{files: fs}
	raw, err := readSmall(fs, ocispec.ImageIndexFile, MaxManifest)
	if errors.Is(err, os.ErrNotExist) {
		if _, err := fs.open("manifest.json"); err == nil {
			return nil, fmt.Errorf("%w: it is an image", ErrNotPackage) // of docker save
		}
		return nil, fmt.Errorf("%w: it has no %s", ErrNotPackage, ocispec.ImageIndexFile)
	}
	if err != nil {
		return nil, err
	}
	if p.Descriptor, err = parseIndex(raw); err != nil {
		return nil, err
	}
	raw, err = p.small(p.Descriptor, MaxManifest)
	if err != nil {
		return nil, err
	}
	if check != nil {
		if err := check(raw); err != nil {
			return nil, err
		}
	}
	var m Manifest
	if err := unmarshalOnce(raw, &m); err != nil {
		return nil, corrupt("its manifest: %v", err)
	}
	if m.ArtifactType != ArtifactType && m.Config.MediaType != MediaTypeConfig {
		if isNewer(m.ArtifactType) {
			return nil, fmt.Errorf("%w: artifact type %s", ErrVersion, m.ArtifactType)
		}
		what := "an image"
		if m.ArtifactType != "" {
			what = "an artifact of type " + m.ArtifactType
		}
		return nil, fmt.Errorf("%w: it is %s", ErrNotPackage, what)
	}
	if a := p.Descriptor.ArtifactType; a != "" && a != m.ArtifactType {
		return nil, corrupt("its index gives another artifact type than its manifest")
	}
	raw, err = readSmall(fs, ocispec.ImageLayoutFile, MaxManifest)
	if errors.Is(err, os.ErrNotExist) {
		return nil, corrupt("it has no %s", ocispec.ImageLayoutFile)
	}
	if err != nil {
		return nil, err
	}
	if err := checkLayout(raw); err != nil {
		return nil, err
	}
	p.Manifest = &m
	raw, err = p.small(m.Config, MaxConfig)
	if err != nil {
		return nil, err
	}
	if p.Config, err = ParseConfig(raw); err != nil {
		return nil, err
	}
	return p, p.checkBlobs()
}

func isNewer(artifactType string) bool {
	return strings.HasPrefix(artifactType, strings.TrimSuffix(ArtifactType, "1"))
}

// checkBlobs makes sure that every blob the Config refers to is there.
func (p *Package) checkBlobs() error {
	have := make(map[digest.Digest]bool)
	for _, d := range p.Manifest.Layers {
		if err := checkDigest("blob", d.Digest); err != nil {
			return err
		}
		have[d.Digest] = true
	}
	if !have[p.Config.Metadata] {
		return corrupt("the manifest does not list the metadata")
	}
	layers := p.Config.Layers
	for _, step := range p.Config.Steps {
		layers = append(layers[:len(layers):len(layers)], step.Layers...)
	}
	for _, l := range layers {
		if l.Data != "" && !have[l.Data] {
			return corrupt("the manifest does not list the data of layer %s", l.DiffID)
		}
		for _, b := range l.Blobs {
			if b.Carried && !have[b.Digest] {
				return corrupt("the manifest does not list blob %s", b.Digest)
			}
		}
	}
	return nil
}

// small reads a described blob into memory, and verifies it there, where nobody
// else can change it.
func (p *Package) small(d ocispec.Descriptor, limit int64) ([]byte, error) {
	r, err := p.find(d)
	if err != nil {
		return nil, err
	}
	if r.Size() > limit {
		return nil, corrupt("blob %s has %d bytes, over the limit of %d", d.Digest, r.Size(), limit)
	}
	b := make([]byte, r.Size())
	if _, err = r.ReadAt(b, 0); err != nil && err != io.EOF {
		return nil, err
	}
	if digest.FromBytes(b) != d.Digest {
		return nil, corrupt("the bytes of blob %s do not match its digest", d.Digest)
	}
	return b, nil
}

// Blob gives a blob of the manifest after its digest was verified.
func (p *Package) Blob(d digest.Digest) (*io.SectionReader, error) {
	for _, desc := range p.Manifest.Layers {
		if desc.Digest == d {
			return p.blob(desc)
		}
	}
	return nil, corrupt("it has no blob %s", d)
}

// BlobSize is the size of a blob of the manifest, 0 if there is none.
func (p *Package) BlobSize(d digest.Digest) int64 {
	for _, desc := range p.Manifest.Layers {
		if desc.Digest == d {
			return desc.Size
		}
	}
	return 0
}

// FileSize is the number of bytes of the package's file, 0 where the package
// lies in a directory.
func (p *Package) FileSize() int64 { return p.fileSize }

// Size is the number of bytes of all parts of the package: what a registry
// transfers.
func (p *Package) Size() int64 {
	size := p.Descriptor.Size + p.Manifest.Config.Size
	for _, d := range p.Manifest.Layers {
		size += d.Size
	}
	return size
}

// find gives a described blob of the right size, unverified.
func (p *Package) find(d ocispec.Descriptor) (*io.SectionReader, error) {
	if err := checkDigest("blob", d.Digest); err != nil {
		return nil, err
	}
	r, err := p.files.open(blobPath(d.Digest))
	if errors.Is(err, os.ErrNotExist) {
		return nil, corrupt("blob %s is missing", d.Digest)
	}
	if err != nil {
		return nil, err
	}
	if r.Size() != d.Size {
		return nil, corrupt("blob %s has %d bytes in place of %d", d.Digest, r.Size(), d.Size)
	}
	return r, nil
}

func (p *Package) blob(d ocispec.Descriptor) (*io.SectionReader, error) {
	r, err := p.find(d)
	if err != nil {
		return nil, err
	}
	if _, ok := p.verified.Load(d.Digest); !ok {
		v := d.Digest.Verifier()
		if _, err := io.Copy(v, io.NewSectionReader(r, 0, r.Size())); err != nil {
			return nil, err
		}
		if !v.Verified() {
			return nil, corrupt("the bytes of blob %s do not match its digest", d.Digest)
		}
		p.verified.Store(d.Digest, true)
	}
	return r, nil
}

// Close closes the package's file.
func (p *Package) Close() error { return p.files.Close() }
