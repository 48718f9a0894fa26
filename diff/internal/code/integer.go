package code

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
)

// MaxFields is the number of fields that a stream of integers may have.
const MaxFields = 64

// IntEncoder codes numbers that belong to fields. A field is a kind of number,
// such as the length of a literal: numbers of one field resemble each other, and
// follow the numbers written before them.
type IntEncoder struct {
	m   intCoder
	z   *zstdWriter
	buf []byte
}

// NewIntEncoder starts a stream of integers on w. The caller closes the encoder
// when all are written.
func NewIntEncoder(w io.Writer, coder Coder) (*IntEncoder, error) {
	if err := writeHeader(w, kindInt, coder); err != nil {
		return nil, err
	}
	switch coder {
	case Full:
		return &IntEncoder{m: newMixInts(newBinaryEncoder(w))}, nil
	case Lean:
		return &IntEncoder{m: newLeanInts(newRangeEncoder(w))}, nil
	}
	return &IntEncoder{z: newZstdWriter(w, coder)}, nil
}

// Write codes v, a number of the given field, which is less than [MaxFields].
func (e *IntEncoder) Write(field int, v uint64) error {
	if uint(field) >= MaxFields {
		return fmt.Errorf("code: no field %d", field)
	}
	if e.m != nil {
		_, err := e.m.code(field, v)
		return err
	}
	e.buf = binary.AppendUvarint(e.buf[:0], v)
	_, err := e.z.Write(e.buf)
	return err
}

// WriteSigned codes v so that small numbers of both signs are short.
func (e *IntEncoder) WriteSigned(field int, v int64) error {
	return e.Write(field, uint64(v)<<1^uint64(v>>63))
}

// Bits is as [CopyEncoder.Bits].
func (e *IntEncoder) Bits() float64 {
	if e.m == nil {
		return -1
	}
	return e.m.bits()
}

// Work is what decoding will take so far, in decisions that are mixed.
func (e *IntEncoder) Work() int64 { return workOf(e.m) }

// Close ends the stream. It does not close the writer below.
func (e *IntEncoder) Close() error {
	if e.m != nil {
		return e.m.close()
	}
	return e.z.Close()
}

// IntDecoder reads what an [IntEncoder] wrote.
type IntDecoder struct {
	m intCoder
	r *bufio.Reader
}

// NewIntDecoder reads the stream's header from r. It reads ahead on r.
func NewIntDecoder(r io.Reader) (*IntDecoder, error) {
	coder, err := readHeader(r, kindInt)
	if err != nil {
		return nil, err
	}
	switch coder {
	case Full:
		c, err := newBinaryDecoder(r)
		if err != nil {
			return nil, err
		}
		return &IntDecoder{m: newMixInts(c)}, nil
	case Lean:
		c, err := newRangeDecoder(r)
		if err != nil {
			return nil, err
		}
		return &IntDecoder{m: newLeanInts(c)}, nil
	}
	z, err := newZstdReader(r)
	if err != nil {
		return nil, err
	}
	return &IntDecoder{r: bufio.NewReaderSize(z, 1<<12)}, nil
}

// Read gives the next number, which was written with the same field.
func (d *IntDecoder) Read(field int) (uint64, error) {
	if uint(field) >= MaxFields {
		return 0, fmt.Errorf("code: no field %d", field)
	}
	if d.m != nil {
		return d.m.code(field, 0)
	}
	v, err := binary.ReadUvarint(d.r)
	if err != nil {
		return 0, corrupt(err)
	}
	return v, nil
}

// ReadSigned gives the next number that was written by
// [IntEncoder.WriteSigned].
func (d *IntDecoder) ReadSigned(field int) (int64, error) {
	v, err := d.Read(field)
	return int64(v>>1) ^ -int64(v&1), err
}

// Bits is as [CopyEncoder.Bits] for what was read so far.
func (d *IntDecoder) Bits() float64 {
	if d.m == nil {
		return -1
	}
	return d.m.bits()
}

// An intCoder codes numbers in either direction.
type intCoder interface {
	code(field int, v uint64) (uint64, error)
	bits() float64
	close() error
}

// pastInts are the numbers that came before.
type pastInts struct {
	fields [MaxFields][2]uint64 // the last two numbers of each
	last   [3]uint64            // the last three of all
}

func (p *pastInts) add(field int, v uint64) {
	own, l := &p.fields[field], &p.last
	own[1], own[0] = own[0], v
	l[2], l[1], l[0] = l[1], l[0], v
}

func sizeOf(v uint64) uint32 { return uint32(bits.Len64(v)) }

func foldOf(v uint64) uint32 { return uint32(hash(v, 0)) }

// mixInts predicts numbers from those before, in the same field and in any.
type mixInts struct {
	c     *binaryCoder
	model *numberModel
	past  pastInts
}

func newMixInts(c *binaryCoder) *mixInts {
	return &mixInts{c: c, model: newNumberModel()}
}

func (m *mixInts) bits() float64 { return m.c.bits() }

func (m *mixInts) close() error { return m.c.close() }

func (m *mixInts) code(field int, v uint64) (uint64, error) {
	f, own, l := uint32(field), &m.past.fields[field], &m.past.last
	ctx := [numberContexts]uint32{
		f,
		hash32(f, sizeOf(own[0]), sizeOf(own[1])),
		hash32(f, foldOf(own[0]), 2),
		hash32(f, foldOf(l[0]), sizeOf(l[1])),
		hash32(f, sizeOf(l[0])<<8|sizeOf(l[1]), sizeOf(l[2])),
		hash32(f, foldOf(l[0]), foldOf(l[1])),
	}
	v = m.model.code(m.c, v, field&7, &ctx)
	m.past.add(field, v)
	return v, m.c.err
}

// leanInts do so in fewer contexts.
type leanInts struct {
	c     *rangeCoder
	model leanNumbers
	past  pastInts
}

func newLeanInts(c *rangeCoder) *leanInts {
	return &leanInts{c: c, model: newLeanNumbers()}
}

func (m *leanInts) work() int64 { return m.c.work }

func (m *leanInts) bits() float64 { return m.c.bits() }

func (m *leanInts) close() error { return m.c.close() }

func (m *leanInts) code(field int, v uint64) (uint64, error) {
	f, own, l := uint32(field), &m.past.fields[field], &m.past.last
	ctx := [leanInputs]uint32{
		hash32(f, sizeOf(own[0]), sizeOf(own[1])),
		hash32(f, foldOf(own[0]), 2),
		hash32(f, foldOf(l[0]), sizeOf(l[1])),
		hash32(f, sizeOf(l[0])<<8|sizeOf(l[1]), sizeOf(l[2])),
	}
	v = m.model.code(m.c, v, uint(field)&7, &ctx)
	m.past.add(field, v)
	return v, m.c.err
}
