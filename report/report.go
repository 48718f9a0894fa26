// Package report tells what an image update changes and what it costs.
//
// [Make] reads both images and compares them by layer, package, file type,
// directory and file. Each cost comes in three measures, all in bytes: Size, in
// the image; Pull, in the compressed layers that a pull has to fetch; Delta, in
// the delta, which Make creates for that purpose and throws away. [Report.Text],
// [Report.JSON] and [Report.HTML] show the same numbers.
//
// Packages are told by what package managers and builders leave in an image.
//
// The JSON form is documented in docs/howto-diff.md. Names in it come from the
// images and are not to be trusted; [Show] makes them fit to be seen.
package report

import (
	"github.com/opencontainers/go-digest"
)

// SchemaVersion is that of the JSON form. It rises when the meaning of a field
// changes or a field goes away; new fields may come without notice.
const SchemaVersion = 1

// Report is the whole comparison.
type Report struct {
	SchemaVersion int     `json:"schemaVersion"`
	Base          Image   `json:"base"`
	Target        Image   `json:"target"`
	Summary       Summary `json:"summary"`
	// Delta is nil if no delta was created.
	Delta    *Delta    `json:"delta,omitempty"`
	Advice   []Advice  `json:"advice"`
	Layers   []Layer   `json:"layers"`
	Packages []Package `json:"packages"`
	// Types and Directories add up the files.
	Types       []Group `json:"types"`
	Directories []Group `json:"directories"`
	// Files are those that are not the same in both images, and those that cost
	// anything.
	Files []*File `json:"files"`
}

// Image identifies an image.
type Image struct {
	Names    []string      `json:"names,omitempty"`
	ID       digest.Digest `json:"id"`
	Manifest digest.Digest `json:"manifest,omitempty"`
	Platform string        `json:"platform,omitempty"`
	Layers   int           `json:"layers"`
	// Tar is the number of bytes in the layers' tars.
	Tar int64 `json:"tar"`
	// Files counts the files that a container sees, directories aside.
	Files int `json:"files"`
}

// Cost is what something takes.
type Cost struct {
	// Size is the number of bytes in the files of the target, BaseSize in those
	// of the base.
	Size     int64 `json:"size"`
	BaseSize int64 `json:"baseSize"`
	// Pull is the share of the compressed layers that the base lacks.
	Pull float64 `json:"pull"`
	// Delta is the share of the delta.
	Delta float64 `json:"delta"`
}

func (c *Cost) add(o Cost) {
	c.Size += o.Size
	c.BaseSize += o.BaseSize
	c.Pull += o.Pull
	c.Delta += o.Delta
}

// Summary is what a reader wants first.
type Summary struct {
	Cost
	// Counts has the number of files, directories aside, in each [Status].
	Counts map[Status]int `json:"counts"`
	// LayersShared is the number of target layers that the base has, too.
	LayersShared int `json:"layersShared"`
	// PullEstimated tells that some layers have no compressed form, and that
	// Pull is what gzip makes of them.
	PullEstimated bool `json:"pullEstimated"`
}

// Delta tells about the delta as a whole. The sizes add up to Bytes.
type Delta struct {
	Level string `json:"level"`
	// Bytes is the size of the package, measured.
	Bytes int64 `json:"bytes"`
	// Contents and Headers are for files' contents and for tar headers; Rewrap
	// says how to compress again what is compressed inside of layers; Carried
	// are compressed layers carried as they are; Metadata is for configs,
	// manifests and recipes of layers; Other is the OCI artifact around it all.
	Contents float64 `json:"contents"`
	Headers  float64 `json:"headers"`
	Rewrap   int64   `json:"rewrap"`
	Carried  int64   `json:"carried"`
	Metadata int64   `json:"metadata"`
	Other    int64   `json:"other"`
	// Inexact names compressed layers that the delta does not give back bit for
	// bit.
	Inexact []string `json:"inexact,omitempty"`
}

// Layer is a layer of the target.
type Layer struct {
	Number int           `json:"number"` // from 1, the lowest
	DiffID digest.Digest `json:"diffID"`
	// Command is what made the layer, from the image's history.
	Command string `json:"command,omitempty"`
	// Shared tells that the base has the layer.
	Shared bool `json:"shared"`
	// Like is the number of the base's layer that is the same but for times.
	Like int `json:"like,omitempty"`
	// Tar is the length of the tar in bytes, Blob that of the compressed layer;
	// 0 if that is not known because the base has the layer.
	Tar           int64 `json:"tar"`
	Blob          int64 `json:"blob"`
	BlobEstimated bool  `json:"blobEstimated,omitempty"`
	// Files counts the entries by what they are against the base.
	Files  int            `json:"files"`
	Counts map[Status]int `json:"counts"`
	// Encoder tells how the delta gives back the compressed layer, in words;
	// Encoding classifies it, and Recipe is the number of bytes that this takes,
	// before they are coded themselves, or of the layer if it is carried.
	Encoder  string   `json:"encoder,omitempty"`
	Encoding Encoding `json:"encoding,omitempty"`
	Recipe   int64    `json:"recipe,omitempty"`
	// Pull and Delta are what the whole layer takes, see [Cost].
	Pull  int64 `json:"pull"`
	Delta int64 `json:"delta"`

	scanned *scanned
}

// Encoding says what becomes of a compressed layer in the delta.
type Encoding string

// The encodings; empty is a layer that was not compressed.
const (
	EncodingKnown     Encoding = "known"     // compressed again
	EncodingCorrected Encoding = "corrected" // the same, with corrections
	EncodingCarried   Encoding = "carried"   // carried as it is
	EncodingLost      Encoding = "lost"      // not given back bit for bit
)

// Group adds up files that have something in common.
type Group struct {
	// Name is a directory's path or a type's name.
	Name   string         `json:"name"`
	Counts map[Status]int `json:"counts"`
	Cost
}

// Package is software that an image names: by the database of a package manager,
// by what installers and builders leave. Listed are those whose version or files
// differ, and those that cost anything.
type Package struct {
	// Kind is "deb", "apk", "rpm", "python", "npm", "gem", "java", "go" (a
	// program) or "go module" (in a program; it has no files of its own).
	Kind string `json:"kind"`
	Name string `json:"name"`
	Arch string `json:"arch,omitempty"`
	// Where is the file that names the package, for packages of languages, of
	// which there can be several; what lies in an archive follows after "!/".
	Where string `json:"where,omitempty"`
	// Version and BaseVersion are those of the target and the base, empty where
	// the package is missing.
	Version     string `json:"version,omitempty"`
	BaseVersion string `json:"baseVersion,omitempty"`
	// Status is Added, Removed, Changed (another version) or Same.
	Status Status         `json:"status"`
	Counts map[Status]int `json:"counts"`
	Cost
}

// Status says what became of a file.
type Status string

// The statuses, as seen in the target.
const (
	Added   Status = "added"
	Removed Status = "removed"
	Changed Status = "changed" // another content, link or kind
	// Moved is a file under a new path that has the content of one that is gone.
	Moved    Status = "moved"
	Metadata Status = "metadata" // owner, mode or extended attributes differ
	Times    Status = "times"    // nothing but the modification time differs
	Same     Status = "same"
	// Hidden is a content in a layer that a layer above replaces or deletes.
	Hidden Status = "hidden"
)

// Statuses lists all, in the order in which they are shown.
var Statuses = []Status{Added, Removed, Changed, Moved, Metadata, Times, Same, Hidden}

// Kind is what a tar entry stands for.
type Kind string

// The kinds.
const (
	Regular   Kind = "file"
	Directory Kind = "directory"
	Symlink   Kind = "symlink"
	Hardlink  Kind = "hardlink"
	Device    Kind = "device"
	Fifo      Kind = "fifo"
)

// File is one path, in the target or, if it is removed, in the base.
type File struct {
	// Path starts at the root of the image with a slash. What is no UTF-8 in it
	// is replaced in JSON; Raw then has the very bytes.
	Path   string `json:"path"`
	Raw    []byte `json:"raw,omitempty"`
	Status Status `json:"status"`
	// From is the path that a file had which has moved, or which has changed and
	// has another version number in its path.
	From string `json:"from,omitempty"`
	Kind Kind   `json:"kind"`
	// Type is what the content is, by its first bytes; see [Group].
	Type string `json:"type"`
	// Package is the index in Report.Packages of the package that has the file,
	// or -1.
	Package int `json:"package"`
	// Layer is the number of the target's layer that has the file, or that says
	// that it is removed; 0 if there is none.
	Layer int `json:"layer"`
	// Differs lists what differs beside the content: "mode", "owner", "xattrs",
	// "time", "link", "kind".
	Differs []string `json:"differs,omitempty"`
	Cost

	// Inside tells where the delta's bytes are in a file that the delta looks
	// into, such as an archive: the costliest first.
	Inside []Part `json:"inside,omitempty"`

	base, target *entry // nil where the image lacks it
}

// Part is something in a file.
type Part struct {
	// Path leads into the file; what is in an archive in it follows after "!/".
	Path  string  `json:"path"`
	Delta float64 `json:"delta"`
}
