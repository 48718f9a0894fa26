package recipe

import (
	"encoding/binary"
	"fmt"
	"hash"
	"hash/adler32"
	"hash/crc32"
	"io"
	"sync/atomic"
)

// WriterOptions tune a replay. They change no byte of the result.
type WriterOptions struct {
	// Concurrency is the number of cores to use; 0 means 1. More than one helps
	// where the stream was cut into blocks or members.
	Concurrency int
}

// NewWriter returns a writer that takes the plain bytes and writes the
// compressed bytes to w. The last of them are there once Close has returned
// nil, which it does only when the numbers of plain and of compressed bytes are
// those of the recipe; otherwise the error wraps [ErrMismatch]. Memory stays
// within some 10 MiB for each core, plus the window that a zstd encoder keeps.
func (r *Recipe) NewWriter(w io.Writer, opt WriterOptions) (io.WriteCloser, error) {
	for i := range r.parts {
		if p := &r.parts[i]; p.stream {
			if err := p.check(r.format); err != nil {
				return nil, err
			}
		}
	}
	out := &countWriter{w: w, limit: r.size}
	return &player{r: r, out: out, line: newLine(out, opt.Concurrency)}, nil
}

// player replays a recipe, part after part.
type player struct {
	r    *Recipe
	out  *countWriter
	line *line
	next int   // index of the part after the open one
	open *part // the stream that takes bytes now
	left int64 // bytes it still takes
	cur  stream
	sum  hash.Hash32 // of the open stream's plain bytes, nil if the format has none
	err  error
}

// A stream takes the plain bytes of one part; Close writes its end. A stream
// that is given up is released instead.
type stream interface {
	io.WriteCloser
	release()
}

func (p *player) Write(b []byte) (int, error) {
	if p.err != nil {
		return 0, p.err
	}
	var done int
	for len(b) > 0 {
		if p.left == 0 {
			if p.advance(); p.err != nil {
				return done, p.err
			}
			if p.open == nil {
				p.err = fmt.Errorf("%w: more than %d plain bytes", ErrMismatch, p.r.plain)
				return done, p.err
			}
		}
		n := int(min(int64(len(b)), p.left))
		if p.sum != nil {
			p.sum.Write(b[:n])
		}
		if _, p.err = p.cur.Write(b[:n]); p.err != nil {
			return done, p.err
		}
		p.left -= int64(n)
		done += n
		b = b[n:]
	}
	return done, nil
}

// advance ends the open stream, if any, and goes on to the next one that takes
// bytes, writing what lies between.
func (p *player) advance() {
	p.finish()
	for p.err == nil && p.next < len(p.r.parts) {
		q := &p.r.parts[p.next]
		p.next++
		if !q.stream {
			if q.zeros > 0 {
				p.err = p.line.zeros(q.zeros)
			} else {
				p.err = p.line.write(q.literal)
			}
			continue
		}
		if p.begin(q); p.err != nil || q.plain > 0 {
			return
		}
		p.finish()
	}
}

func (p *player) begin(q *part) {
	if len(q.literal) > 0 {
		if p.err = p.line.write(q.literal); p.err != nil {
			return
		}
	}
	switch p.r.format {
	case Gzip:
		p.sum = crc32.NewIEEE()
	case Zlib:
		p.sum = adler32.New()
	}
	p.open, p.left = q, q.plain
	p.cur, p.err = q.newStream(p.line)
}

// finish ends the open stream and writes its trailer.
func (p *player) finish() {
	if p.open == nil || p.err != nil {
		return
	}
	q := p.open
	p.open = nil
	if p.err = p.cur.Close(); p.err != nil {
		return
	}
	switch p.r.format {
	case Gzip:
		b := binary.LittleEndian.AppendUint32(nil, p.sum.Sum32())
		p.err = p.line.write(binary.LittleEndian.AppendUint32(b, uint32(q.plain)))
	case Zlib:
		p.err = p.line.write(binary.BigEndian.AppendUint32(nil, p.sum.Sum32()))
	}
}

// Close writes the end and checks the sizes.
func (p *player) Close() error {
	if p.err == nil && p.left > 0 {
		p.err = fmt.Errorf("%w: plain bytes end early", ErrMismatch)
	}
	if p.err == nil {
		if p.advance(); p.err == nil && p.open != nil {
			p.err = fmt.Errorf("%w: plain bytes end early", ErrMismatch)
		}
	}
	p.out.dead.Store(p.err != nil)
	if err := p.abandon(); p.err == nil {
		p.err = err
	}
	if p.err == nil && p.out.n != p.r.size {
		p.err = fmt.Errorf("%w: %d compressed bytes instead of %d", ErrMismatch, p.out.n, p.r.size)
	}
	if p.err != nil {
		return p.err
	}
	p.err = errClosed
	return nil
}

// abandon ends the goroutines and gives the engine of an open stream back.
func (p *player) abandon() error {
	err := p.line.close()
	if p.open != nil && p.cur != nil {
		p.cur.release()
		p.open = nil
	}
	return err
}

var errClosed = fmt.Errorf("recipe: write after Close")

// countWriter counts what it passes on, and refuses to pass on more than limit.
type countWriter struct {
	w     io.Writer
	n     int64
	limit int64
	dead  atomic.Bool // nothing more is to be written
}

func (c *countWriter) Write(b []byte) (int, error) {
	if c.dead.Load() {
		return 0, errClosed
	}
	if int64(len(b)) > c.limit-c.n {
		return 0, fmt.Errorf("%w: more than %d compressed bytes", ErrMismatch, c.limit)
	}
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}
