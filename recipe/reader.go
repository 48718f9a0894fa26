package recipe

import (
	"bufio"
	"bytes"
	"fmt"
	"io"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// DefaultMaxWindow is the largest zstd window that [NewReader] accepts: the
// limit of zstd without --long.
const DefaultMaxWindow = 128 << 20

// NewReader returns a reader of the plain bytes of r. How many of them may come
// is for the caller to limit: a few compressed bytes can stand for many. Close
// does not close r.
//
// Gzip members follow one another until the input ends or something else than a
// member starts; what is left then is not part of the plain bytes, and no error,
// as with most other readers of gzip.
func NewReader(f Format, r io.Reader) (io.ReadCloser, error) {
	return NewReaderMaxWindow(f, r, DefaultMaxWindow)
}

// NewReaderMaxWindow is [NewReader] with a limit for the window, in bytes, of
// zstd frames: the reader keeps that much in memory.
func NewReaderMaxWindow(f Format, r io.Reader, window uint64) (io.ReadCloser, error) {
	switch f {
	case Gzip:
		return newGzipReader(r)
	case Zlib:
		return zlib.NewReader(r)
	case Deflate:
		return flate.NewReader(r), nil
	case Zstd:
		d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(window), zstd.WithDecoderMaxMemory(1<<62))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	}
	return nil, fmt.Errorf("recipe: no reader for format %s", f)
}

// gzipReader reads members up to the first thing that is none.
type gzipReader struct {
	in  *bufio.Reader
	z   *gzip.Reader
	end bool
}

func newGzipReader(r io.Reader) (*gzipReader, error) {
	in := bufio.NewReaderSize(r, 32<<10)
	z, err := gzip.NewReader(in)
	if err != nil {
		return nil, err
	}
	z.Multistream(false)
	return &gzipReader{in: in, z: z}, nil
}

func (g *gzipReader) Read(b []byte) (int, error) {
	for !g.end {
		n, err := g.z.Read(b)
		if n > 0 || err != io.EOF {
			if err == io.EOF {
				err = nil
			}
			return n, err
		}
		next, err := g.in.Peek(len(gzipMagic))
		if err != nil && err != io.EOF {
			return 0, err
		}
		if !bytes.Equal(next, gzipMagic) {
			g.end = true
			break
		}
		if err := g.z.Reset(g.in); err != nil {
			return 0, err
		}
		g.z.Multistream(false)
	}
	return 0, io.EOF
}

func (g *gzipReader) Close() error { return g.z.Close() }

var (
	gzipMagic = []byte{0x1f, 0x8b, 8}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

// SniffLen is the number of bytes that [Sniff] wants to see.
const SniffLen = 18

// Sniff tells the format from the first bytes of a blob, [SniffLen] of them if
// there are so many. It answers Unknown rather than Deflate, which has no mark,
// and knows zlib only by two bytes that other data may start with as well.
func Sniff(prefix []byte) Format {
	switch {
	case len(prefix) >= 10 && bytes.HasPrefix(prefix, gzipMagic) && prefix[3]&0xe0 == 0:
		return Gzip
	case bytes.HasPrefix(prefix, zstdMagic):
		return Zstd
	case len(prefix) >= 8 && prefix[0]&0xf0 == 0x50 && bytes.Equal(prefix[1:4], []byte{0x2a, 0x4d, 0x18}):
		return Zstd // a skippable frame first, as zstd's own pzstd writes
	case len(prefix) >= 6 && prefix[0]&15 == 8 && prefix[0]>>4 <= 7 && prefix[1]&0x20 == 0 &&
		(uint(prefix[0])<<8|uint(prefix[1]))%31 == 0 && prefix[2]&6 != 6:
		return Zlib
	}
	return Unknown
}
