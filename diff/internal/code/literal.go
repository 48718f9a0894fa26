package code

import (
	"bufio"
	"io"
)

// Around is what both sides know about the place of a literal. Everything in
// it is optional, and the decoder has to give what the encoder gave.
type Around struct {
	// Pos is the literal's offset in the target; only its low bits matter.
	Pos int64
	// Before is the end of the target up to the literal: some 32 bytes are
	// enough, more are not looked at.
	Before []byte
	// Old is what the literal may resemble, best guess first: the bytes of the
	// reference behind the previous copy. A few more than the literal has are
	// enough.
	Old []byte
}

// LiteralEncoder codes bytes that have no counterpart.
type LiteralEncoder struct {
	c literalEncoder
}

type literalEncoder interface {
	write(a Around, lit []byte) error
	bits() float64
	close() error
}

type literalDecoder interface {
	decode(a Around, dst []byte) error
	bits() float64
}

// NewLiteralEncoder starts a stream of literals on w. The caller closes the
// encoder when all are written.
func NewLiteralEncoder(w io.Writer, coder Coder) (*LiteralEncoder, error) {
	if err := writeHeader(w, kindLiteral, coder); err != nil {
		return nil, err
	}
	switch coder {
	case Full:
		return &LiteralEncoder{newMixLiteralCoder(newBinaryEncoder(w), fullLiterals)}, nil
	case Lean:
		return &LiteralEncoder{newLeanLiteralCoder(newRangeEncoder(w))}, nil
	}
	return &LiteralEncoder{zstdLiteralEncoder{newZstdWriter(w, coder)}}, nil
}

// Write codes lit. Nothing is kept or changed of what is passed in.
func (e *LiteralEncoder) Write(a Around, lit []byte) error { return e.c.write(a, lit) }

// Bits is as [CopyEncoder.Bits].
func (e *LiteralEncoder) Bits() float64 { return e.c.bits() }

// Work is what decoding will take so far, in decisions that are mixed.
func (e *LiteralEncoder) Work() int64 { return workOf(e.c) }

// Close ends the stream. It does not close the writer below.
func (e *LiteralEncoder) Close() error { return e.c.close() }

// LiteralDecoder reads what a [LiteralEncoder] wrote.
type LiteralDecoder struct {
	c literalDecoder
}

// NewLiteralDecoder reads the stream's header from r. It reads ahead on r.
func NewLiteralDecoder(r io.Reader) (*LiteralDecoder, error) {
	coder, err := readHeader(r, kindLiteral)
	if err != nil {
		return nil, err
	}
	switch coder {
	case Full:
		c, err := newBinaryDecoder(r)
		if err != nil {
			return nil, err
		}
		return &LiteralDecoder{newMixLiteralCoder(c, fullLiterals)}, nil
	case Lean:
		c, err := newRangeDecoder(r)
		if err != nil {
			return nil, err
		}
		return &LiteralDecoder{newLeanLiteralCoder(c)}, nil
	}
	z, err := newZstdReader(r)
	if err != nil {
		return nil, err
	}
	return &LiteralDecoder{zstdLiteralDecoder{bufio.NewReaderSize(z, 1<<16)}}, nil
}

// Decode fills dst with the next literal.
func (d *LiteralDecoder) Decode(a Around, dst []byte) error { return d.c.decode(a, dst) }

// Bits is as [CopyEncoder.Bits] for what was read so far.
func (d *LiteralDecoder) Bits() float64 { return d.c.bits() }

type zstdLiteralEncoder struct{ z *zstdWriter }

func (e zstdLiteralEncoder) write(_ Around, lit []byte) error {
	_, err := e.z.Write(lit)
	return err
}

func (zstdLiteralEncoder) bits() float64 { return -1 }

func (e zstdLiteralEncoder) close() error { return e.z.Close() }

type zstdLiteralDecoder struct{ r *bufio.Reader }

func (d zstdLiteralDecoder) decode(_ Around, dst []byte) error {
	if _, err := io.ReadFull(d.r, dst); err != nil {
		return corrupt(err)
	}
	return nil
}

func (zstdLiteralDecoder) bits() float64 { return -1 }
