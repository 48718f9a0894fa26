// Package diff codes a target as operations over a reference, and back.
//
// It knows bytes only. The caller cuts the target into pieces, in order, and
// says for each what it may resemble; [Encode] finds the operations and codes
// them, [Open] and [Decoder] give the target back. The coded form is specified
// in docs/format.md.
//
// # Addresses
//
// An operation copies from one address space: the reference, whose size is
// fixed, and behind it the target itself, as far as it is decoded. Offsets are
// bytes and fit an int64.
package diff

import (
	"errors"
	"io"

	"github.com/docker-delta/docker-delta/internal/limit"
)

// ErrCorrupt says that a coded delta is damaged, or asks for what its limits
// forbid.
var ErrCorrupt = errors.New("diff: corrupt delta")

// Extent is a run of bytes in the reference.
type Extent struct{ Off, Len int64 }

// End is the offset just behind the extent.
func (e Extent) End() int64 { return e.Off + e.Len }

// Piece is the next run of target bytes and what is known of it.
type Piece struct {
	Len int64
	// Same, when not negative, is the offset in the reference of a run that is
	// identical. It is not read to see whether it is: where it is not, the delta
	// gives another target, which its digest tells.
	Same int64
	// Candidates are runs of the reference that the piece may resemble, best
	// first. Matching looks there first, and then elsewhere.
	// Whole files are best: executables are then recognised.
	Candidates []Extent
	// Names, for a piece that is an executable without its end, is the table of
	// its sections' names. That of the first candidate stands where the file's
	// offsets say, counted from the candidate's start, if it can be read at all.
	Names []byte
}

// Reference gives random access to what a delta may copy from: first the
// unwrapped base, then the target bytes decoded so far.
type Reference interface {
	io.ReaderAt
	Size() int64
}

// Level trades time for size.
type Level int

const (
	// Default looks thoroughly and codes by context mixing where that is worth
	// the time, which is in proportion to the target.
	Default Level = iota
	// Fast looks for matches coarsely and codes with zstd.
	Fast
	// Max mixes more contexts everywhere: smaller, and many times slower to read.
	Max
)

// Options tune [Encode].
type Options struct {
	Level Level
	// Concurrency is the number of goroutines that do heavy work; 0 means
	// GOMAXPROCS. It has no influence on the result.
	Concurrency int
	// Shares asks for what [Stats] has under this name.
	Shares bool
	// Debugf, when set, is told what was decided and why.
	Debugf func(format string, args ...any)
	// Progress, when set, is told how many of the target's bytes are matched, and
	// then how many are coded. It is called from several goroutines.
	Progress func(stage Stage, done, total int64)
}

// Stage is a part of the work of [Encode].
type Stage string

// The stages, in their order.
const (
	Matching Stage = "match"
	Coding   Stage = "code"
)

// Stats tells what [Encode] wrote, in bytes.
type Stats struct {
	// Target is the size of the target, Coded that of the delta.
	Target, Coded int64
	// Equal, Changed and Literal split the target: copied bytes that are the
	// same, copied bytes that differ, and bytes that are not copied.
	Equal, Changed, Literal int64
	// Ops is the number of operations.
	Ops int
	// OpBytes, CopyBytes and LiteralBytes split the coded size: operations,
	// differences within copies, literals.
	OpBytes, CopyBytes, LiteralBytes int64
	// Shares says what the coded bytes are for, in the order of the target, if that
	// was asked for.
	Shares []Share
}

// Limits bound what a [Decoder] accepts.
type Limits struct {
	// MaxTarget is the largest acceptable target size; 0 means no limit.
	MaxTarget int64
	// Memory is what the tables of operations and groups may take; nil is all.
	Memory *limit.Memory
	// Shares asks for what [Decoder.Shares] gives.
	Shares bool
}
