package format

import (
	"bytes"
	"fmt"
	"io"
	"math/bits"
	"time"

	"github.com/klauspost/compress/gzip"
)

// Small packages are mostly tar headers, padding and JSON, so their tar is
// compressed with gzip as a whole: tar, Skopeo and podman read it all the same.
// Large packages stay as they are, which lets a reader begin anywhere.
const (
	// packBelow is the number of bytes up to which a tar is compressed.
	packBelow = 1 << 20
	// maxUnpacked bounds the tar in a compressed package, which is read into
	// memory.
	maxUnpacked = 64 << 20
)

const (
	gzipMagic = "\x1f\x8b"
	// packedHeader is how our own compressed packages start: no time, no name,
	// best compression, unknown system.
	packedHeader = gzipMagic + "\x08\x00\x00\x00\x00\x00\x02\xff"
	gzipTrailer  = 8
	lastSystem   = 13 // in RFC 1952
)

// isPacked tells whether a package starts as a gzip file does.
func isPacked(r io.ReaderAt) bool {
	var start [len(gzipMagic)]byte
	_, _ = r.ReadAt(start[:], 0)
	return string(start[:]) == gzipMagic
}

// newPacker compresses what is written to it. The version of the encoder is
// pinned in go.mod, so that the same delta is always the same bytes.
func newPacker(w io.Writer) (*gzip.Writer, error) {
	z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err == nil {
		z.ModTime = time.Unix(0, 0) // it would write the year 1, which is 2042 to others
	}
	return z, err
}

var errTooLarge = fmt.Errorf("%w: a compressed package may hold at most %d bytes; decompress it with gzip first", ErrNotPackage, maxUnpacked)

// unpack gives the tar in a compressed package of size bytes.
func unpack(r io.ReaderAt, size int64) ([]byte, error) {
	if size > maxUnpacked {
		return nil, errTooLarge
	}
	packed := make([]byte, size)
	if _, err := r.ReadAt(packed, 0); err != nil && err != io.EOF {
		return nil, err
	}
	b, err := unpackBytes(packed)
	if err == nil {
		err = checkPacked(packed, b)
	}
	return b, err
}

func unpackBytes(packed []byte) ([]byte, error) {
	in := bytes.NewReader(packed)
	z, err := gzip.NewReader(in)
	if err != nil {
		return nil, fmt.Errorf("%w: it is neither a tar nor a gzip file: %v", ErrNotPackage, err)
	}
	z.Multistream(false)
	var b bytes.Buffer
	switch n, err := io.Copy(&b, io.LimitReader(z, maxUnpacked+1)); {
	case err != nil:
		return nil, corrupt("it ends too early or was changed: %v", err)
	case n > maxUnpacked:
		return nil, errTooLarge
	case in.Len() > 0:
		return nil, corrupt("%d bytes stand behind its end", in.Len())
	}
	return b.Bytes(), nil
}

// checkPacked looks at those bits of a compressed package that change nothing:
// of the header, if it is not that of another program, which names its system,
// and behind the end of the compressed data.
func checkPacked(packed, plain []byte) error {
	if packed[len(packedHeader)-1] > lastSystem && string(packed[:len(packedHeader)]) != packedHeader {
		return corrupt("its gzip header is not the usual one")
	}
	// The highest bit of the last byte that is set belongs to the data, unless
	// the same comes out without it.
	last := &packed[len(packed)-gzipTrailer-1]
	whole := *last
	if whole == 0 {
		return nil
	}
	*last &^= 1 << (bits.Len8(whole) - 1)
	again, err := unpackBytes(packed)
	*last = whole
	if err == nil && bytes.Equal(again, plain) {
		return corrupt("something stands behind its compressed data")
	}
	return nil
}
