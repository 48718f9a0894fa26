// Package code is the entropy coding of a delta: it turns what matching could
// not explain into as few bytes as possible, and back.
//
// Three kinds of stream exist, each written and read as a stream with bounded
// memory:
//
//   - copies ([CopyEncoder], [CopyDecoder]): runs whose bytes are predicted by
//     other bytes of the same number; most predictions hold;
//   - literals ([LiteralEncoder], [LiteralDecoder]): bytes without counterpart;
//   - integers ([IntEncoder], [IntDecoder]): lengths, offsets, counts.
//
// [CompressBytes] and [DecompressBytes] code one small value as a whole.
//
// Every stream starts with one byte that names its coder and the coder's
// parameters, so a decoder needs to be told nothing. All coders use integer
// arithmetic only: the same calls give the same bytes on every machine.
//
// A decoder has to be called as the encoder was: the same sequence of lengths,
// positions, fields and contexts. Bytes from a hostile source can make it
// return wrong data, which the caller finds out by a digest, or [ErrCorrupt],
// and nothing else: memory is fixed per stream, and time is proportional to
// the bytes asked for.
package code

import (
	"errors"
	"fmt"
	"io"
)

// ErrCorrupt says that a coded stream is damaged, cut short or of an unknown
// kind.
var ErrCorrupt = errors.New("corrupt coded stream")

// Level trades time for size. It is a matter of the encoder; decoders take
// what they get.
type Level uint8

const (
	// Fast uses zstd: more than a hundred megabytes per second.
	Fast Level = iota
	// Default mixes the predictions of several contexts.
	Default
	// Max mixes more of them, several times slower to write and to read.
	Max
)

// valid reports whether l is one of the levels above.
func (l Level) valid() bool { return l <= Max }

// The first byte of a stream: its kind in the high nibble, its coder in the
// low one.
const (
	kindCopy    = 0x10
	kindLiteral = 0x20
	kindInt     = 0x30
	kindBytes   = 0x40

	kindMask  = 0xf0
	coderMask = 0x0f
)

// writeHeader starts a stream.
func writeHeader(w io.Writer, kind byte, level Level) error {
	if !level.valid() {
		return fmt.Errorf("code: no level %d", level)
	}
	_, err := w.Write([]byte{kind | byte(level)})
	return err
}

// readHeader reads the first byte of a stream of the given kind.
func readHeader(r io.Reader, kind byte) (Level, error) {
	var b [1]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return 0, corrupt(err)
	}
	if level := Level(b[0] & coderMask); b[0]&kindMask == kind && level.valid() {
		return level, nil
	}
	return 0, fmt.Errorf("%w: unexpected header %#02x", ErrCorrupt, b[0])
}

// corrupt turns an error of decoding into one that says so. What the
// underlying reader has to say about itself stays visible.
func corrupt(err error) error {
	if errors.Is(err, ErrCorrupt) {
		return err
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends too early", ErrCorrupt)
	}
	return fmt.Errorf("%w: %w", ErrCorrupt, err)
}
