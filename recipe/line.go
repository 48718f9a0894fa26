package recipe

import (
	"io"
	"sync"
)

// A line writes to out what its jobs produce, in the order in which they were
// given, while up to cores of them run at once. It belongs to one goroutine.
type line struct {
	out   io.Writer
	cores int
	queue chan chan done // nil until the first job
	idle  sync.WaitGroup // jobs not yet written
	ended chan struct{}

	mu  sync.Mutex
	err error
}

type done struct {
	b   *[]byte
	err error
}

func newLine(out io.Writer, cores int) *line {
	return &line{out: out, cores: max(cores, 1)}
}

// buffers holds the input and output buffers of jobs.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// do runs job, whose result is written when those before it have been. The
// result may be given in the buffer that the job gets.
func (l *line) do(job func(to []byte) ([]byte, error)) error {
	if l.cores == 1 {
		buf := buffers.Get().(*[]byte)
		defer buffers.Put(buf)
		b, err := job((*buf)[:0])
		if err != nil {
			return err
		}
		*buf = b
		_, err = l.out.Write(b)
		return err
	}
	if l.queue == nil {
		// The writer holds one result and the queue the rest: cores in all.
		l.queue = make(chan chan done, l.cores-1)
		l.ended = make(chan struct{})
		go l.writeAll()
	}
	if err := l.failed(); err != nil {
		return err
	}
	l.idle.Add(1)
	result := make(chan done, 1)
	l.queue <- result
	go func() {
		buf := buffers.Get().(*[]byte)
		b, err := job((*buf)[:0])
		*buf = b
		result <- done{buf, err}
	}()
	return nil
}

func (l *line) writeAll() {
	defer close(l.ended)
	for result := range l.queue {
		d := <-result
		if d.err == nil && l.failed() == nil {
			_, d.err = l.out.Write(*d.b)
		}
		if d.err != nil {
			l.mu.Lock()
			if l.err == nil {
				l.err = d.err
			}
			l.mu.Unlock()
		}
		buffers.Put(d.b)
		l.idle.Done()
	}
}

func (l *line) failed() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// wait returns once all jobs have been written.
func (l *line) wait() error {
	l.idle.Wait()
	return l.failed()
}

// Write puts b behind all jobs.
func (l *line) Write(b []byte) (int, error) {
	if err := l.wait(); err != nil {
		return 0, err
	}
	return l.out.Write(b)
}

// write queues b, which must not change any more.
func (l *line) write(b []byte) error {
	if l.queue == nil {
		_, err := l.out.Write(b)
		return err
	}
	return l.do(func(to []byte) ([]byte, error) { return append(to, b...), nil })
}

// zeros writes n zero bytes.
func (l *line) zeros(n int64) error {
	b := make([]byte, min(n, 32<<10))
	for n > 0 {
		b = b[:min(n, int64(len(b)))]
		if _, err := l.Write(b); err != nil {
			return err
		}
		n -= int64(len(b))
	}
	return nil
}

// close waits for the jobs and ends the line.
func (l *line) close() error {
	if l.queue != nil {
		close(l.queue)
		<-l.ended
		l.queue = nil
	}
	return l.failed()
}
