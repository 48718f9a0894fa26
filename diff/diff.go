// Package diff codes a target as operations over a reference, and back.
//
// It knows bytes only. The caller cuts the target into pieces, in order, and
// says for each what it may resemble; [Encode] finds the operations and codes
// them, [Open] and [Decoder] give the target back. The coded form is specified
// in docs/format.md.
package diff

import "io"

// Extent is a run of bytes in the reference.
type Extent struct{ Off, Len int64 }

// End is the offset just behind the extent.
func (e Extent) End() int64 { return e.Off + e.Len }

// Piece is the next run of target bytes and what is known of it.
type Piece struct {
	Len int64
	// Same, when not negative, is the offset in the reference of an identical
	// run: the caller has compared digests, no search is made.
	Same int64
	// Candidates are runs of the reference that the piece may resemble, best
	// first. Matching looks there first, and then everywhere (see Index).
	Candidates []Extent
}

// Reference gives random access to what a delta may copy from: first the
// unwrapped base, then the target bytes decoded so far.
type Reference interface {
	io.ReaderAt
	Size() int64
}
