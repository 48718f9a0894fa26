package layer

import (
	"errors"
	"fmt"
	"io"

	"github.com/docker-delta/docker-delta/recipe"
)

// Rewrap writes the raw bytes of the program's plain ones to w. It gives plain,
// which writes those, a writer for them. Up to cores wrapped parts are made at
// once; the memory that they wait in is bounded.
func (p *Program) Rewrap(w io.Writer, cores int, plain func(io.Writer) error) error {
	if cores <= 1 || len(p.steps) == 0 {
		r := p.newWriter(w)
		if err := plain(r); err != nil {
			return err
		}
		return r.Close()
	}
	r := newParallel(p, w, cores)
	err := plain(r)
	if err == nil {
		err = r.finish()
	}
	if qerr := r.queue.close(); err == nil {
		err = qerr
	}
	return err
}

// newWriter returns a writer that takes the plain bytes and writes the raw
// ones to w. Close reports missing bytes; it does not close w.
func (p *Program) newWriter(w io.Writer) io.WriteCloser {
	return &rewrapper{w: w, steps: p.steps, left: p.plain}
}

// open returns the writer for the plain bytes of the step's wrapped part, and
// the one below it: both are to be closed, one after the other.
func (st *step) open(w io.Writer) (plain, wrapped io.WriteCloser, err error) {
	if len(st.chunks) > 1 {
		w = newChunkWriter(w, st.chunks)
	}
	wrapped, err = st.recipe.NewWriter(w, recipe.WriterOptions{Concurrency: 1})
	if err != nil {
		return nil, nil, err
	}
	return st.inner.newWriter(wrapped), wrapped, nil
}

type rewrapper struct {
	w       io.Writer
	steps   []step
	left    int64 // plain bytes still to come at this level, the child's included
	skipped int64 // of the current step's skip
	child   io.WriteCloser
	wrap    io.WriteCloser
	inner   int64 // plain bytes the child still takes
}

func (r *rewrapper) Write(b []byte) (int, error) {
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
		dst := r.w
		switch {
		case r.child != nil:
			dst, n = r.child, min(n, r.inner)
			r.inner -= n
		case len(r.steps) > 0:
			n = min(n, r.steps[0].skip-r.skipped)
			r.skipped += n
		}
		if _, err := dst.Write(b[done : done+int(n)]); err != nil {
			return done, err
		}
		done += int(n)
		r.left -= n
	}
}

// advance opens and closes children wherever no more bytes are needed for it.
func (r *rewrapper) advance() error {
	for {
		switch {
		case r.child != nil && r.inner == 0:
			if err := errors.Join(r.child.Close(), r.wrap.Close()); err != nil {
				return err
			}
			r.child, r.wrap = nil, nil
			r.steps, r.skipped = r.steps[1:], 0
		case r.child == nil && len(r.steps) > 0 && r.skipped == r.steps[0].skip:
			st := &r.steps[0]
			child, wrap, err := st.open(r.w)
			if err != nil {
				return err
			}
			r.wrap, r.child, r.inner = wrap, child, st.inner.plain
		default:
			return nil
		}
	}
}

func (r *rewrapper) Close() error {
	if err := r.advance(); err != nil {
		return err
	}
	if r.left != 0 || len(r.steps) > 0 {
		return fmt.Errorf("%w: %d plain bytes are missing", ErrProgram, r.left)
	}
	return nil
}
