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
// Every stream starts with one byte that names its coder, so a decoder needs to be told nothing. All coders use integer
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

// Coder is a way to code a stream. The encoder chooses; decoders take what they
// get.
type Coder uint8

const (
	// Zstd is quick: more than a hundred megabytes per second.
	Zstd Coder = iota
	// Lean mixes the predictions of a few contexts: about a microsecond for four
	// literal bytes.
	Lean
	// Full mixes many more of them, and takes about ten times as long.
	Full
)

// Quick writes what [Zstd] does in half the time, and some percent larger. A stream
// does not tell which of them it is from.
const Quick = Zstd | 0x80

// stream is how a stream names the coder.
func (c Coder) stream() Coder {
	if c == Quick {
		return Zstd
	}
	return c
}

// valid reports whether a stream may name c.
func (c Coder) valid() bool { return c <= Full }

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
func writeHeader(w io.Writer, kind byte, coder Coder) error {
	coder = coder.stream()
	if !coder.valid() {
		return fmt.Errorf("code: no coder %d", coder)
	}
	_, err := w.Write([]byte{kind | byte(coder)})
	return err
}

// readHeader reads the first byte of a stream of the given kind.
func readHeader(r io.Reader, kind byte) (Coder, error) {
	var b [1]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return 0, corrupt(err)
	}
	if coder := Coder(b[0] & coderMask); b[0]&kindMask == kind && coder.valid() {
		return coder, nil
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

// workOf is the work of decoding what a coder has coded: the number of decisions
// that are mixed. Only those of [Lean] are counted; each takes some 20 ns on a
// processor of 2023.
func workOf(c any) int64 {
	if w, ok := c.(interface{ work() int64 }); ok {
		return w.work()
	}
	return 0
}
