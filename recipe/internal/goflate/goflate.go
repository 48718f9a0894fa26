// Package goflate writes DEFLATE streams (RFC 1951) byte for byte as the
// compress/flate package of Go 1.8 to 1.26 writes them.
//
// Docker, BuildKit and containerd compress image layers with that package, so
// giving back a layer's exact bytes needs exactly that encoder. The standard
// library of the toolchain at hand cannot take its place: Go 1.27 changed
// its output. [NewWriter] is where to start.
//
// The stream of a [Writer] depends on the level, the data and the places of
// its calls to Flush, and on nothing else: not on the sizes of the writes, nor on
// whether the Writer was used before, nor on the platform.
//
// The package is derived from Go's compress/flate (see LICENSE). It keeps every
// choice of the original, and only makes them faster: match lengths are compared by
// eight bytes, hash chains hold distances, and codes and their extra bits
// leave in one piece.
package goflate

import (
	"errors"
	"fmt"
	"io"
)

// Levels that have a name. The other levels are 2 to 8; bigger is slower and smaller.
const (
	HuffmanOnly        = -2 // entropy coding without any matching
	DefaultCompression = -1 // the same as level 6
	NoCompression      = 0  // stored blocks only
	BestSpeed          = 1
	BestCompression    = 9
)

var errClosed = errors.New("goflate: writer is closed")

// compressor turns plain bytes into blocks for one family of levels.
type compressor interface {
	// write consumes all of p.
	write(p []byte)
	// sync emits everything written so far.
	sync()
	// reset makes the compressor as good as new.
	reset()
}

// A Writer compresses what is written to it. It must be closed; it is not safe
// for concurrent use.
type Writer struct {
	out    *blockWriter
	comp   compressor
	closed bool
}

// NewWriter returns a Writer that compresses to w. Levels are those of Go:
// [HuffmanOnly] (-2), [DefaultCompression] (-1), and 0 to 9.
func NewWriter(w io.Writer, level int) (*Writer, error) {
	z := &Writer{out: newBlockWriter(w)}
	switch {
	case level == DefaultCompression:
		z.comp = newMatcher(z.out, 6)
	case level == NoCompression || level == HuffmanOnly:
		z.comp = &storer{out: z.out, huffman: level == HuffmanOnly}
	case level == BestSpeed:
		z.comp = newSpeeder(z.out)
	case 2 <= level && level <= BestCompression:
		z.comp = newMatcher(z.out, level)
	default:
		return nil, fmt.Errorf("goflate: level %d is not in the range -2 to 9", level)
	}
	return z, nil
}

// Write compresses p. Errors are those of the underlying writer; after one,
// every later call returns it.
func (z *Writer) Write(p []byte) (int, error) {
	if z.closed {
		return 0, errClosed
	}
	if z.out.Err() != nil {
		return 0, z.out.Err()
	}
	z.comp.write(p)
	if z.out.Err() != nil {
		return 0, z.out.Err()
	}
	return len(p), nil
}

// Flush emits all that was written, ends the block, and adds an empty stored block,
// as zlib's Z_SYNC_FLUSH does. It becomes part of the stream: a stream with
// other flushes has other bytes.
func (z *Writer) Flush() error {
	if z.closed {
		return errClosed
	}
	if z.out.Err() != nil {
		return z.out.Err()
	}
	z.comp.sync()
	z.out.storedHeader(0, false)
	z.out.Drain()
	return z.out.Err()
}

// Close emits all that was written and the final block. It does not close the
// underlying writer. Closing again does nothing.
func (z *Writer) Close() error {
	if z.closed || z.out.Err() != nil {
		return z.out.Err()
	}
	z.comp.sync()
	z.out.storedHeader(0, true)
	z.out.Drain()
	z.closed = z.out.Err() == nil
	return z.out.Err()
}

// Reset starts a new stream on w with the level of z.
func (z *Writer) Reset(w io.Writer) {
	z.out.ResetWriter(w)
	z.comp.reset()
	z.closed = false
}
