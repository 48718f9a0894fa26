package layer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// parallelMemory bounds the bytes, plain and raw, of the parts that are made
// beside one another.
const parallelMemory = 8 << 20

// parallel is a rewrapper for the outermost program: wrapped parts that are not
// too large are collected, and made by other goroutines while their plain bytes
// go on to come.
type parallel struct {
	queue *ordered
	steps []step
	left  int64          // plain bytes still to come
	skip  int64          // of them, until the next step begins
	part  []byte         // the plain bytes of a step, while they are collected
	inner int64          // how many of them still to come
	large io.WriteCloser // takes the plain bytes of a step that is not collected
	below io.WriteCloser
}

func newParallel(p *Program, w io.Writer, cores int) *parallel {
	r := &parallel{queue: newOrdered(w, cores, parallelMemory), steps: p.steps, left: p.plain}
	r.setSkip()
	return r
}

// setSkip begins what lies before the next step.
func (r *parallel) setSkip() {
	r.skip = r.left
	if len(r.steps) > 0 {
		r.skip = r.steps[0].skip
	}
}

func (r *parallel) Write(b []byte) (int, error) {
	done := 0
	for {
		if err := r.advance(); err != nil {
			return done, err
		}
		if done == len(b) {
			return done, nil
		}
		n := min(int64(len(b)-done), r.left)
		if n == 0 {
			return done, errTooLong
		}
		var err error
		switch {
		case r.part != nil:
			n = min(n, r.inner)
			r.part = append(r.part, b[done:done+int(n)]...)
			r.inner -= n
		case r.large != nil:
			n = min(n, r.inner)
			_, err = r.large.Write(b[done : done+int(n)])
			r.inner -= n
		default:
			n = min(n, r.skip)
			err = r.queue.write(b[done : done+int(n)])
			r.skip -= n
		}
		if err != nil {
			return done, err
		}
		done += int(n)
		r.left -= n
	}
}

// advance ends and begins steps wherever no more bytes are needed for it.
func (r *parallel) advance() error {
	for {
		var err error
		switch {
		case (r.part != nil || r.large != nil) && r.inner == 0:
			st := &r.steps[0]
			if r.part != nil {
				plain := r.part
				err = r.queue.do(func() ([]byte, error) { return st.make(plain) }, st.weight())
			} else {
				err = errors.Join(r.large.Close(), r.below.Close())
			}
			r.part, r.large, r.below = nil, nil, nil
			r.steps = r.steps[1:]
			r.setSkip()
		case r.part == nil && r.large == nil && len(r.steps) > 0 && r.skip == 0:
			st := &r.steps[0]
			r.inner = st.inner.plain
			if w := st.weight(); w <= parallelMemory/2 {
				if err = r.queue.acquire(w); err == nil {
					r.part = make([]byte, 0, r.inner)
				}
			} else if err = r.queue.drain(); err == nil {
				r.large, r.below, err = st.open(r.queue.w)
			}
		default:
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// finish reports missing bytes, and ends when all is written.
func (r *parallel) finish() error {
	if err := r.advance(); err != nil {
		return err
	}
	if r.left != 0 || len(r.steps) > 0 {
		return fmt.Errorf("%w: %d plain bytes are missing", ErrProgram, r.left)
	}
	return r.queue.drain()
}

// weight is the memory that the step's wrapped part takes while it is made.
func (st *step) weight() int64 { return max(st.inner.plain+st.size(), 1) }

// make gives the raw bytes of the step's wrapped part.
func (st *step) make(plain []byte) ([]byte, error) {
	out := bytes.NewBuffer(make([]byte, 0, st.size()))
	w, below, err := st.open(out)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	err = errors.Join(w.Close(), below.Close())
	return out.Bytes(), err
}
