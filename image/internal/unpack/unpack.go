// Package unpack decompresses streams, recognised by content.
package unpack

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// Format is a compression format.
type Format string

// The formats that are recognised. None is anything else.
const (
	None  Format = ""
	Gzip  Format = "gzip"
	Zstd  Format = "zstd"
	Bzip2 Format = "bzip2"
	XZ    Format = "xz"
)

// MaxWindow is the largest window or dictionary, in bytes, that a stream may
// ask for; it bounds the memory of a reader. zstd itself stops at this size
// unless told otherwise.
const MaxWindow = 128 << 20

// SniffLen is how many bytes Detect needs at most.
const SniffLen = 6

// Detect tells the format of a stream that begins with head.
func Detect(head []byte) Format {
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b, 8}):
		return Gzip
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}), isSkippable(head):
		return Zstd
	case bytes.HasPrefix(head, []byte("BZh")) && len(head) > 3 && head[3] >= '1' && head[3] <= '9':
		return Bzip2
	case bytes.HasPrefix(head, []byte("\xfd7zXZ\x00")):
		return XZ
	}
	return None
}

// isSkippable reports a zstd skippable frame (RFC 8878, section 3.1.2).
func isSkippable(h []byte) bool {
	return len(h) >= 4 && h[0]&0xf0 == 0x50 && h[1] == 0x2a && h[2] == 0x4d && h[3] == 0x18
}

// NewReader decompresses r by its content; r is passed through when it is not
// compressed. Closing the reader does not close r.
func NewReader(r io.Reader) (io.ReadCloser, Format, error) {
	end := &tailReader{r: r}
	br := bufio.NewReaderSize(end, 64<<10)
	head, err := br.Peek(SniffLen)
	if err != nil && err != io.EOF {
		return nil, None, err
	}
	f := Detect(head)
	rc, err := newReader(br, f)
	if err != nil {
		return nil, f, fmt.Errorf("%s: %w", f, noEOF(err))
	}
	if f == XZ {
		rc = &xzReader{rc, end}
	}
	return rc, f, nil
}

func newReader(br *bufio.Reader, f Format) (io.ReadCloser, error) {
	switch f {
	case Gzip:
		return gzip.NewReader(br)
	case Zstd:
		d, err := zstd.NewReader(br, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(MaxWindow))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	case Bzip2:
		return io.NopCloser(bzip2.NewReader(br)), nil
	case XZ:
		if err := checkXZ(br); err != nil {
			return nil, err
		}
		x, err := xz.NewReader(br)
		if err != nil {
			return nil, err
		}
		return io.NopCloser(x), nil
	}
	return io.NopCloser(br), nil
}

// checkXZ looks at the first block header (xz format 1.1, section 3.1), since
// the decoder would allocate any dictionary that is asked for.
func checkXZ(br *bufio.Reader) error {
	h, err := br.Peek(12 + 1024)
	if err != nil && err != io.EOF {
		return err
	}
	if len(h) < 14 || h[12] == 0 { // no block at all: the decoder decides
		return nil
	}
	block := h[12:min(len(h), 12+4*(int(h[12])+1))]
	p := 2
	for flag := byte(0x40); flag != 0; flag <<= 1 { // the two optional sizes
		if block[1]&flag == 0 {
			continue
		}
		for p < len(block) && block[p]&0x80 != 0 {
			p++
		}
		p++
	}
	// Filters before LZMA2 are possible; the decoder refuses them anyway.
	if p+2 < len(block) && block[p] == 0x21 && block[p+1] == 1 {
		if b := uint(block[p+2]); b > 40 || int64(2|b&1)<<(b/2+11) > MaxWindow {
			return fmt.Errorf("the dictionary is larger than %d MiB", MaxWindow>>20)
		}
	}
	return nil
}

// xzReader makes sure that a stream ends with the footer of the format: the
// decoder takes some truncated streams for whole ones.
type xzReader struct {
	io.ReadCloser
	end *tailReader
}

func (x *xzReader) Read(p []byte) (int, error) {
	n, err := x.ReadCloser.Read(p)
	if err == io.EOF && x.end.last != [2]byte{'Y', 'Z'} {
		err = fmt.Errorf("xz: the footer is missing: %w", io.ErrUnexpectedEOF)
	}
	return n, err
}

// tailReader remembers the last two bytes before trailing zeros, which are
// padding.
type tailReader struct {
	r     io.Reader
	last  [2]byte
	zeros bool // there were zeros since
}

func (t *tailReader) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	b := bytes.TrimRight(p[:n], "\x00")
	switch {
	case len(b) >= 2:
		t.last = [2]byte(b[len(b)-2:])
	case len(b) == 1 && t.zeros:
		t.last = [2]byte{0, b[0]}
	case len(b) == 1:
		t.last = [2]byte{t.last[1], b[0]}
	}
	if len(b) > 0 {
		t.zeros = false
	}
	t.zeros = t.zeros || len(b) < n
	return n, err
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
