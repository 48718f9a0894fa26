package diff

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/docker-delta/docker-delta/diff/internal/code"
	"github.com/docker-delta/docker-delta/diff/internal/predict"
	"golang.org/x/sync/errgroup"
)

// Decoder gives back a target. Make one with [Open].
type Decoder struct {
	r    *bufio.Reader
	l    *layout
	done bool
	head int64 // bytes of operations and parameters
	// What the coded bytes are for; nil unless that was asked for.
	ops, copies, literals *ledger
}

// Open reads the operations of a coded delta of size bytes from r. Nothing in
// it is trusted: errors wrap [ErrCorrupt], or are those of r.
func Open(r io.Reader, size int64, limits Limits) (*Decoder, error) {
	d := &Decoder{r: bufio.NewReaderSize(io.LimitReader(r, size), 64<<10)}
	var err error
	if limits.Shares {
		d.ops, d.copies, d.literals = new(ledger), new(ledger), new(ledger)
	}
	d.l, d.head, err = readHead(d.r, limits, d.ops)
	return d, corrupt(err)
}

// Streams reads on to the end without decoding, and returns the bytes of the
// operations with their parameters, of the differences within copies and of the
// literals. Decode cannot be called after it.
func (d *Decoder) Streams() (ops, copies, literals int64, err error) {
	if d.done {
		return 0, 0, 0, fmt.Errorf("diff: decoded already")
	}
	d.done = true
	for at := int64(0); at < d.l.target; {
		var f decFrame
		frames, err := f.readSection(d.r)
		if err != nil {
			return 0, 0, 0, corrupt(err)
		}
		if frames > (d.l.target-at+frameSize-1)/frameSize {
			return 0, 0, 0, fmt.Errorf("%w: %d frames behind the end", ErrCorrupt, frames)
		}
		at += frames * frameSize
		copies += int64(len(f.copies))
		literals += int64(len(f.lits))
	}
	return d.head, copies, literals, nil
}

// Shares says what the coded bytes are for, as [Stats] does, once Decode has
// returned; [Limits] has to ask for it.
func (d *Decoder) Shares() []Share { return shares(d.ops, d.copies, d.literals) }

// TargetSize is the number of bytes that [Decoder.Decode] writes.
func (d *Decoder) TargetSize() int64 { return d.l.target }

// ReferenceSize is the size of the reference that the delta was made with.
func (d *Decoder) ReferenceSize() int64 { return d.l.refSize }

// Needs visits the runs that decoding will read, of the reference and, behind
// it, of the target itself, in the order in which it will, joined where one
// continues the other. Runs may overlap.
func (d *Decoder) Needs(visit func(Extent) error) error {
	var run Extent
	need := func(e Extent) error {
		if run.Off <= e.Off && e.Off <= run.End() {
			run.Len = max(run.End(), e.End()) - run.Off
			return nil
		}
		last := run
		run = e
		if last.Len == 0 {
			return nil
		}
		return visit(last)
	}
	walk := walker{l: d.l}
	for segs := walk.frame(); segs != nil; segs = walk.frame() {
		for _, s := range segs {
			e := Extent{s.old, s.n}
			if s.literal() {
				e = s.hint
			}
			if e.Len == 0 {
				continue
			}
			if err := need(e); err != nil {
				return err
			}
		}
	}
	if run.Len == 0 {
		return nil
	}
	return visit(run)
}

// Decode writes the target to w. Offsets of ref below the reference size give
// the reference, of which only what [Decoder.Needs] visits is read; those from
// there on give what has been written to w; ref is read while w is written, by
// different goroutines. It can be called once. The target
// is not verified: that takes a digest, which the caller has.
func (d *Decoder) Decode(ctx context.Context, w io.Writer, ref io.ReaderAt) error {
	if d.done {
		return fmt.Errorf("diff: decoded already")
	}
	d.done = true
	p := newPipeline(d.l, ref)
	p.copyNotes.ledger, p.literalNotes.ledger = d.copies, d.literals
	g, ctx := errgroup.WithContext(ctx)
	stop := context.AfterFunc(ctx, p.written.wake)
	defer stop()
	loaded, copied, full := make(chan *decFrame, 1), make(chan *decFrame, 1), make(chan *decFrame, 1)
	g.Go(func() error { return p.load(ctx, d.r, loaded) })
	g.Go(func() error { return stage(ctx, loaded, copied, p.copies) })
	g.Go(func() error { return stage(ctx, copied, full, p.literals) })
	g.Go(func() error {
		for f := range full {
			if _, err := w.Write(f.actual); err != nil {
				return err
			}
			p.written.set(f.start + int64(len(f.actual)))
			select {
			case p.free <- f:
			default:
			}
		}
		return ctx.Err()
	})
	if err := g.Wait(); err != nil {
		return corrupt(err)
	}
	p.copyNotes.section(d.l.target, 0)
	p.literalNotes.section(d.l.target, 0)
	if _, err := d.r.ReadByte(); err != io.EOF {
		if err == nil {
			err = fmt.Errorf("%w: bytes behind its end", ErrCorrupt)
		}
		return err
	}
	return nil
}

// stage passes frames on after working on them.
func stage(ctx context.Context, in <-chan *decFrame, out chan<- *decFrame, work func(*decFrame) error) error {
	defer close(out)
	for f := range in {
		if err := work(f); err != nil {
			return err
		}
		select {
		case out <- f:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// decFrame is a frame with the streams that begin there.
type decFrame struct {
	frame
	newSection   bool
	copies, lits []byte
}

// pipeline is the state of decoding; each stage has its own part of it.
type pipeline struct {
	space
	l       *layout
	free    chan *decFrame
	written watermark

	copyStream  io.Reader
	copyDecoder *code.CopyDecoder
	model       *predict.Model
	old         []byte // of the segment that the model predicts
	pred        [chunkSize]byte

	literalStream  io.Reader
	literalDecoder *code.LiteralDecoder
	tail           []byte

	copyNotes, literalNotes notes // each of its stage
}

func newPipeline(l *layout, ref io.ReaderAt) *pipeline {
	p := &pipeline{l: l, free: make(chan *decFrame, 8)}
	p.space = space{ref: newWindow(ref, l.refSize), target: offsetReader{ref, l.refSize}, refSize: l.refSize}
	p.written.cond.L = &p.written.mu
	return p
}

// offsetReader reads r from an offset on.
type offsetReader struct {
	r   io.ReaderAt
	off int64
}

func (o offsetReader) ReadAt(b []byte, off int64) (int, error) { return o.r.ReadAt(b, o.off+off) }

// load reads sections and what frames copy from.
func (p *pipeline) load(ctx context.Context, r *bufio.Reader, out chan<- *decFrame) error {
	defer close(out)
	walk := walker{l: p.l}
	left := int64(0)
	for walk.at < p.l.target {
		var f *decFrame
		select {
		case f = <-p.free:
			f.newSection, f.copies, f.lits = false, nil, nil
		default:
			f = &decFrame{}
		}
		if left == 0 {
			var err error
			if left, err = f.readSection(r); err != nil {
				return err
			}
		}
		left--
		f.start = walk.at
		f.segs = append(f.segs[:0], walk.frame()...)
		n := int(walk.at - f.start)
		if cap(f.actual) < n {
			f.actual = make([]byte, n)
		}
		f.actual = f.actual[:n]
		for _, s := range f.segs {
			from := Extent{s.old, s.n}
			if s.literal() {
				from = s.hint
			}
			if from.Off >= p.l.refSize && from.Len > 0 {
				if err := p.written.wait(ctx, from.End()-p.l.refSize); err != nil {
					return err
				}
			}
		}
		if err := f.load(p.space, f.actual); err != nil {
			return err
		}
		select {
		case out <- f:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if left != 0 {
		return fmt.Errorf("%w: %d frames behind the end", ErrCorrupt, left)
	}
	return nil
}

// readSection reads the streams that begin with the frame.
func (f *decFrame) readSection(r *bufio.Reader) (frames int64, err error) {
	var n [3]int64
	for i := range n {
		if n[i], err = readSize(r); err != nil {
			return 0, err
		}
	}
	if n[0] == 0 || n[1] > maxSection || n[2] > maxSection {
		return 0, fmt.Errorf("%w: section of %d frames, %d and %d bytes", ErrCorrupt, n[0], n[1], n[2])
	}
	f.newSection = true
	if f.copies, err = readBytes(r, n[1]); err != nil {
		return 0, err
	}
	f.lits, err = readBytes(r, n[2])
	return n[0], err
}

// readBytes reads n bytes, and makes room for them only as they come.
func readBytes(r io.Reader, n int64) ([]byte, error) {
	var b bytes.Buffer
	_, err := io.CopyN(&b, r, n)
	return b.Bytes(), err
}

// copies replaces what copies predict by the target's bytes.
func (p *pipeline) copies(f *decFrame) error {
	if f.newSection {
		p.copyStream, p.copyDecoder = bytes.NewReader(f.copies), nil
		p.copyNotes.section(f.start, len(f.copies))
	}
	look := f.look
	for _, s := range f.segs {
		if s.literal() {
			continue
		}
		if p.copyDecoder == nil {
			var err error
			if p.copyDecoder, err = code.NewCopyDecoder(p.copyStream); err != nil {
				return err
			}
		}
		i := s.at - f.start
		b := f.actual[i : i+s.n]
		if s.group == nil {
			p.copyNotes.before(b)
			if err := p.copyDecoder.Decode(s.at, b, b); err != nil {
				return err
			}
			p.copyNotes.copied(s.at, b, p.copyDecoder)
			continue
		}
		if err := p.predicted(s, b, look[:s.look]); err != nil {
			return err
		}
		look = look[s.look:]
	}
	return nil
}

// predicted replaces old bytes by the target's, chunk by chunk.
func (p *pipeline) predicted(s segment, b, look []byte) error {
	if s.copies != nil {
		var err error
		if p.model, err = predict.New(s.group.params, s.copies); err != nil {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
	}
	p.old = append(append(p.old[:0], b...), look...)
	for c := int64(0); c < s.n; c += chunkSize {
		n := min(chunkSize, s.n-c)
		pred := p.pred[:n]
		p.model.Predict(pred, p.old[c:min(c+n+predict.Lookahead, int64(len(p.old)))],
			s.old+c-s.group.old.Off, s.at+c-s.group.new.Off)
		p.copyNotes.before(pred)
		if err := p.copyDecoder.Decode(s.at+c, pred, b[c:c+n]); err != nil {
			return err
		}
		p.copyNotes.copied(s.at+c, b[c:c+n], p.copyDecoder)
		p.model.Update(b[c : c+n])
	}
	return nil
}

// literals fills in the literals of a frame, which is then complete.
func (p *pipeline) literals(f *decFrame) error {
	if f.newSection {
		p.literalStream, p.literalDecoder = bytes.NewReader(f.lits), nil
		p.literalNotes.section(f.start, len(f.lits))
	}
	hints := f.hints
	for _, s := range f.segs {
		if !s.literal() {
			continue
		}
		if p.literalDecoder == nil {
			var err error
			if p.literalDecoder, err = code.NewLiteralDecoder(p.literalStream); err != nil {
				return err
			}
		}
		i := s.at - f.start
		a := code.Around{Pos: s.at, Before: beforeOf(p.tail, f.actual, i), Old: hints[:s.hint.Len]}
		hints = hints[s.hint.Len:]
		if err := p.literalDecoder.Decode(a, f.actual[i:i+s.n]); err != nil {
			return err
		}
		p.literalNotes.literal(s.at, s.n, p.literalDecoder)
	}
	p.tail = append(p.tail[:0], f.actual[max(len(f.actual)-beforeLen, 0):]...)
	return nil
}

// watermark is how far the target is written.
type watermark struct {
	mu   sync.Mutex
	cond sync.Cond
	at   int64
}

func (m *watermark) set(at int64) {
	m.mu.Lock()
	m.at = at
	m.mu.Unlock()
	m.cond.Broadcast()
}

// wake lets those who wait look at their contexts.
func (m *watermark) wake() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cond.Broadcast()
}

func (m *watermark) wait(ctx context.Context, at int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for m.at < at {
		if err := ctx.Err(); err != nil {
			return err
		}
		m.cond.Wait()
	}
	return nil
}
