package layer

import (
	"context"
	"io"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/semaphore"
)

// ordered writes what its jobs make, and bytes between them, in the order in
// which they were given, while up to cores jobs run at once. Its methods belong
// to one goroutine.
type ordered struct {
	w       io.Writer // to be used directly only when drained
	running *semaphore.Weighted
	memory  *semaphore.Weighted
	most    int64
	queue   chan *made
	free    chan []byte  // memory of bytes that were written, to be used again
	pending atomic.Int64 // entries of the queue that are not written yet
	ended   chan struct{}

	mu  sync.Mutex
	err error
}

// made is what will be written.
type made struct {
	b      []byte
	err    error
	weight int64         // more than 0, so that who has all memory knows that all is written
	ready  chan struct{} // nil for bytes that are there
}

func newOrdered(w io.Writer, cores int, memory int64) *ordered {
	o := &ordered{w: w, most: memory, queue: make(chan *made, 1024), free: make(chan []byte, 4), ended: make(chan struct{})}
	o.running = semaphore.NewWeighted(int64(cores))
	o.memory = semaphore.NewWeighted(memory)
	go o.writeAll()
	return o
}

func (o *ordered) writeAll() {
	defer close(o.ended)
	for m := range o.queue {
		if m.ready != nil {
			<-m.ready
		}
		err := m.err
		if err == nil && o.failed() == nil {
			_, err = o.w.Write(m.b)
		}
		if err != nil {
			o.fail(err)
		}
		if m.ready == nil {
			select {
			case o.free <- m.b[:0]:
			default:
			}
		}
		o.pending.Add(-1)
		o.memory.Release(m.weight)
	}
}

func (o *ordered) fail(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		o.err = err
	}
}

func (o *ordered) failed() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// acquire waits for memory, which is given back when the job that gets it is
// written.
func (o *ordered) acquire(weight int64) error {
	_ = o.memory.Acquire(context.Background(), weight) // which never ends
	return o.failed()
}

// do runs job, for which memory was acquired, at least one byte.
func (o *ordered) do(job func() ([]byte, error), weight int64) error {
	m := &made{weight: weight, ready: make(chan struct{})}
	o.put(m)
	_ = o.running.Acquire(context.Background(), 1)
	go func() {
		defer o.running.Release(1)
		defer close(m.ready)
		if m.err = o.failed(); m.err == nil {
			m.b, m.err = job()
		}
	}()
	return o.failed()
}

func (o *ordered) put(m *made) {
	o.pending.Add(1)
	o.queue <- m
}

// buffer gives memory to append to.
func (o *ordered) buffer() []byte {
	select {
	case b := <-o.free:
		return b
	default:
		return nil
	}
}

// write puts b behind all jobs; it may change afterwards.
func (o *ordered) write(b []byte) error {
	for len(b) > 0 && o.pending.Load() > 0 {
		n := min(int64(len(b)), o.most/4)
		if err := o.acquire(n); err != nil {
			return err
		}
		o.put(&made{b: append(o.buffer(), b[:n]...), weight: n})
		b = b[n:]
	}
	if err := o.failed(); err != nil || len(b) == 0 {
		return err
	}
	_, err := o.w.Write(b)
	return err
}

// drain waits until everything is written; the writer below may then be used.
func (o *ordered) drain() error {
	_ = o.memory.Acquire(context.Background(), o.most)
	o.memory.Release(o.most)
	return o.failed()
}

// close ends the goroutines.
func (o *ordered) close() error {
	close(o.queue)
	<-o.ended
	return o.failed()
}
