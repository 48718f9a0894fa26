package predeflate

import (
	"errors"
	"fmt"
	"io"

	"github.com/docker-delta/docker-delta/recipe/internal/predeflate/tokens"
)

var errClosed = errors.New("predeflate: write after close")

// NewWriter returns a writer that takes the plain bytes, plainSize of them, and
// writes the DEFLATE stream to w that the corrections were made from. Write and
// Close fail if the corrections do not fit. Close does not close w. The writer
// keeps corrections until it is closed.
func NewWriter(w io.Writer, corrections []byte, plainSize int64) (io.WriteCloser, error) {
	if plainSize < 0 {
		return nil, fmt.Errorf("predeflate: negative size %d", plainSize)
	}
	p, rest, err := decodeParams(corrections)
	if err != nil {
		return nil, err
	}
	return &writer{m: newModel(newCoder(rest, true), p), e: emitter{w: w}, size: plainSize}, nil
}

// What the writer does next.
const (
	beginBlock = iota
	inTokens
	inStored
	endOfBlock
	streamDone
)

type writer struct {
	m      *model
	e      emitter
	size   int64
	b      tokens.Block
	stored []byte
	left   int // tokens or bytes of the block
	state  int
	err    error
}

func (w *writer) Write(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	if w.m.base+int64(w.m.end)+int64(len(p)) > w.size {
		w.err = errors.New("predeflate: more plain bytes than announced")
		return 0, w.err
	}
	for rest := p; len(rest) > 0; {
		n := w.m.fill(rest)
		rest = rest[n:]
		if w.err = w.run(); w.err == nil && n == 0 {
			w.err = errCorrections // nothing is left to do with the bytes
		}
		if w.err != nil {
			return 0, w.err
		}
	}
	return len(p), nil
}

// run does all that can be done with the bytes in the window.
func (w *writer) run() error {
	m := w.m
	for w.state != streamDone {
		final := m.base+int64(m.end) == w.size
		if m.end-m.pos < need && !final {
			return nil
		}
		switch w.state {
		case beginBlock:
			n, err := m.begin(&w.b, -1)
			if err != nil {
				return err
			}
			w.left = n
			w.b.Tokens, w.stored = w.b.Tokens[:0], w.stored[:0]
			w.state = inTokens
			if w.b.Kind == tokens.Stored {
				w.state = inStored
			}
		case inTokens:
			for ; w.left > 0 && (final || m.end-m.pos >= need); w.left-- {
				t, err := m.token(0)
				if err != nil {
					return err
				}
				w.b.Tokens = append(w.b.Tokens, t)
			}
			if w.left == 0 {
				w.state = endOfBlock
			}
		case inStored:
			n := min(w.left, m.end-m.pos)
			if !final {
				n = min(n, m.end-m.pos-need+1)
			} else if n == 0 && w.left > 0 {
				return errCorrections
			}
			w.stored = append(w.stored, m.buf[m.pos:m.pos+n]...)
			m.storedBytes(n)
			if w.left -= n; w.left == 0 {
				w.state = endOfBlock
			}
		case endOfBlock:
			if err := m.finishBlock(&w.b); err != nil {
				return err
			}
			if err := w.e.block(&w.b, w.stored); err != nil {
				return err
			}
			w.state = beginBlock
			if w.b.Last {
				w.state = streamDone
			}
		}
	}
	if m.base+int64(m.pos) != w.size {
		return errCorrections
	}
	return nil
}

func (w *writer) Close() error {
	if w.err == errClosed {
		return nil
	}
	if w.err != nil {
		return w.err
	}
	w.err = w.close()
	if w.err != nil {
		return w.err
	}
	w.err = errClosed
	return nil
}

func (w *writer) close() error {
	if w.m.base+int64(w.m.end) != w.size {
		return fmt.Errorf("predeflate: plain bytes: %w", io.ErrUnexpectedEOF)
	}
	if err := w.run(); err != nil {
		return err
	}
	if w.state != streamDone {
		return errCorrections
	}
	w.e.align(w.m.tail(0))
	if w.m.exhausted() {
		return fmt.Errorf("%w: they end early", errCorrections)
	}
	return w.e.flush(0)
}
