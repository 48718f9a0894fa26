package format

import (
	"bytes"
	"fmt"
	"io"

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

const gzipMagic = "\x1f\x8b"

// isPacked tells whether a package starts as a gzip file does.
func isPacked(r io.ReaderAt) bool {
	var start [len(gzipMagic)]byte
	_, _ = r.ReadAt(start[:], 0)
	return string(start[:]) == gzipMagic
}

// newPacker compresses what is written to it. The version of the encoder is
// pinned in go.mod, so that the same delta is always the same bytes.
func newPacker(w io.Writer) (*gzip.Writer, error) {
	return gzip.NewWriterLevel(w, gzip.BestCompression)
}

// unpack gives the tar in a compressed package of size bytes.
func unpack(r io.ReaderAt, size int64) ([]byte, error) {
	tooLarge := fmt.Errorf("%w: a compressed package may hold at most %d bytes; decompress it with gzip first", ErrNotPackage, maxUnpacked)
	if size > maxUnpacked {
		return nil, tooLarge
	}
	packed := make([]byte, size)
	if _, err := r.ReadAt(packed, 0); err != nil && err != io.EOF {
		return nil, err
	}
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
		return nil, tooLarge
	case in.Len() > 0:
		return nil, corrupt("%d bytes stand behind its end", in.Len())
	}
	return b.Bytes(), nil
}
