// Package ocidelta reads and writes the packages of github.com/containers/oci-delta,
// a tool for updates of bootc hosts. Such a package is an OCI artifact too: beside
// the target's manifest and config it holds each new layer as a tar-diff, which
// is applied to the files of the base, or as it is.
//
// What it gives up, compared with packages of package delta: compressed files are
// not looked into, and no compressed layer that was diffed comes back bit for bit,
// so the manifest's digest changes unless all new layers are whole.
package ocidelta

import (
	"context"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/internal/limit"
	"github.com/docker-delta/docker-delta/ocidelta/internal/tardiff"
)

// ArtifactType is that of the packages.
const ArtifactType = "application/vnd.io.github.containers.oci-delta.v1"

// The annotations of a package, and of the blobs in it.
const (
	annotationPrefix       = "io.github.containers.delta."
	annotationContent      = annotationPrefix + "content"
	annotationTo           = annotationPrefix + "to"
	annotationSource       = annotationPrefix + "source"
	annotationSourceConfig = annotationPrefix + "source-config"
	annotationTarget       = annotationPrefix + "target"
	annotationReused       = annotationPrefix + "reused"
	annotationReusedDiffID = annotationPrefix + "reused-diff-id"

	contentManifest = "image-manifest"
	contentConfig   = "image-config"
	contentLayer    = "image-layer"
)

// Limits of what is read.
const (
	maxJSON   = 4 << 20 // bytes of a manifest or a config
	maxLayers = 4096    // of the target
)

// ErrNotPackage reports what is no package of oci-delta.
var ErrNotPackage = errors.New("not a package of oci-delta")

// corrupt reports a damaged package.
func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: the package is damaged: %s", delta.ErrVerify, fmt.Sprintf(format, args...))
}

// classify marks what is damage.
func classify(err error) error {
	var damaged *image.DigestError
	if errors.Is(err, tardiff.ErrCorrupt) || errors.As(err, &damaged) {
		return fmt.Errorf("%w: %w", delta.ErrVerify, err)
	}
	return err
}

// Package is an open package.
type Package struct {
	artifact *image.Artifact
	raw      []byte // the target's manifest
	manifest ocispec.Manifest
	config   []byte
	diffIDs  []digest.Digest
	platform ocispec.Platform
	carried  map[digest.Digest]ocispec.Descriptor // blobs, by the target's blob that they give
}

// Open opens a package: an archive, or an OCI layout directory. It fails with
// ErrNotPackage where there is something else.
func Open(ctx context.Context, path string, opt image.Options) (*Package, error) {
	a, err := image.OpenArtifact(ctx, path, opt)
	if errors.Is(err, image.ErrNotImage) {
		return nil, fmt.Errorf("%w: %w", ErrNotPackage, err)
	}
	if err != nil {
		return nil, err
	}
	p, err := parse(ctx, a)
	if err != nil {
		a.Close()
		return nil, fmt.Errorf("%s: %w", path, classify(err))
	}
	return p, nil
}

func parse(ctx context.Context, a *image.Artifact) (*Package, error) {
	if a.Manifest.ArtifactType != ArtifactType {
		return nil, fmt.Errorf("%w: its artifact type is %q", ErrNotPackage, a.Manifest.ArtifactType)
	}
	p := &Package{artifact: a, carried: map[digest.Digest]ocispec.Descriptor{}}
	var manifest, config *ocispec.Descriptor
	for i := range a.Manifest.Layers {
		l := &a.Manifest.Layers[i]
		switch l.Annotations[annotationContent] { // others may come with a later version
		case contentManifest:
			manifest = l
		case contentConfig:
			config = l
		case contentLayer:
			to := digest.Digest(l.Annotations[annotationTo])
			if to.Validate() != nil {
				return nil, corrupt("a layer for %q, which is no digest", to)
			}
			p.carried[to] = *l
		}
	}
	if manifest == nil || config == nil {
		return nil, corrupt("it lacks the manifest or the config of its target")
	}
	var err error
	if p.raw, err = a.Read(ctx, *manifest, maxJSON); err != nil {
		return nil, err
	}
	if err = limit.Unmarshal(p.raw, &p.manifest); err != nil {
		return nil, corrupt("the target's manifest: %v", err)
	}
	if p.manifest.MediaType == "" {
		p.manifest.MediaType = ocispec.MediaTypeImageManifest
	}
	if p.config, err = a.Read(ctx, *config, maxJSON); err != nil {
		return nil, err
	}
	if got := digest.FromBytes(p.config); got != p.manifest.Config.Digest {
		return nil, corrupt("its config is %s, the target's is %s", got, p.manifest.Config.Digest)
	}
	var c ocispec.Image
	if err = limit.Unmarshal(p.config, &c); err != nil {
		return nil, corrupt("the target's config: %v", err)
	}
	p.diffIDs, p.platform = c.RootFS.DiffIDs, c.Platform
	if len(p.diffIDs) > maxLayers {
		return nil, corrupt("the target has %d layers, more than the limit of %d", len(p.diffIDs), maxLayers)
	}
	if len(p.diffIDs) != len(p.manifest.Layers) {
		return nil, corrupt("the target's manifest names %d layers, its config %d", len(p.manifest.Layers), len(p.diffIDs))
	}
	for i, d := range p.diffIDs {
		b := p.manifest.Layers[i]
		if d.Validate() != nil || b.Digest.Validate() != nil || b.Size < 0 {
			return nil, corrupt("layer %d of the target: %q, %q of %d bytes", i+1, d, b.Digest, b.Size)
		}
	}
	return p, nil
}

// Close closes the package's file.
func (p *Package) Close() error { return p.artifact.Close() }

// Manifest is the descriptor of the package's manifest.
func (p *Package) Manifest() ocispec.Descriptor { return p.artifact.Descriptor }

// Base says what is known of the image that the package builds on: its ID and
// its manifest's digest, either may be empty, and layers that it must have.
func (p *Package) Base() (id, manifest digest.Digest, diffIDs []digest.Digest) {
	get := func(name string) digest.Digest {
		d := digest.Digest(p.artifact.Manifest.Annotations[name])
		if d.Validate() != nil {
			return ""
		}
		return d
	}
	for i, l := range p.manifest.Layers {
		if _, ok := p.carried[l.Digest]; !ok {
			diffIDs = append(diffIDs, p.diffIDs[i])
		}
	}
	return get(annotationSourceConfig), get(annotationSource), diffIDs
}

// How a layer comes back.
const (
	FromBase = "base"     // the base has it
	Diffed   = "tar-diff" // from the files of the base
	Whole    = "whole"    // the package has it as it is
)

// Layer tells of a layer of the target.
type Layer struct {
	DiffID digest.Digest `json:"diffID"`
	Blob   digest.Digest `json:"blob"`
	Size   int64         `json:"size"` // of the blob, compressed
	How    string        `json:"how"`
	InPkg  int64         `json:"inPackage"` // bytes
}

// Info tells what a package holds.
type Info struct {
	Kind         string        `json:"kind"` // "oci-delta"
	Manifest     digest.Digest `json:"manifest"`
	Size         int64         `json:"size"` // of all blobs, in bytes
	Base         digest.Digest `json:"base,omitempty"`
	BaseManifest digest.Digest `json:"baseManifest,omitempty"`
	Target       digest.Digest `json:"target"`
	TargetID     digest.Digest `json:"targetID"`
	Platform     string        `json:"platform"`
	Layers       []Layer       `json:"layers"`
}

// Info describes the package.
func (p *Package) Info() *Info {
	id, manifest, _ := p.Base()
	info := &Info{Kind: "oci-delta", Manifest: p.artifact.Descriptor.Digest, Base: id, BaseManifest: manifest,
		Target: digest.FromBytes(p.raw), TargetID: p.manifest.Config.Digest, Platform: image.FormatPlatform(p.platform),
		Size: p.artifact.Descriptor.Size + p.artifact.Manifest.Config.Size}
	for _, l := range p.artifact.Manifest.Layers {
		info.Size += l.Size
	}
	for i, l := range p.manifest.Layers {
		out := Layer{DiffID: p.diffIDs[i], Blob: l.Digest, Size: l.Size, How: FromBase}
		if c, ok := p.carried[l.Digest]; ok {
			out.How, out.InPkg = Whole, c.Size
			if c.MediaType == tardiff.MediaType {
				out.How = Diffed
			}
		}
		info.Layers = append(info.Layers, out)
	}
	return info
}
