package code

import (
	"bufio"
	"fmt"
	"io"
	"math"
)

// A binaryCoder is an arithmetic coder of single bits, in either direction:
// the carryless one of the paq family (Mahoney, "Adaptive weighing of context
// models for lossless data compression", 2005). The models are written once,
// over its method code, so that both sides cannot but agree.
type binaryCoder struct {
	low, high uint32 // the interval, both ends included
	x         uint32 // decoder: the bytes of the stream at low's position
	w         *bufio.Writer
	r         *bufio.Reader // nil when encoding
	moved     int64         // bytes written or read
	err       error
}

// probBits is the precision of the probabilities given to a binaryCoder.
const probBits = 16

func newBinaryEncoder(w io.Writer) *binaryCoder {
	return &binaryCoder{high: 1<<32 - 1, w: bufio.NewWriterSize(w, 1<<14)}
}

func newBinaryDecoder(r io.Reader) (*binaryCoder, error) {
	c := &binaryCoder{high: 1<<32 - 1, r: bufio.NewReaderSize(r, 1<<14)}
	for range 4 {
		c.shiftIn()
	}
	return c, c.err
}

func (c *binaryCoder) decoding() bool { return c.r != nil }

// bits is the length of what was coded so far.
func (c *binaryCoder) bits() float64 {
	return 8*float64(c.moved) + 32 - math.Log2(float64(c.high-c.low)+1)
}

// code codes one bit, of which p1 is the probability to be 1, in units of
// 1/2^16, neither 0 nor 2^16. The encoder is given the bit; the decoder ignores
// it. Both return it.
func (c *binaryCoder) code(bit int, p1 uint32) int {
	mid := c.low + uint32(uint64(c.high-c.low)*uint64(p1)>>probBits)
	if c.r != nil {
		bit = 0
		if c.x <= mid {
			bit = 1
		}
	}
	if bit != 0 {
		c.high = mid
	} else {
		c.low = mid + 1
	}
	for (c.low^c.high)>>24 == 0 {
		c.shift()
	}
	return bit
}

// shift moves the byte that both ends share out of the interval.
func (c *binaryCoder) shift() {
	c.moved++
	if c.r != nil {
		c.shiftIn()
	} else if err := c.w.WriteByte(byte(c.high >> 24)); err != nil {
		c.err = err
	}
	c.low <<= 8
	c.high = c.high<<8 | 255
}

func (c *binaryCoder) shiftIn() {
	b, err := c.r.ReadByte()
	if err != nil && c.err == nil {
		c.err = corrupt(err)
	}
	c.x = c.x<<8 | uint32(b)
}

// close writes what is left of the interval. The decoder has read exactly the
// bytes written until then when it has decoded the last bit.
func (c *binaryCoder) close() error {
	if c.r != nil {
		return fmt.Errorf("code: close of a decoder")
	}
	for i := 24; i >= 0; i -= 8 {
		if err := c.w.WriteByte(byte(c.low >> i)); err != nil {
			return err
		}
	}
	if c.err != nil {
		return c.err
	}
	return c.w.Flush()
}
