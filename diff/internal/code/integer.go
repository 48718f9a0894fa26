package code

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// MaxFields is the number of fields that a stream of integers may have.
const MaxFields = 64

// IntEncoder codes numbers that belong to fields. A field is a kind of number,
// such as the length of a literal: numbers of one field resemble each other, and
// follow the numbers written before them.
type IntEncoder struct {
	z   *zstd.Encoder
	buf []byte
}

// NewIntEncoder starts a stream of integers on w. The caller closes the encoder
// when all are written.
func NewIntEncoder(w io.Writer, level Level) (*IntEncoder, error) {
	if err := writeHeader(w, kindInt, level); err != nil {
		return nil, err
	}
	z, err := newZstdWriter(w)
	return &IntEncoder{z: z}, err
}

// Write codes v, a number of the given field, which is less than [MaxFields].
func (e *IntEncoder) Write(field int, v uint64) error {
	if uint(field) >= MaxFields {
		return fmt.Errorf("code: no field %d", field)
	}
	e.buf = binary.AppendUvarint(e.buf[:0], v)
	_, err := e.z.Write(e.buf)
	return err
}

// WriteSigned codes v so that small numbers of both signs are short.
func (e *IntEncoder) WriteSigned(field int, v int64) error {
	return e.Write(field, uint64(v)<<1^uint64(v>>63))
}

// Close ends the stream. It does not close the writer below.
func (e *IntEncoder) Close() error { return e.z.Close() }

// IntDecoder reads what an [IntEncoder] wrote.
type IntDecoder struct {
	r *bufio.Reader
}

// NewIntDecoder reads the stream's header from r. It reads ahead on r.
func NewIntDecoder(r io.Reader) (*IntDecoder, error) {
	if _, err := readHeader(r, kindInt); err != nil {
		return nil, err
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
