// Package format reads and writes the package that carries a delta.
//
// A package is an OCI image layout (image-spec v1.1) in one tar, which is
// compressed with gzip if it is small.
// Its index names one manifest with the artifact type [ArtifactType]; the
// manifest's subject is the manifest of the target image; its config is a
// [Config], and its layers are the blobs that the Config refers to by digest.
// So any tool that copies OCI artifacts can carry a package, and any registry
// can keep it.
//
// This package knows how the parts lie on the wire and checks everything that
// can be checked without doing the work: digests, sizes, references between
// parts, limits. What the blobs mean is the business of package delta; all of
// it is specified in docs/format.md.
package format

import (
	"errors"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Version is the version of the format that this package reads and writes.
const Version = 1

// Media types of a package's parts.
const (
	ArtifactType      = "application/vnd.docker-delta.v1"
	MediaTypeConfig   = "application/vnd.docker-delta.config.v1+json"
	MediaTypeMetadata = "application/vnd.docker-delta.metadata.v1"
	MediaTypeLayer    = "application/vnd.docker-delta.layer.v1"
	MediaTypeBlob     = "application/vnd.docker-delta.blob.v1"
)

// What a signature of a package is in a registry: an artifact that refers to the
// package and holds the text of the signature as its only layer.
const (
	ArtifactTypeSignature = "application/vnd.docker-delta.signature.v1"
	MediaTypeSignature    = "application/vnd.docker-delta.signature.minisign.v1"
)

// Annotations on the manifest, for those who look at a package in a registry.
const (
	AnnotationBase       = "io.docker-delta.base.digest"   // image ID of the base
	AnnotationBaseName   = "io.docker-delta.base.name"     // a name of the base
	AnnotationTarget     = "io.docker-delta.target.digest" // image ID of the target
	AnnotationTargetName = "io.docker-delta.target.name"   // a name of the target
	AnnotationPlatform   = "io.docker-delta.platform"      // os/arch[/variant]

	// These let a receiver choose among the packages in a registry by their list
	// alone.
	AnnotationBaseChain    = "io.docker-delta.base.chain-id" // ChainID of the base's layers
	AnnotationBaseManifest = "io.docker-delta.base.manifest" // digest of the base's manifest
	AnnotationOtherBases   = "io.docker-delta.base.others"   // bases of which any one will do as well, see Alternatives
	AnnotationSize         = "io.docker-delta.size"          // bytes of the config and the blobs
)

// Limits on the parts that are read into memory as a whole.
const (
	MaxManifest = 4 << 20  // bytes of an index or manifest
	MaxConfig   = 16 << 20 // bytes of a Config
	MaxMetadata = 64 << 20 // bytes of metadata, coded or not
	MaxLayers   = 4096     // layers in a base or target
	MaxBlobs    = 256      // compressed forms of one layer
	MaxMembers  = 8192     // members of the tar
	MaxTargets  = 1024     // bases or targets
	MaxSteps    = 64
)

// Features that a package may require of its readers.
const (
	// FeatureBundle is required by a package with several images for one
	// platform, so that a reader that chooses by platform alone refuses it.
	FeatureBundle = "bundle"
	// FeatureIndex is required by a package with indexes.
	FeatureIndex = "index"
	// FeatureSteps is required by a package with steps.
	FeatureSteps = "steps"
)

var (
	// ErrNotPackage reports a file that is no package of ours at all.
	ErrNotPackage = errors.New("not a delta package")
	// ErrVersion reports a package of a version, or with a required feature or an
	// encoder, that this program does not know.
	ErrVersion = errors.New("made for a newer version of docker-delta")
	// ErrPatch reports, beside ErrNotPackage, a patch between two plain files.
	ErrPatch = errors.New("it is a patch between two plain files, made by file create")
	// ErrNotPatch reports, beside ErrNotPackage, a file that is no such patch.
	ErrNotPatch = errors.New("it is no patch made by file create")
	// ErrCorrupt reports a package that is damaged or contradicts itself.
	ErrCorrupt = errors.New("damaged delta package")
)

// Config says what a package holds. It is coded as canonical JSON: exactly as
// encoding/json writes these structs, without spaces.
type Config struct {
	FormatVersion int `json:"formatVersion"`
	// Requires names the features a reader must know to rebuild the target.
	Requires []string `json:"requires,omitempty"`
	// Bases are the images that the receiver is expected to have.
	Bases []Base `json:"bases,omitempty"`
	// Targets are the images that the package rebuilds.
	Targets []Target `json:"targets"`
	// Artifacts are what the indexes name beside images, such as attestations.
	// Their layers are blobs that are not compressed, whatever is in them.
	Artifacts []Target `json:"artifacts,omitempty"`
	// Indexes are exact image indexes that name the targets' manifests, where
	// the package holds all platforms of an image. An index that names another
	// comes after it.
	Indexes []Index `json:"indexes,omitempty"`
	// Reference lists the base layers, by DiffID, that make up the reference,
	// in the order of their addresses.
	Reference []ReferenceLayer `json:"reference,omitempty"`
	// Steps give, from other bases, layers that the reference is made of.
	Steps []Step `json:"steps,omitempty"`
	// Layers are all layers of the targets, each once, in the order in which
	// they must be rebuilt.
	Layers []Layer `json:"layers"`
	// Metadata is the blob that holds the parts that are given by number.
	Metadata digest.Digest `json:"metadata"`
}

// Base identifies a base image.
type Base struct {
	Names    []string      `json:"names,omitempty"`
	ID       digest.Digest `json:"id"` // digest of its config
	Platform string        `json:"platform,omitempty"`
	// DiffIDs are its layers, lowest first.
	DiffIDs []digest.Digest `json:"diffIDs"`
}

// ReferenceLayer is a layer of a base that the delta copies from.
type ReferenceLayer struct {
	DiffID digest.Digest `json:"diffID"`
	Size   int64         `json:"size"` // of the decompressed tar
}

// Target is an image that the package rebuilds.
type Target struct {
	Names    []string `json:"names,omitempty"`
	Platform string   `json:"platform,omitempty"`
	// Config is the image config; its digest is the image ID.
	Config Part `json:"config"`
	// Manifest is the exact manifest, where the target had one.
	Manifest *Part `json:"manifest,omitempty"`
	// Layers are the image's layers, lowest first, as numbers into
	// Config.Layers.
	Layers []int `json:"layers"`
}

// Step rebuilds layers of which the package's reference, or that of a later step,
// is made, for a receiver that lacks them.
type Step struct {
	// Bases are the images that the receiver has in place of those layers.
	Bases []Base `json:"bases"`
	// Reference and Layers are as in Config. The layers have no blobs.
	Reference []ReferenceLayer `json:"reference,omitempty"`
	// Streams is the part of the metadata that says what is unwrapped from the
	// reference.
	Streams int     `json:"streams"`
	Layers  []Layer `json:"layers"`
}

// Index is an image index that the package rebuilds.
type Index struct {
	Names []string `json:"names,omitempty"`
	Part
}

// Part is a run of the metadata.
type Part struct {
	MediaType string        `json:"mediaType,omitempty"`
	Digest    digest.Digest `json:"digest"`
	Size      int64         `json:"size"`
	Part      int           `json:"part"`
}

// How a layer is carried.
const (
	CarriedBase  = "base"  // the base has it; nothing is sent
	CarriedDelta = "delta" // coded against the reference
	CarriedBlob  = "blob"  // as the compressed blob of the target
	// CarriedNot marks a layer of a step that nobody needs; its place among the
	// plain streams stays, so that the addresses of the others do.
	CarriedNot = "not"
)

// Layer is a layer of a target.
type Layer struct {
	DiffID digest.Digest `json:"diffID"`
	Size   int64         `json:"size"` // of the decompressed tar
	// Carried is one of the constants above.
	Carried string `json:"carried"`
	// Data is the blob of this package that carries it.
	Data digest.Digest `json:"data,omitempty"`
	// Plain is the number of bytes of the plain stream of a layer that is not
	// carried.
	Plain int64 `json:"plain,omitempty"`
	// Blobs are the layer's compressed forms in the targets' manifests.
	Blobs []Blob `json:"blobs,omitempty"`
}

// Blob is a compressed form of a layer.
type Blob struct {
	MediaType string        `json:"mediaType"`
	Digest    digest.Digest `json:"digest"`
	Size      int64         `json:"size"`
	// Recipe is the part of the metadata that rebuilds the blob from the
	// decompressed tar. A blob that is not compressed needs none, nor does one
	// that the package carries; any other cannot be rebuilt without.
	Recipe *int `json:"recipe,omitempty"`
	// Carried tells that the package holds the blob itself.
	Carried bool `json:"carried,omitempty"`
}

// Manifest is what the package's manifest says.
type Manifest = ocispec.Manifest
