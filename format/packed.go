package format

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
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

const (
	gzipMagic = "\x1f\x8b"
	// packedHeader is how our own compressed packages start: no time, best
	// compression, unknown system, and an extra field "DD" of four bytes. They are
	// the CRC-32 of all that follows, since not every bit of compressed data makes
	// a difference to what comes out of it.
	packedHeader = gzipMagic + "\x08\x04\x00\x00\x00\x00\x02\xff" + "\x08\x00DD\x04\x00"
	packedSum    = 4  // bytes of the CRC-32
	plainHeader  = 10 // bytes of a gzip header without extra fields
	systemAt     = 9
	lastSystem   = 13 // in RFC 1952
)

// isPacked tells whether a package starts as a gzip file does.
func isPacked(r io.ReaderAt) bool {
	var start [len(gzipMagic)]byte
	_, _ = r.ReadAt(start[:], 0)
	return string(start[:]) == gzipMagic
}

// packer compresses what is written to it, and writes the result when it is
// closed. The version of the encoder is pinned in go.mod, so that the same delta
// is always the same bytes.
type packer struct {
	*gzip.Writer
	w   io.Writer
	buf bytes.Buffer
}

func newPacker(w io.Writer) (*packer, error) {
	p := &packer{w: w}
	var err error
	p.Writer, err = gzip.NewWriterLevel(&p.buf, gzip.BestCompression)
	return p, err
}

// Close ends the package.
func (p *packer) Close() error {
	if err := p.Writer.Close(); err != nil {
		return err
	}
	body := p.buf.Bytes()[plainHeader:]
	_, err := p.w.Write(append(packedStart(body), body...))
	return err
}

// packedStart is our own header for compressed data.
func packedStart(body []byte) []byte {
	return binary.LittleEndian.AppendUint32([]byte(packedHeader), crc32.ChecksumIEEE(body))
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
	if err := checkPacked(packed); err != nil {
		return nil, err
	}
	return unpackBytes(packed)
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

// checkPacked looks at every bit of a compressed package, unless another program
// has compressed it, which names its system.
func checkPacked(packed []byte) error {
	if len(packed) <= systemAt || packed[systemAt] <= lastSystem {
		return nil
	}
	const start = len(packedHeader) + packedSum
	if len(packed) < start || !bytes.Equal(packed[:start], packedStart(packed[start:])) {
		return corrupt("it was changed or cut short")
	}
	return nil
}
