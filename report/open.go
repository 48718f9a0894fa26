package report

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/opencontainers/go-digest"

	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/recipe"
)

// plainReader reads a layer's tar. When it is at its end, finish reports whether
// everything was as promised.
type plainReader interface {
	io.ReadCloser
	finish() error
}

// open chooses how to read the layer: from its blob, if the curve is wanted and
// there is one.
func (s *scanned) open(ctx context.Context, l image.Layer, measure bool) (plainReader, error) {
	d := l.Blob()
	if measure && d != nil && d.Digest != l.DiffID() {
		r, err := s.measure(ctx, l)
		if r != nil || err != nil {
			return r, err
		}
	}
	r, err := l.Plain(ctx)
	switch {
	case err != nil:
		return nil, err
	case !measure:
		return &checked{ReadCloser: r}, nil
	case d != nil && d.Digest != l.DiffID(): // compressed in a way that is not followed
		s.blob = d.Size
		return &checked{ReadCloser: r, curve: &s.curve, size: d.Size}, nil
	}
	// Layers that are stored as they are were mostly compressed on their way, or
	// will be: archives of the classic docker store have none but such.
	return newEstimated(s, r)
}

// checked is a reader that checks by itself.
type checked struct {
	io.ReadCloser
	n     int64
	curve *curve // if not nil, to get a straight line
	size  int64
}

func (c *checked) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.n += int64(n)
	return n, err
}

func (c *checked) finish() error {
	if c.curve != nil {
		*c.curve = curve{{0, 0}, {c.n, c.size}}
	}
	return nil
}

// measured decompresses a blob and notes the curve.
type measured struct {
	s     *scanned
	blob  io.ReadCloser
	count *counter
	in    *bufio.Reader
	plain io.ReadCloser
	hash  hash.Hash
	n     int64
}

// measure is nil where the compression is none that can be followed.
func (s *scanned) measure(ctx context.Context, l image.Layer) (plainReader, error) {
	blob, err := l.Compressed(ctx)
	if errors.Is(err, image.ErrNoBlob) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m := &measured{s: s, blob: blob, count: &counter{r: blob}, hash: sha256.New()}
	m.in = bufio.NewReaderSize(m.count, 64<<10)
	start, err := m.in.Peek(recipe.SniffLen)
	if err != nil && err != io.EOF {
		blob.Close()
		return nil, err
	}
	f := recipe.Sniff(start)
	if f != recipe.Gzip && f != recipe.Zstd {
		return nil, blob.Close()
	}
	if m.plain, err = recipe.NewReader(f, m.in); err != nil {
		blob.Close()
		return nil, fmt.Errorf("its compressed form: %w", err)
	}
	s.blob, s.curve = l.Blob().Size, curve{{0, 0}}
	return m, nil
}

func (m *measured) Read(p []byte) (int, error) {
	n, err := m.plain.Read(p)
	m.hash.Write(p[:n])
	m.n += int64(n)
	m.s.curve.add(m.n, m.count.n-int64(m.in.Buffered()))
	return n, err
}

func (m *measured) finish() error {
	// To the end, where the digest of the blob is checked.
	if _, err := io.Copy(io.Discard, m.in); err != nil {
		return err
	}
	m.s.curve.add(m.n, m.s.blob)
	got := digest.NewDigest(digest.SHA256, m.hash)
	if got != m.s.diffID {
		return &image.DigestError{What: "the decompressed tar", Want: m.s.diffID, Got: got, WantSize: -1, GotSize: m.n}
	}
	return nil
}

func (m *measured) Close() error { return errors.Join(m.plain.Close(), m.blob.Close()) }

// estimateLevel is the level of gzip that docker push uses.
const estimateLevel = 6

// estimated compresses while it reads, for a layer that has no blob.
type estimated struct {
	io.ReadCloser
	s      *scanned
	gz     *gzip.Writer
	out    countingWriter
	n      int64
	before int64 // bytes that were out before the last read
}

func newEstimated(s *scanned, r io.ReadCloser) (plainReader, error) {
	e := &estimated{ReadCloser: r, s: s}
	gz, err := gzip.NewWriterLevel(&e.out, estimateLevel)
	if err != nil {
		return nil, err
	}
	e.gz = gz
	s.estimated, s.curve = true, curve{{0, 0}}
	return e, nil
}

func (e *estimated) Read(p []byte) (int, error) {
	n, err := e.ReadCloser.Read(p)
	if n > 0 {
		if _, err := e.gz.Write(p[:n]); err != nil {
			return n, err
		}
		e.n += int64(n)
		if e.out.n > e.before { // a block is full
			e.s.curve.add(e.n, e.out.n)
			e.before = e.out.n
		}
	}
	return n, err
}

func (e *estimated) finish() error {
	if err := e.gz.Close(); err != nil {
		return err
	}
	e.s.blob = e.out.n
	e.s.curve.add(e.n, e.out.n)
	return nil
}

// countingWriter counts what is written.
type countingWriter struct{ n int64 }

func (c *countingWriter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}
