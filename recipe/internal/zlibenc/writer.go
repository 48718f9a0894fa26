package zlibenc

import (
	"errors"
	"io"
)

// FlushMode is a way to flush, as zlib names them.
type FlushMode uint8

// The flush modes.
const (
	// BlockFlush ends the block, and leaves up to 7 bits waiting.
	BlockFlush FlushMode = iota
	// PartialFlush ends the block and adds an empty block with fixed codes.
	PartialFlush
	// SyncFlush ends the block and adds an empty stored block.
	SyncFlush
	// FullFlush is SyncFlush and forgets the history.
	FullFlush

	noneYet // no flush since the last input
)

var errClosed = errors.New("zlibenc: write after close")

// outLimit is how many bytes of output are gathered before they are written.
const outLimit = 32 << 10

// Writer compresses what is written to it.
type Writer struct {
	w   io.Writer
	p   Params
	e   *encoder  // nil for Pigz
	q   *pigz     // nil for all others
	gap int       // PigzSingle: bytes until the next mark
	did FlushMode // the last flush
	err error
}

// NewWriter returns a Writer of raw DEFLATE to w. It fails if p makes no sense.
func NewWriter(w io.Writer, p Params) (*Writer, error) {
	s, err := p.setup()
	if err != nil {
		return nil, err
	}
	if p.Piece == 0 {
		p.Piece = DefaultPiece
	}
	z := &Writer{p: p}
	if p.Variant == Pigz {
		z.q = newPigz(s, p)
	} else {
		z.e = newEncoder(s)
	}
	z.Reset(w)
	return z, nil
}

// Reset makes z as new, writing to w, and keeps its memory. An unfinished stream
// is dropped.
func (z *Writer) Reset(w io.Writer) {
	z.w, z.err, z.did, z.gap = w, nil, noneYet, z.p.Piece
	if z.q != nil {
		z.q.reset()
	} else {
		z.e.reset()
	}
}

// Write compresses p.
func (z *Writer) Write(p []byte) (int, error) {
	if z.err != nil {
		return 0, z.err
	}
	switch {
	case z.q != nil:
		z.err = z.q.write(z.w, p)
	case z.p.Variant == PigzSingle:
		z.err = z.writePieces(p)
	default:
		z.err = z.write(p)
	}
	if z.err != nil {
		return 0, z.err
	}
	return len(p), nil
}

// write compresses p as one stream.
func (z *Writer) write(p []byte) error {
	if len(p) > 0 {
		z.did = noneYet
	}
	for len(p) > 0 {
		p = z.e.fill(p)
		if z.e.full() {
			z.e.run(noFlush)
		}
		if err := z.drain(outLimit); err != nil {
			return err
		}
	}
	return nil
}

// writePieces compresses p with a mark after every piece that is not the last.
func (z *Writer) writePieces(p []byte) error {
	for len(p) > 0 {
		if z.gap == 0 {
			z.e.run(blockFlush)
			z.e.mark(z.p.Independent)
			z.gap = z.p.Piece
			if z.p.Independent {
				z.e.restart()
			}
		}
		n := min(len(p), z.gap)
		if err := z.write(p[:n]); err != nil {
			return err
		}
		p = p[n:]
		z.gap -= n
	}
	return nil
}

// drain hands on the output if there are at least min bytes of it.
func (z *Writer) drain(min int) error {
	if len(z.e.out) < min {
		return nil
	}
	_, err := z.w.Write(z.e.out)
	z.e.out = z.e.out[:0]
	return err
}

// Flush codes all input so far, as zlib's deflate does when called with one of
// its flush modes. Like zlib, it does nothing if there was no input since a flush
// that is as strong. It must not be called for Pigz and PigzSingle.
func (z *Writer) Flush(mode FlushMode) error {
	if z.err != nil {
		return z.err
	}
	if z.q != nil || z.p.Variant == PigzSingle || mode > FullFlush {
		return errors.New("zlibenc: cannot flush")
	}
	if z.did != noneYet && mode <= z.did {
		return nil
	}
	z.did = mode
	z.e.run(blockFlush)
	switch mode {
	case PartialFlush:
		z.e.emptyFixed()
	case SyncFlush, FullFlush:
		z.e.stored(nil, 0)
	}
	if mode == FullFlush {
		z.e.forget()
	}
	z.err = z.drain(0)
	return z.err
}

// Close finishes the stream. It does not close the underlying writer.
func (z *Writer) Close() error {
	if z.err == errClosed {
		return nil
	}
	if z.err != nil {
		return z.err
	}
	if z.q != nil {
		z.err = z.q.close(z.w)
	} else {
		z.e.run(finish)
		z.err = z.drain(0)
	}
	if z.err != nil {
		return z.err
	}
	z.err = errClosed
	return nil
}

// forget is what a full flush does: nothing before it will be matched.
func (e *encoder) forget() {
	clear(e.head)
	if e.lookahead == 0 {
		e.strStart, e.blockStart, e.insert = 0, 0, 0
	}
}

// restart begins a new stream after the bits written so far.
func (e *encoder) restart() {
	w := e.bitWriter
	e.reset()
	e.bitWriter = w
}

// mark ends a pigz piece on a byte boundary.
func (e *encoder) mark(independent bool) {
	if independent {
		e.stored(nil, 0)
		e.stored(nil, 0)
		return
	}
	if e.nbits&1 != 0 {
		e.stored(nil, 0)
		return
	}
	for e.nbits != 0 {
		e.emptyFixed()
	}
}
