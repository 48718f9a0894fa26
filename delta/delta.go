// Package delta ships an image update as what really changed.
//
// [Create] writes the delta between images. To apply it, [Open] reads it, and
// [Delta.Rebuild] gives the target back as an [image.Image], which
// [image.Write] stores anywhere; their examples are whole programs. [Delta.Verify]
// proves a delta without storing anything; [CreateFile] and [ApplyFile] do the
// same work for plain files.
//
// What comes back is exact: the image's config (so the image ID) and every
// layer's decompressed tar always; the compressed blobs, and with them the
// manifest, wherever Create found how they were made.
//
// Before version 1.0 of this module, the API may change; the package format is
// versioned on its own, see docs/format.md.
package delta

import (
	"errors"
	"runtime"

	"github.com/docker-delta/docker-delta/diff"
	"github.com/docker-delta/docker-delta/internal/spool"
)

var (
	// ErrBase reports that the base is not the one that the delta needs, or is
	// damaged.
	ErrBase = errors.New("the base is missing or does not fit")
	// ErrVerify reports that a delta is damaged or did not give what it promised.
	ErrVerify = errors.New("verification failed")
	// ErrNotExact reports that compressed blobs cannot be rebuilt although that
	// was required.
	ErrNotExact = errors.New("compressed layers cannot be rebuilt exactly")
)

// Level trades creation time for size; see [diff.Level].
type Level = diff.Level

// The levels.
const (
	Fast    = diff.Fast
	Default = diff.Default
	Max     = diff.Max
)

// Exactness says what to do about the target's compressed blobs.
type Exactness int

const (
	// ExactAuto rebuilds blobs exactly wherever their encoder is recognised.
	ExactAuto Exactness = iota
	// ExactRequire carries blobs whole where it is not.
	ExactRequire
	// ExactOff ignores compressed blobs.
	ExactOff
)

// Resources bound what an operation may use.
type Resources struct {
	// TempDir is where temporary files go; empty means the system's place.
	TempDir string
	// MaxTemp bounds the bytes in temporary files; 0 means nine tenths of what is
	// free in TempDir.
	MaxTemp int64
	// MaxMemory bounds the tables that are made from what comes from outside, in
	// bytes; 0 means a gigabyte. Coders and buffers come on top.
	MaxMemory int64
	// MaxImage bounds the bytes of a rebuilt image's layers, as tars; 0 means no
	// bound.
	MaxImage int64
	// Concurrency is the number of cores to use; 0 means all.
	Concurrency int
	// Progress, if set, is told how far the work is. It is called from several
	// goroutines.
	Progress func(Progress)
	// Debugf, if set, is told what was decided and why.
	Debugf func(format string, args ...any)
}

// Progress is a step of an operation.
type Progress struct {
	Stage string // "read base", "match", "code", …
	// Layer is the layer worked on, counted from 1, of Layers; 0 if it does not
	// matter.
	Layer, Layers int
	// Done and Total are bytes; Total is 0 while it is not known.
	Done, Total int64
	// Finished ends a step that has told of bytes.
	Finished bool
}

func (r *Resources) workers() int {
	if r.Concurrency > 0 {
		return r.Concurrency
	}
	return runtime.GOMAXPROCS(0)
}

func (r *Resources) debugf(format string, args ...any) {
	if r.Debugf != nil {
		r.Debugf(format, args...)
	}
}

func (r *Resources) progress(p Progress) {
	if r.Progress != nil {
		r.Progress(p)
	}
}

func (r *Resources) dir() *spool.Dir { return spool.NewDir(r.TempDir, r.MaxTemp) }
