package diff

import (
	"bytes"
	"context"
	"io"
	"sort"

	"github.com/docker-delta/docker-delta/diff/internal/code"
	"github.com/docker-delta/docker-delta/diff/internal/predict"
	"golang.org/x/sync/errgroup"
)

// sectionSize is the coded size at which a section ends. A decoder holds one.
const sectionSize = 6 << 20

// frame is a run of the target on its way through encoder or decoder.
type frame struct {
	segs   []segment
	start  int64
	actual []byte   // the target's bytes
	pred   []byte   // what copies predict, at the same indexes
	look   []byte   // old bytes behind the copies of groups, one after another
	hints  []byte   // the reference behind copies, one after another
	before []byte   // the target before the frame
	whole  []byte   // scratch: old bytes of a segment and those behind
	equal  []Extent // see layout
}

// eachShown calls visit for the parts of a run of the target that are not listed as
// equal, and passed, if not nil, for the others.
func eachShown(equal []Extent, run Extent, visit func(Extent) error, passed func(n int64) error) error {
	i := sort.Search(len(equal), func(i int) bool { return equal[i].End() > run.Off })
	for run.Len > 0 {
		n := run.Len
		if i < len(equal) && equal[i].Off <= run.Off {
			n = min(n, equal[i].End()-run.Off)
			if passed != nil {
				if err := passed(n); err != nil {
					return err
				}
			}
			i++
		} else {
			if i < len(equal) {
				n = min(n, equal[i].Off-run.Off)
			}
			if err := visit(Extent{run.Off, n}); err != nil {
				return err
			}
		}
		run.Off, run.Len = run.Off+n, run.Len-n
	}
	return nil
}

// loadCopy reads what a segment copies from, except where it is known to be equal.
func (f *frame) loadCopy(s io.ReaderAt, pred []byte, g segment) error {
	return eachShown(f.equal, Extent{g.at, g.n}, func(e Extent) error {
		i := e.Off - f.start
		return readFull(s, pred[i:i+e.Len], g.old+e.Off-g.at)
	}, nil)
}

// loadActual reads the target, except where it is known to be equal.
func (f *frame) loadActual(target io.ReaderAt) error {
	return eachShown(f.equal, Extent{f.start, int64(len(f.actual))}, func(e Extent) error {
		i := e.Off - f.start
		return readFull(target, f.actual[i:i+e.Len], e.Off)
	}, nil)
}

// load reads what the segments copy from, and what is shown beside.
func (f *frame) load(s io.ReaderAt, pred []byte) error {
	f.look, f.hints = f.look[:0], f.hints[:0]
	for _, g := range f.segs {
		if g.literal() {
			var err error
			if f.hints, err = appendRead(f.hints, s, g.hint); err != nil {
				return err
			}
			continue
		}
		if err := f.loadCopy(s, pred, g); err != nil {
			return err
		}
		if g.group != nil {
			var err error
			if f.look, err = appendRead(f.look, s, Extent{g.old + g.n, g.look}); err != nil {
				return err
			}
		}
	}
	return nil
}

func appendRead(b []byte, r io.ReaderAt, e Extent) ([]byte, error) {
	n := len(b)
	b = append(b, make([]byte, e.Len)...)
	return b, readFull(r, b[n:], e.Off)
}

// section is a run of frames whose streams stand together in the delta.
type section struct {
	frames         int
	copies, lits   bytes.Buffer
	copyEncoder    *code.CopyEncoder
	literalEncoder *code.LiteralEncoder
	level          code.Level
	model          *predict.Model // of the running group
}

// writeCopies codes the copies of a frame.
func (s *section) writeCopies(f *frame, t *tally) error {
	look := f.look
	for _, g := range f.segs {
		if g.literal() {
			continue
		}
		i := g.at - f.start
		old, actual := f.pred[i:i+g.n], f.actual[i:i+g.n]
		if s.copyEncoder == nil {
			var err error
			if s.copyEncoder, err = code.NewCopyEncoder(&s.copies, s.level); err != nil {
				return err
			}
		}
		if g.group == nil {
			err := eachShown(f.equal, Extent{g.at, g.n}, func(e Extent) error {
				old, actual := old[e.Off-g.at:][:e.Len], actual[e.Off-g.at:][:e.Len]
				t.add(e.Off, old, actual)
				return s.copyEncoder.Write(e.Off, old, actual)
			}, func(n int64) error {
				t.Equal += n
				return s.copyEncoder.WriteEqual(n)
			})
			if err != nil {
				return err
			}
			continue
		}
		if g.copies != nil {
			var err error
			if s.model, err = predict.New(g.group.params, g.copies); err != nil {
				return err
			}
		}
		all := append(f.whole[:0], old...)
		all = append(all, look[:g.look]...)
		f.whole = all
		look = look[g.look:]
		var pred [chunkSize]byte
		for c := int64(0); c < g.n; c += chunkSize {
			n := min(chunkSize, g.n-c)
			s.model.Predict(pred[:n], all[c:min(c+n+predict.Lookahead, int64(len(all)))],
				g.old+c-g.group.old.Off, g.at+c-g.group.new.Off)
			t.add(g.at+c, pred[:n], actual[c:c+n])
			if err := s.copyEncoder.Write(g.at+c, pred[:n], actual[c:c+n]); err != nil {
				return err
			}
			s.model.Update(actual[c : c+n])
		}
	}
	return nil
}

// writeLiterals codes the literals of a frame.
func (s *section) writeLiterals(f *frame) error {
	hints := f.hints
	for _, g := range f.segs {
		if !g.literal() {
			continue
		}
		if s.literalEncoder == nil {
			var err error
			if s.literalEncoder, err = code.NewLiteralEncoder(&s.lits, s.level); err != nil {
				return err
			}
		}
		i := g.at - f.start
		a := code.Around{Pos: g.at, Before: beforeOf(f.before, f.actual, i), Old: hints[:g.hint.Len]}
		hints = hints[g.hint.Len:]
		if err := s.literalEncoder.Write(a, f.actual[i:i+g.n]); err != nil {
			return err
		}
	}
	return nil
}

// beforeOf returns the target before index i of a frame.
func beforeOf(before, frame []byte, i int64) []byte {
	if i >= beforeLen || len(before) == 0 {
		return frame[max(i-beforeLen, 0):i]
	}
	b := append(bytes.Clone(before), frame[:i]...)
	return b[max(len(b)-beforeLen, 0):]
}

// finish ends the streams and writes the section.
func (s *section) finish(w io.Writer) error {
	if s.copyEncoder != nil {
		if err := s.copyEncoder.Close(); err != nil {
			return err
		}
	}
	if s.literalEncoder != nil {
		if err := s.literalEncoder.Close(); err != nil {
			return err
		}
	}
	var head bytes.Buffer
	putUvarint(&head, uint64(s.frames))
	putUvarint(&head, uint64(s.copies.Len()))
	putUvarint(&head, uint64(s.lits.Len()))
	for _, b := range []*bytes.Buffer{&head, &s.copies, &s.lits} {
		if _, err := w.Write(b.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// data codes the data of the layout.
func (t *tally) data(ctx context.Context, w io.Writer, s space, opt Options) (Stats, error) {
	walk := walker{l: t.l}
	sec := &section{level: opt.Level.code()}
	var model *predict.Model
	tail := make([]byte, 0, beforeLen)
	f := &frame{equal: t.l.equal, actual: make([]byte, frameSize), pred: make([]byte, frameSize)}
	for {
		start := walk.at
		segs := walk.frame()
		if segs == nil {
			break
		}
		if err := ctx.Err(); err != nil {
			return t.Stats, err
		}
		f.segs, f.start, f.before = segs, start, tail
		f.actual, f.pred = f.actual[:walk.at-start], f.pred[:walk.at-start]
		if err := f.loadActual(s.target); err != nil {
			return t.Stats, err
		}
		if err := f.load(s, f.pred); err != nil {
			return t.Stats, err
		}
		sec.model = model
		g, _ := errgroup.WithContext(ctx)
		g.Go(func() error { return sec.writeCopies(f, t) })
		g.Go(func() error { return sec.writeLiterals(f) })
		if err := g.Wait(); err != nil {
			return t.Stats, err
		}
		model = sec.model
		sec.frames++
		opt.progress(Coding, walk.at, t.Target)
		tail = bytes.Clone(f.actual[max(len(f.actual)-beforeLen, 0):])
		if sec.copies.Len()+sec.lits.Len() >= sectionSize {
			if err := t.finish(w, sec); err != nil {
				return t.Stats, err
			}
			sec = &section{level: opt.Level.code()}
		}
	}
	if sec.frames > 0 {
		if err := t.finish(w, sec); err != nil {
			return t.Stats, err
		}
	}
	t.share()
	return t.Stats, nil
}

func (t *tally) finish(w io.Writer, sec *section) error {
	c := &countWriter{w: w}
	err := sec.finish(c)
	t.Coded += c.n
	t.CopyBytes += int64(sec.copies.Len())
	t.LiteralBytes += int64(sec.lits.Len())
	return err
}

type countWriter struct {
	w io.Writer
	n int64
}

func (c *countWriter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}
