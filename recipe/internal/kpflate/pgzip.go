package kpflate

import (
	"bytes"
	"fmt"
	"io"
	"sync"
)

// Block sizes of klauspost/pgzip, in bytes.
const (
	PgzipBlock    = 1 << 20   // since pgzip 1.2.2
	PgzipOldBlock = 256 << 10 // before
)

// pgzipTail is the size of the dictionary of a block, in bytes.
const pgzipTail = 16 << 10

// A PgzipWriter writes a DEFLATE stream as klauspost/pgzip frames it: each block of plain
// bytes is compressed by itself, with the last 16 KiB of the block before as dictionary, and
// ends with a flush. Closing writes what is left as one more block, even if that is
// empty, and the final block. The gzip header and trailer are the caller's.
//
// The stream does not depend on the concurrency. A PgzipWriter holds about two
// blocks and an encoder for each unit of it. It is not safe for concurrent use. Once
// a block is full there are goroutines, which end with Close or Reset.
type PgzipWriter struct {
	w         io.Writer
	newWriter func() (*Writer, error)
	blockSize int
	job       *pgzipJob // being filled; nil if there is none
	tail      []byte    // of the block before
	started   bool      // collect runs
	closed    bool

	free    chan *pgzipJob // waiting for work
	pending chan *pgzipJob // at work, in the order of the stream
	done    chan struct{}  // closed when all is written

	mu  sync.Mutex
	err error // of w
}

// A pgzipJob is a block of plain bytes and what becomes of it.
type pgzipJob struct {
	z           *Writer
	plain, tail []byte
	out         bytes.Buffer
	done        chan struct{}
}

// NewPgzipWriter returns a PgzipWriter that compresses to w as class c does, in blocks of
// blockSize bytes, which must be above 16 KiB, up to concurrency of them at once.
func NewPgzipWriter(w io.Writer, c Class, level, blockSize, concurrency int) (*PgzipWriter, error) {
	if blockSize <= pgzipTail {
		return nil, fmt.Errorf("kpflate: pgzip block size of %d is not above %d", blockSize, pgzipTail)
	}
	z, err := NewWriter(io.Discard, c, level)
	if err != nil {
		return nil, err
	}
	n := max(concurrency, 1)
	p := &PgzipWriter{
		w:         w,
		newWriter: func() (*Writer, error) { return NewWriter(io.Discard, c, level) },
		blockSize: blockSize,
		free:      make(chan *pgzipJob, n),
	}
	for range n {
		p.free <- &pgzipJob{z: z, done: make(chan struct{}, 1)}
		z = nil // the others get theirs when there is work for them
	}
	return p, nil
}

// Reset drops what is under way and starts a new stream on w.
func (p *PgzipWriter) Reset(w io.Writer) {
	p.finish()
	if p.job != nil {
		p.free <- p.job
		p.job = nil
	}
	p.w, p.err, p.closed = w, nil, false
	p.tail = p.tail[:0]
}

// finish waits until the blocks under way are written.
func (p *PgzipWriter) finish() {
	if p.started {
		close(p.pending)
		<-p.done
		p.started = false
	}
}

// collect writes the blocks as they are done. After an error it only empties the queue.
func (p *PgzipWriter) collect(pending <-chan *pgzipJob, done chan<- struct{}) {
	defer close(done)
	for j := range pending {
		<-j.done
		if p.error() == nil {
			if _, err := p.w.Write(j.out.Bytes()); err != nil {
				p.mu.Lock()
				p.err = err
				p.mu.Unlock()
			}
		}
		p.free <- j
	}
}

func (p *PgzipWriter) error() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// Write takes b over. An error of the underlying writer is returned by a later
// call, and at the latest by Close.
func (p *PgzipWriter) Write(b []byte) (int, error) {
	if p.closed {
		return 0, errClosed
	}
	n := len(b)
	for len(b) > 0 {
		if err := p.error(); err != nil {
			return 0, err
		}
		p.take()
		k := min(len(b), p.blockSize-len(p.job.plain))
		p.job.plain = append(p.job.plain, b[:k]...)
		b = b[k:]
		if len(p.job.plain) == p.blockSize {
			if err := p.start(false); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

// take makes sure that there is a job to fill.
func (p *PgzipWriter) take() {
	if p.job == nil {
		p.job = <-p.free
		p.job.plain = p.job.plain[:0]
	}
}

// start sends the current job to work.
func (p *PgzipWriter) start(final bool) error {
	j := p.job
	if j.z == nil {
		z, err := p.newWriter()
		if err != nil {
			return err
		}
		j.z = z
	}
	if !p.started {
		p.pending = make(chan *pgzipJob, cap(p.free))
		p.done = make(chan struct{})
		p.started = true
		go p.collect(p.pending, p.done)
	}
	j.tail = append(j.tail[:0], p.tail...)
	p.tail = append(p.tail[:0], j.plain[max(0, len(j.plain)-pgzipTail):]...)
	p.job = nil
	p.pending <- j
	go j.run(final)
	return nil
}

// run compresses the block. Writing to a buffer does not fail.
func (j *pgzipJob) run(final bool) {
	j.out.Reset()
	j.z.resetDict(&j.out, j.tail)
	j.z.Write(j.plain)
	j.z.Flush()
	if final {
		j.z.Close()
	}
	j.done <- struct{}{}
}

// Close writes the last block and waits until all is written. It does not close
// the underlying writer. Closing again returns the same.
func (p *PgzipWriter) Close() error {
	if !p.closed {
		p.closed = true
		p.take()
		err := p.start(true)
		p.finish()
		if err != nil {
			return err
		}
	}
	return p.error()
}
