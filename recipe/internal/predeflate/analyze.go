package predeflate

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/docker-delta/docker-delta/recipe/internal/predeflate/tokens"
)

// ErrTooLarge reports that the corrections would be larger than allowed.
var ErrTooLarge = errors.New("predeflate: corrections are too large")

// Analyze returns the corrections with which [NewWriter] rebuilds the raw
// DEFLATE stream deflate, of deflateSize bytes, from its plain bytes. It fails
// with ErrTooLarge if they would be more than maxCorrections bytes, and with
// another error if the stream is not valid, does not inflate to plain, does not end
// where it should, or has a block of more than [tokens.MaxTokens] tokens.
//
// It needs memory for one block, and time about that of zlib compressing at the
// stream's level twice.
func Analyze(ctx context.Context, deflate io.ReaderAt, deflateSize int64, plain io.ReaderAt, plainSize, maxCorrections int64) ([]byte, error) {
	p, err := choose(ctx, deflate, deflateSize, plain, plainSize)
	if err != nil {
		return nil, err
	}
	in := bufio.NewReaderSize(io.NewSectionReader(deflate, 0, deflateSize), 1<<16)
	a := newAnalyzer(p, io.NewSectionReader(plain, 0, plainSize))
	a.limit = maxCorrections - paramsSize
	a.at, a.size = plain, plainSize
	r := tokens.NewReader(in)
	var b tokens.Block
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		err := r.Next(&b)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("predeflate: %w", err)
		}
		if err := a.block(r, &b); err != nil {
			return nil, err
		}
	}
	if _, err := in.ReadByte(); err != io.EOF {
		return nil, errors.New("predeflate: bytes follow the stream")
	}
	if a.m.base+int64(a.m.pos) != plainSize {
		return nil, errMismatch
	}
	a.m.tail(r.Tail())
	out := append(p.encode(), a.m.finish()...)
	if int64(len(out)) > maxCorrections {
		return nil, ErrTooLarge
	}
	return out, nil
}

// tail codes the unused bits of the stream's last byte.
func (m *model) tail(v uint8) uint8 {
	if m.flag(setLast+1, v != 0) {
		return uint8(m.raw(7, int(v)))
	}
	return 0
}

// analyzer encodes blocks.
type analyzer struct {
	m     *model
	plain io.Reader
	buf   []byte // read and not yet in the window
	space []byte
	eof   bool
	limit int64 // of the corrections

	// For reconsider.
	at     io.ReaderAt
	size   int64
	costly bool // the last block cost much
	wait   int  // blocks until a look is allowed, unless the cost has just risen
	gap    int

	wasCostly bool
}

func newAnalyzer(p params, plain io.Reader) *analyzer {
	return &analyzer{m: newModel(newCoder(nil, false), p), plain: plain, space: make([]byte, 1<<15), gap: firstWait}
}

// ensure puts enough bytes into the window to code a token.
func (a *analyzer) ensure() error {
	for a.m.end-a.m.pos < need && (!a.eof || len(a.buf) > 0) {
		if len(a.buf) == 0 {
			n, err := io.ReadFull(a.plain, a.space)
			if err == io.EOF || err == io.ErrUnexpectedEOF {
				a.eof = true
			} else if err != nil {
				return err
			}
			a.buf = a.space[:n]
		}
		a.buf = a.buf[a.m.fill(a.buf):]
	}
	return nil
}

// block encodes b. The bytes of a stored block are read from r.
func (a *analyzer) block(r *tokens.Reader, b *tokens.Block) error {
	m := a.m
	search, err := a.reconsider(b)
	if err != nil {
		return err
	}
	n, err := m.begin(b, search)
	if err != nil {
		return err
	}
	before := len(m.coder.data)
	if b.Kind == tokens.Stored {
		for range n {
			if err := a.ensure(); err != nil {
				return err
			}
			c, err := r.Byte()
			if err != nil {
				return err
			}
			if m.pos == m.end || m.buf[m.pos] != c {
				return errMismatch
			}
			m.storedBytes(1)
		}
	}
	for i, t := range b.Tokens {
		if err := a.ensure(); err != nil {
			return err
		}
		if !m.fits(t) {
			return errMismatch
		}
		if _, err := m.token(t); err != nil {
			return err
		}
		if i&0xfff == 0 && int64(len(m.coder.data)) > a.limit {
			return ErrTooLarge
		}
	}
	if err := a.ensure(); err != nil {
		return err
	}
	a.costly = 64*(len(m.coder.data)-before) > len(b.Tokens)
	if int64(len(m.coder.data)) > a.limit {
		return ErrTooLarge
	}
	return m.finishBlock(b)
}

// fits reports whether t gives the plain bytes at the current position.
func (m *model) fits(t tokens.Token) bool {
	if m.end-m.pos < t.Len() {
		return false
	}
	if c, ok := t.Literal(); ok {
		return m.buf[m.pos] == c
	}
	d := t.Dist()
	return int64(d) <= m.base+int64(m.pos) && m.equal(m.pos-d, m.pos, t.Len()) == t.Len()
}
