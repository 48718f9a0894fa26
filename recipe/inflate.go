package recipe

import (
	"bufio"
	"io"
	"math"
	"sync"

	"github.com/klauspost/compress/flate"
)

// inflater is a reusable flate reader over a buffered section of a file.
type inflater struct {
	in  *bufio.Reader
	z   io.ReadCloser
	buf []byte
}

var inflaters = sync.Pool{New: func() any {
	in := bufio.NewReaderSize(nil, 16<<10)
	return &inflater{in: in, z: flate.NewReader(in), buf: make([]byte, 32<<10)}
}}

// InflateAt decompresses the raw deflate stream (RFC 1951) that starts at off
// and ends before limit into w, which may be nil to only measure. It returns the
// exact number of compressed bytes that the stream takes, and of plain bytes
// that it gives. More than maxPlain of them are [ErrTooLarge].
func InflateAt(r io.ReaderAt, off, limit int64, w io.Writer, maxPlain int64) (consumed, plain int64, err error) {
	section := &countReader{r: io.NewSectionReader(r, off, limit-off)}
	z := inflaters.Get().(*inflater)
	defer inflaters.Put(z)
	z.in.Reset(section)
	if err := z.z.(flate.Resetter).Reset(z.in, nil); err != nil {
		return 0, 0, err
	}
	for {
		n, err := z.z.Read(z.buf)
		if int64(n) > maxPlain-plain {
			return 0, plain, ErrTooLarge
		}
		plain += int64(n)
		if w != nil && n > 0 {
			if _, err := w.Write(z.buf[:n]); err != nil {
				return 0, plain, err
			}
		}
		if err == io.EOF {
			return section.n - int64(z.in.Buffered()), plain, nil
		}
		if err != nil {
			return 0, plain, err
		}
	}
}

// inflateSize is InflateAt for its counts alone.
func inflateSize(r io.ReaderAt, off, limit int64) (consumed, plain int64, err error) {
	return InflateAt(r, off, limit, nil, math.MaxInt64)
}

type countReader struct {
	r io.Reader
	n int64
}

func (c *countReader) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}
