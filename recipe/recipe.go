// Package recipe turns compressed bytes into plain bytes and back, exactly.
//
// Unwrapping decompresses a blob (or a member inside a layer) and records a
// [Recipe]; rewrapping replays the recipe over the plain bytes and gives back
// every compressed byte. [Find] looks for the recipe and has proved it by the
// time it returns; [Recipe.NewWriter] replays it; [NewReader] decompresses.
//
// A recipe names its encoder by class, not by program: all programs of one
// class write identical bytes. The encoders live in this module, so that the
// bytes they write depend on neither the Go toolchain nor on other modules.
package recipe

import (
	"context"
	"errors"
	"io"
)

// Format is the compressed format that a recipe rebuilds.
type Format uint8

// The formats that can be unwrapped.
const (
	Unknown Format = iota
	Gzip           // RFC 1952, one or several members
	Zlib           // RFC 1950
	Deflate        // RFC 1951, a bare stream as in a zip member
	Zstd           // RFC 8878, one or several frames
)

var (
	// ErrNotReproduced reports that no encoder of this build gives back the
	// compressed bytes, and that corrections would cost more than the limit.
	ErrNotReproduced = errors.New("no encoder reproduces these bytes")
	// ErrUnknownEncoder reports a recipe made with an encoder that this build lacks.
	ErrUnknownEncoder = errors.New("unknown encoder")
)

// Input is what [Find] works on: a compressed blob and its decompressed bytes.
type Input struct {
	Format     Format
	Compressed io.ReaderAt
	Size       int64 // of Compressed, in bytes
	Plain      io.ReaderAt
	PlainSize  int64
}

// Options bound the search of [Find].
type Options struct {
	// MaxCorrections is the most bytes of corrections a recipe may carry when no
	// encoder reproduces the input exactly; 0 allows none.
	MaxCorrections int64
	// Concurrency is the number of cores to use; 0 means 1.
	Concurrency int
	// Debugf, if set, is told what was tried and why it was dropped.
	Debugf func(format string, args ...any)
}

// find is implemented in find.go.
var _ func(context.Context, Input, Options) (*Recipe, error) = Find
