// Package recipe turns compressed bytes into plain bytes and back, exactly.
//
// Unwrapping decompresses a blob (or a member inside a layer) and records a
// [Recipe]; rewrapping replays the recipe over the plain bytes and gives back
// every compressed byte. [Find] looks for the recipe and has proved it by the
// time it returns; [Recipe.NewWriter] replays it; [NewReader] decompresses.
// [Sniff] tells formats apart, and [InflateAt] finds where a deflate stream
// inside a bigger file ends.
//
// A recipe names its encoder by class, not by program: all programs of one
// class write identical bytes. The encoders live in this module, so that the
// bytes they write depend on neither the Go toolchain nor on other modules.
//
// Serialized recipes stay valid: the numbers that name encoders are never
// reused, and a build that lacks an encoder says so with an [UnknownError].
// A recipe is proved on the machine that finds it; whoever replays it compares
// a digest of the result with the one it wants, as with anything from outside.
package recipe

import (
	"errors"
	"fmt"
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

// String returns the name of the format in lower case.
func (f Format) String() string {
	switch f {
	case Gzip:
		return "gzip"
	case Zlib:
		return "zlib"
	case Deflate:
		return "deflate"
	case Zstd:
		return "zstd"
	}
	return "unknown"
}

var (
	// ErrNotReproduced reports that no encoder of this build gives back the
	// compressed bytes, and that corrections would cost more than the limit.
	ErrNotReproduced = errors.New("no encoder reproduces these bytes")
	// ErrUnknownEncoder reports a recipe made with an encoder that this build lacks:
	// a later one has made it. The error is an [UnknownError].
	ErrUnknownEncoder = errors.New("unknown encoder")
	// ErrInvalid reports a serialized recipe that breaks the format's rules.
	ErrInvalid = errors.New("invalid recipe")
	// ErrMismatch reports a replay that did not give the recipe's number of bytes,
	// or plain bytes that are too few or too many.
	ErrMismatch = errors.New("recipe does not fit these bytes")
	// ErrTooLarge reports plain bytes beyond the limit that the caller set.
	ErrTooLarge = errors.New("decompressed size over the limit")
)

// UnknownError is an [ErrUnknownEncoder] that says what is lacking.
type UnknownError struct {
	// What is an encoder by number, or a level or framing of a known one by name.
	What string
}

func unknown(format string, args ...any) error { return &UnknownError{fmt.Sprintf(format, args...)} }

func (e *UnknownError) Error() string { return "unknown " + e.What }

// Is makes it an [ErrUnknownEncoder].
func (e *UnknownError) Is(target error) bool { return target == ErrUnknownEncoder }

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
	// Hint is the recipe of something that was probably written by the same
	// program, such as the previous member of the same archive. Its encoders are
	// tried first. It may be nil.
	Hint *Recipe
	// HintOnly drops every other encoder: a quick look at one of many streams of
	// one program. Corrections are tried all the same, if they are allowed.
	HintOnly bool
	// Debugf, if set, is told what was tried and why it was dropped.
	Debugf func(format string, args ...any)
}

func (o *Options) debugf(format string, args ...any) {
	if o.Debugf != nil {
		o.Debugf(format, args...)
	}
}

// Recipe says how to compress some plain bytes to exactly the bytes that they
// came from. It is immutable, and safe for concurrent use.
type Recipe struct {
	format Format
	size   int64 // compressed
	plain  int64
	parts  []part
}

// A part is either a run of bytes kept as they are or one compressed stream:
// a gzip member, a zlib or deflate stream, a zstd frame.
type part struct {
	stream  bool
	literal []byte // the bytes, or what stands before the stream (a gzip header)
	zeros   int64  // of a literal: this many zero bytes in place of literal
	coding  coding
	plain   int64  // bytes that the stream takes
	fix     []byte // corrections against the encoder, nil when it is exact
}

// Format returns the compressed format.
func (r *Recipe) Format() Format { return r.format }

// PlainSize returns the number of decompressed bytes that the recipe takes.
func (r *Recipe) PlainSize() int64 { return r.plain }

// Size returns the number of compressed bytes that the recipe gives.
func (r *Recipe) Size() int64 { return r.size }

// Corrections returns the number of bytes that the recipe carries to correct an
// encoder that comes close without being exact.
func (r *Recipe) Corrections() int64 {
	var n int64
	for i := range r.parts {
		n += int64(len(r.parts[i].fix))
	}
	return n
}
