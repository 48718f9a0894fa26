package diff

import (
	"bytes"
	"context"
	"io"

	"golang.org/x/sync/errgroup"

	"github.com/docker-delta/docker-delta/diff/internal/code"
)

// copyWriter codes the copies of frames, one section after the other.
type copyWriter struct {
	tally  *tally
	level  Level
	budget int64
	ways   *choice[*code.CopyEncoder] // of this section, once it has copies
}

// frame codes the copies of a frame.
func (w *copyWriter) frame(f *frame) error {
	for _, g := range f.segs {
		if g.literal() {
			continue
		}
		if w.ways == nil {
			var err error
			if w.ways, err = newChoice(w.level.coders(), w.budget, w.tally.copies, code.NewCopyEncoder); err != nil {
				return err
			}
		}
		i := g.at - f.start
		pred, actual := f.pred[i:i+g.n], f.actual[i:i+g.n]
		if g.group == nil {
			if err := w.plain(f.equal, g, pred, actual); err != nil {
				return err
			}
			continue
		}
		if err := w.foretold(g, pred, actual); err != nil {
			return err
		}
	}
	return nil
}

// plain codes a copy whose bytes foretell themselves.
func (w *copyWriter) plain(equal []Extent, g segment, old, actual []byte) error {
	return eachShown(equal, Extent{g.at, g.n}, func(e Extent) error {
		old, actual := old[e.Off-g.at:][:e.Len], actual[e.Off-g.at:][:e.Len]
		return w.write(e.Off, old, actual)
	}, func(n int64) error {
		w.tally.Equal += n
		return w.ways.each(func(v *way[*code.CopyEncoder]) error { return v.e.WriteEqual(n) })
	})
}

// write codes a run at a target offset, and counts it.
func (w *copyWriter) write(at int64, pred, actual []byte) error {
	same := w.tally.copied(pred, actual)
	return w.ways.each(func(v *way[*code.CopyEncoder]) error {
		err := v.e.Write(at, pred, actual)
		if bits := v.step(); !same {
			v.notes.differences(at, pred, actual, bits)
		}
		return err
	})
}

// foretold codes a copy of an executable, chunk by chunk as it is decoded.
func (w *copyWriter) foretold(g segment, pred, actual []byte) error {
	for c := int64(0); c < g.n; c += chunkSize {
		n := min(chunkSize, g.n-c)
		if err := w.write(g.at+c, pred[c:c+n], actual[c:c+n]); err != nil {
			return err
		}
	}
	return nil
}

func (w *copyWriter) finish(end int64) ([]byte, error) {
	coded, err := w.ways.end(&w.budget, w.tally.copies, end)
	w.ways = nil
	return coded, err
}

// literalWriter codes the literals of frames, one section after the other.
type literalWriter struct {
	tally  *tally
	level  Level
	budget int64
	ways   *choice[*code.LiteralEncoder] // of this section, once it has literals
}

// frame codes the literals of a frame.
func (w *literalWriter) frame(f *frame) error {
	hints := f.hints
	for _, g := range f.segs {
		if !g.literal() {
			continue
		}
		if w.ways == nil {
			var err error
			if w.ways, err = newChoice(w.level.coders(), w.budget, w.tally.literals, code.NewLiteralEncoder); err != nil {
				return err
			}
		}
		i := g.at - f.start
		a := code.Around{Pos: g.at, Before: beforeOf(f.before, f.actual, i), Old: hints[:g.hint.Len]}
		hints = hints[g.hint.Len:]
		err := w.ways.each(func(v *way[*code.LiteralEncoder]) error {
			err := v.e.Write(a, f.actual[i:i+g.n])
			v.notes.literal(g.at, g.n, v.step())
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *literalWriter) finish(end int64) ([]byte, error) {
	coded, err := w.ways.end(&w.budget, w.tally.literals, end)
	w.ways = nil
	return coded, err
}

// frameWriter is what both of them are.
type frameWriter interface {
	frame(*frame) error
	// finish ends the section at a target offset and returns its stream.
	finish(end int64) ([]byte, error)
}

// code codes the layout. Operations are coded, executables foretold, and copies and
// literals coded, at the same time, each as far ahead of the other as there are
// frames.
func (t *tally) code(ctx context.Context, w io.Writer, s space, opt Options) (Stats, error) {
	level, budget := opt.Level, t.l.budget()
	g, ctx := errgroup.WithContext(ctx)
	head := make(chan []byte, 1)
	g.Go(func() error {
		var b bytes.Buffer
		err := appendHead(&b, t.l, level, t.ops)
		head <- b.Bytes()
		return err
	})
	l := newLoader(t.l, s)
	foretold := make(chan *frame, framesAhead)
	g.Go(func() error { return new(foreteller).frames(ctx, l.loaded[0], foretold) })
	frames := [2]<-chan *frame{foretold, l.loaded[1]}
	var streams [2]chan []byte
	for i, fw := range []frameWriter{&copyWriter{tally: t, level: level, budget: budget}, &literalWriter{tally: t, level: level, budget: budget}} {
		streams[i] = make(chan []byte, 1)
		g.Go(func() error {
			for f := range frames[i] {
				if err := fw.frame(f); err != nil {
					return err
				}
				last, end := f.last, f.start+int64(len(f.actual))
				if i == 0 {
					opt.progress(Coding, end, t.Target)
				}
				l.done(f)
				if last == 0 {
					continue
				}
				coded, err := fw.finish(end)
				if err != nil {
					return err
				}
				select {
				case streams[i] <- coded:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return ctx.Err()
		})
	}
	sections := make(chan int, 1)
	g.Go(func() error { return l.load(ctx, sections) })
	g.Go(func() error {
		if err := t.head(w, <-head); err != nil {
			return err
		}
		for frames := range sections {
			var coded [2][]byte
			for i := range coded {
				select {
				case coded[i] = <-streams[i]:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			if err := t.section(w, frames, coded[0], coded[1]); err != nil {
				return err
			}
		}
		return nil
	})
	err := g.Wait()
	return t.done(), err
}

// head writes what stands before all sections.
func (t *tally) head(w io.Writer, b []byte) error {
	t.OpBytes, t.Coded = int64(len(b)), int64(len(b))
	_, err := w.Write(b)
	return err
}

// section writes the streams of so many frames.
func (t *tally) section(w io.Writer, frames int, copies, literals []byte) error {
	var head bytes.Buffer
	for _, n := range []int{frames, len(copies), len(literals)} {
		putUvarint(&head, uint64(n))
	}
	t.Coded += int64(head.Len() + len(copies) + len(literals))
	t.CopyBytes += int64(len(copies))
	t.LiteralBytes += int64(len(literals))
	for _, b := range [][]byte{head.Bytes(), copies, literals} {
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return nil
}
