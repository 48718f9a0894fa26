package code

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"

	"github.com/klauspost/compress/zstd"
)

// MaxFields is the number of fields that a stream of integers may have.
const MaxFields = 64

// IntEncoder codes numbers that belong to fields. A field is a kind of number,
// such as the length of a literal: numbers of one field resemble each other, and
// follow the numbers written before them.
type IntEncoder struct {
	m   *mixInts
	z   *zstd.Encoder
	buf []byte
}

// NewIntEncoder starts a stream of integers on w. The caller closes the encoder
// when all are written.
func NewIntEncoder(w io.Writer, level Level) (*IntEncoder, error) {
	if err := writeHeader(w, kindInt, level); err != nil {
		return nil, err
	}
	if level != Fast {
		return &IntEncoder{m: newMixInts(newBinaryEncoder(w))}, nil
	}
	z, err := newZstdWriter(w)
	return &IntEncoder{z: z}, err
}

// Write codes v, a number of the given field, which is less than [MaxFields].
func (e *IntEncoder) Write(field int, v uint64) error {
	if uint(field) >= MaxFields {
		return fmt.Errorf("code: no field %d", field)
	}
	if e.m != nil {
		e.m.code(field, v)
		return e.m.c.err
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
	return e.m.c.bits()
}

// Close ends the stream. It does not close the writer below.
func (e *IntEncoder) Close() error {
	if e.m != nil {
		return e.m.c.close()
	}
	return e.z.Close()
}

// IntDecoder reads what an [IntEncoder] wrote.
type IntDecoder struct {
	m *mixInts
	r *bufio.Reader
}

// NewIntDecoder reads the stream's header from r. It reads ahead on r.
func NewIntDecoder(r io.Reader) (*IntDecoder, error) {
	level, err := readHeader(r, kindInt)
	if err != nil {
		return nil, err
	}
	if level != Fast {
		c, err := newBinaryDecoder(r)
		if err != nil {
			return nil, err
		}
		return &IntDecoder{m: newMixInts(c)}, nil
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
		v := d.m.code(field, 0)
		return v, d.m.c.err
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
	return d.m.c.bits()
}

// mixInts predicts numbers from those before, in the same field and in any.
type mixInts struct {
	c      *binaryCoder
	model  *numberModel
	fields [MaxFields][2]uint64 // the last two numbers of each
	last   [3]uint64            // the last three of all
}

func newMixInts(c *binaryCoder) *mixInts {
	return &mixInts{c: c, model: newNumberModel()}
}

func (m *mixInts) code(field int, v uint64) uint64 {
	f := uint32(field)
	own := &m.fields[field]
	size := func(v uint64) uint32 { return uint32(bits.Len64(v)) }
	fold := func(v uint64) uint32 { return uint32(hash(v, 0)) }
	l := &m.last
	ctx := [numberContexts]uint32{
		f,
		hash32(f, size(own[0]), size(own[1])),
		hash32(f, fold(own[0]), 2),
		hash32(f, fold(l[0]), size(l[1])),
		hash32(f, size(l[0])<<8|size(l[1]), size(l[2])),
		hash32(f, fold(l[0]), fold(l[1])),
	}
	v = m.model.code(m.c, v, field&7, &ctx)
	own[1], own[0] = own[0], v
	l[2], l[1], l[0] = l[1], l[0], v
	return v
}
