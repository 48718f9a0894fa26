// Package kpflate writes DEFLATE streams (RFC 1951) byte for byte as
// github.com/klauspost/compress/flate writes them, for the versions of many years.
//
// Podman, buildah and skopeo compress image layers with that package, behind the
// framing of klauspost/pgzip, and each of its versions that improved compression
// changed the bytes. Versions that write the same are one [Class].
// [NewWriter] writes one stream; [NewPgzipWriter] writes pgzip's sequence of blocks.
//
// What a Writer writes depends on the class, the level, the data and the places
// of its calls to Flush, and on nothing else. Real encoders ran on several
// processors: before 1.20.1 klauspost's estimates were compiled with fused
// multiply-add on some of them (arm64, ppc64le, s390x), and might then, rarely, choose other
// blocks. This package gives the bytes of amd64 everywhere.
//
// The package is derived from klauspost/compress and klauspost/pgzip (see
// LICENSE): one encoder, with the differences between versions as rules.
package kpflate

import (
	"errors"
	"fmt"
	"io"

	"github.com/docker-delta/docker-delta/recipe/internal/goflate/huffman"
)

// Levels that have a name. The other levels are 2 to 8; bigger is slower and smaller.
const (
	HuffmanOnly        = -2 // entropy coding without any matching
	DefaultCompression = -1 // the same as level 5; as level 6 for Go1_27
	NoCompression      = 0  // stored blocks only
	BestSpeed          = 1
	BestCompression    = 9
)

const (
	maxStored = huffman.MaxStored
	maxLength = huffman.MaxLength
	maxOffset = huffman.MaxOffset
)

var errClosed = errors.New("kpflate: writer is closed")

// compressor turns plain bytes into blocks for one family of levels.
type compressor interface {
	// write consumes all of p.
	write(p []byte)
	// sync emits everything written so far.
	sync()
	// reset makes the compressor as good as new, with a dictionary before the data.
	reset(dict []byte)
}

// A Writer compresses what is written to it. It must be closed; it is not safe
// for concurrent use.
type Writer struct {
	out    *blockWriter
	comp   compressor
	closed bool
}

// NewWriter returns a Writer that compresses to w as class c does. Levels are
// -2 ([HuffmanOnly]), -1 ([DefaultCompression]), and 0 to 9.
func NewWriter(w io.Writer, c Class, level int) (*Writer, error) {
	if !c.valid() {
		return nil, fmt.Errorf("kpflate: unknown class %d", c)
	}
	level = c.level(level)
	r := &classRules[c]
	z := &Writer{out: newBlockWriter(w, r)}
	switch {
	case level == NoCompression:
		z.comp = &storer{out: z.out, buf: make([]byte, maxStored)}
	case level == HuffmanOnly:
		z.out.penalty = r.penaltyHuff
		z.comp = &storer{out: z.out, buf: make([]byte, r.huffBlock), huffman: true}
	case 1 <= level && level <= 6:
		z.out.penalty = r.penaltyFast
		z.comp = newFast(z.out, r, level)
	case 7 <= level && level <= 9 && r.gain != unsupported:
		z.out.penalty = r.penaltyLazy
		z.comp = newLazy(z.out, r, level)
	case 7 <= level && level <= 9:
		return nil, fmt.Errorf("kpflate: level %d of class %v is not supported", level, c)
	default:
		return nil, fmt.Errorf("kpflate: level %d is not in the range -2 to 9", level)
	}
	return z, nil
}

// level returns the level that level stands for.
func (c Class) level(level int) int {
	switch {
	case level != DefaultCompression:
		return level
	case c == Go1_27:
		return 6
	}
	return 5
}

// Write compresses p. Errors are those of the underlying writer; after one,
// every later call returns it.
func (z *Writer) Write(p []byte) (int, error) {
	if z.closed {
		return 0, errClosed
	}
	if err := z.out.Err(); err != nil {
		return 0, err
	}
	z.comp.write(p)
	if err := z.out.Err(); err != nil {
		return 0, err
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
	if err := z.out.Err(); err != nil {
		return err
	}
	z.comp.sync()
	z.out.storedHeader(0)
	z.out.Drain()
	return z.out.Err()
}

// Close emits all that was written and the final block, an empty one with fixed
// codes. It does not close the underlying writer. Closing again does nothing.
func (z *Writer) Close() error {
	if z.closed || z.out.Err() != nil {
		return z.out.Err()
	}
	z.comp.sync()
	z.out.endTable()
	z.out.WriteBits(3, 3)
	z.out.WriteCode(fixedLit[huffman.EndOfBlock])
	z.out.Drain()
	z.closed = z.out.Err() == nil
	return z.out.Err()
}

// Reset starts a new stream on w with the class and level of z.
func (z *Writer) Reset(w io.Writer) { z.resetDict(w, nil) }

// resetDict is Reset with bytes that matches may refer to.
func (z *Writer) resetDict(w io.Writer, dict []byte) {
	z.out.reset(w)
	z.comp.reset(dict)
	z.closed = false
}

// storer emits full buffers without looking for matches: the levels
// NoCompression and HuffmanOnly.
type storer struct {
	out     *blockWriter
	huffman bool
	buf     []byte
	n       int // bytes waiting in buf
}

func (s *storer) write(p []byte) {
	for len(p) > 0 {
		if s.n == len(s.buf) {
			s.block(false)
		}
		n := copy(s.buf[s.n:], p)
		s.n += n
		p = p[n:]
	}
}

func (s *storer) block(sync bool) {
	if s.n == 0 {
		return
	}
	if s.huffman {
		s.out.writeLiterals(s.buf[:s.n], sync)
	} else {
		s.out.writeStored(s.buf[:s.n])
	}
	s.n = 0
}

func (s *storer) sync()        { s.block(true) }
func (s *storer) reset([]byte) { s.n = 0 }
