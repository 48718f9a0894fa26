package code

import (
	"errors"
	"io"
)

// CopyEncoder codes runs of bytes of which a prediction of the same length is
// known to the decoder, such as the bytes of an older version.
type CopyEncoder struct {
	c copyEncoder
}

// copyEncoder is what each coder of copies implements.
type copyEncoder interface {
	write(pos int64, pred, actual []byte) error
	equal(n int64) error
	bits() float64
	close() error
}

type copyDecoder interface {
	decode(pos int64, pred, dst []byte) error
	bits() float64
}

var errLengths = errors.New("code: prediction and data differ in length")

// NewCopyEncoder starts a stream of copies on w. The caller closes the encoder
// when all runs are written.
func NewCopyEncoder(w io.Writer, coder Coder) (*CopyEncoder, error) {
	if err := writeHeader(w, kindCopy, coder); err != nil {
		return nil, err
	}
	switch coder {
	case Full:
		return &CopyEncoder{newMixCopyCoder(newBinaryEncoder(w))}, nil
	case Lean:
		return &CopyEncoder{newLeanCopyCoder(newRangeEncoder(w))}, nil
	}
	return &CopyEncoder{newZstdCopyEncoder(w, coder)}, nil
}

// Write codes actual, given pred. pos is the offset of the run in the target:
// its low bits tell where aligned words begin, nothing else is made of it.
// Neither slice is kept or changed.
func (e *CopyEncoder) Write(pos int64, pred, actual []byte) error {
	if len(pred) != len(actual) {
		return errLengths
	}
	return e.c.write(pos, pred, actual)
}

// EqualBorder is the number of equal bytes around those that need not be shown.
const EqualBorder = 4096

// WriteEqual codes n bytes that are as predicted, and comes to the same as Write.
// At least [EqualBorder] bytes that are as predicted have to be written before,
// and again before any other byte.
func (e *CopyEncoder) WriteEqual(n int64) error { return e.c.equal(n) }

// Bits estimates the length of what was written so far; it is negative where
// that cannot be told, since the coder works on larger runs.
func (e *CopyEncoder) Bits() float64 { return e.c.bits() }

// Work is what decoding will take so far, in decisions that are mixed.
func (e *CopyEncoder) Work() int64 { return workOf(e.c) }

// Close ends the stream. It does not close the writer below.
func (e *CopyEncoder) Close() error { return e.c.close() }

// CopyDecoder reads what a [CopyEncoder] wrote.
type CopyDecoder struct {
	c copyDecoder
}

// NewCopyDecoder reads the stream's header from r. It reads ahead on r.
func NewCopyDecoder(r io.Reader) (*CopyDecoder, error) {
	coder, err := readHeader(r, kindCopy)
	if err != nil {
		return nil, err
	}
	switch coder {
	case Full:
		c, err := newBinaryDecoder(r)
		if err != nil {
			return nil, err
		}
		return &CopyDecoder{newMixCopyCoder(c)}, nil
	case Lean:
		c, err := newRangeDecoder(r)
		if err != nil {
			return nil, err
		}
		return &CopyDecoder{newLeanCopyCoder(c)}, nil
	}
	c, err := newZstdCopyDecoder(r)
	return &CopyDecoder{c}, err
}

// Decode fills dst with the next run, given its prediction. Calls have to have
// the positions and lengths that [CopyEncoder.Write] had. dst and pred may be
// the same slice, but may not overlap otherwise.
func (d *CopyDecoder) Decode(pos int64, pred, dst []byte) error {
	if len(pred) != len(dst) {
		return errLengths
	}
	return d.c.decode(pos, pred, dst)
}

// Bits is as [CopyEncoder.Bits] for what was read so far.
func (d *CopyDecoder) Bits() float64 { return d.c.bits() }
