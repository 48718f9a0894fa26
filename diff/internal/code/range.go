package code

import (
	"bufio"
	"encoding/binary"
	"io"
	"math"
	"math/bits"
)

// A rangeCoder is an arithmetic coder of single bits, in either direction, like
// a [binaryCoder] but quicker: it keeps 64 bits of the interval and moves 32 at
// once. It is a range coder as in Martin, "Range encoding" (1979), with
// carries.
type rangeCoder struct {
	rng  uint64 // size of the interval
	code uint64 // decoder: the stream's place above the interval's low end
	low  uint64 // encoder: the interval's low end

	r     *bufio.Reader // nil when encoding
	moved int64         // words written or read
	work  int64         // encoder: bits coded
	err   error

	w       *bufio.Writer
	held    uint32 // a word that a carry may still reach
	ones    int    // words behind it that a carry would pass through
	started bool   // held is valid
}

func newRangeEncoder(w io.Writer) *rangeCoder {
	return &rangeCoder{rng: 1<<64 - 1, w: bufio.NewWriterSize(w, 1<<14)}
}

func newRangeDecoder(r io.Reader) (*rangeCoder, error) {
	c := &rangeCoder{rng: 1<<64 - 1, r: bufio.NewReaderSize(r, 1<<14)}
	c.shiftIn()
	c.shiftIn()
	return c, c.err
}

func (c *rangeCoder) decoding() bool { return c.r != nil }

// bits is the length of what was coded so far.
func (c *rangeCoder) bits() float64 {
	return 32*float64(c.moved) + 64 - math.Log2(float64(c.rng))
}

// bit codes one bit, of which p1 is the probability to be 1, in units of
// 1/2^16, neither 0 nor 2^16. The encoder is given the bit; the decoder ignores
// it. Both return it.
func (c *rangeCoder) bit(bit int, p1 uint32) int {
	bound := (c.rng >> 16) * uint64(p1)
	if c.r != nil {
		// Without a branch, which would often be mispredicted.
		_, one := bits.Sub64(c.code, bound, 0)
		mask := -one // all ones if the bit is 1
		c.code -= bound &^ mask
		c.rng -= bound
		c.rng ^= (c.rng ^ bound) & mask
		bit = int(one)
	} else {
		c.encode(bit, bound)
	}
	if c.rng < 1<<32 {
		c.shift()
	}
	return bit
}

func (c *rangeCoder) encode(bit int, bound uint64) {
	c.work++
	if bit != 0 {
		c.rng = bound
		return
	}
	var carry uint64
	c.low, carry = bits.Add64(c.low, bound, 0)
	c.rng -= bound
	if carry != 0 {
		c.carry()
	}
}

// shift moves the word that is settled out of the interval.
func (c *rangeCoder) shift() {
	c.rng <<= 32
	c.moved++
	if c.r != nil {
		c.shiftIn()
		return
	}
	c.emit(uint32(c.low >> 32))
	c.low <<= 32
}

func (c *rangeCoder) shiftIn() {
	b, err := c.r.Peek(4)
	if len(b) < 4 {
		if c.err == nil {
			c.err = corrupt(err)
		}
		c.code <<= 32
		return
	}
	c.code = c.code<<32 | uint64(binary.BigEndian.Uint32(b))
	_, _ = c.r.Discard(4) // what was just seen
}

// emit writes a word, once it is known that no carry will reach it.
func (c *rangeCoder) emit(word uint32) {
	if word == 1<<32-1 && c.started {
		c.ones++
		return
	}
	c.release()
	c.held, c.started = word, true
}

// release writes the held word and those behind it.
func (c *rangeCoder) release() {
	if c.started {
		c.write(c.held)
	}
	for ; c.ones > 0; c.ones-- {
		c.write(1<<32 - 1)
	}
}

// carry adds one to what was emitted last. There was something: the interval
// never leaves that of the start.
func (c *rangeCoder) carry() {
	c.held++
	if c.ones > 0 {
		// The words of ones become zeros, of which the last may take a carry again.
		c.write(c.held)
		for ; c.ones > 1; c.ones-- {
			c.write(0)
		}
		c.held, c.ones = 0, 0
	}
}

func (c *rangeCoder) write(word uint32) {
	if _, err := c.w.Write(binary.BigEndian.AppendUint32(nil, word)); err != nil {
		c.err = err
	}
}

// close writes what is left of the interval. The decoder has read exactly the
// bytes written until then when it has decoded the last bit.
func (c *rangeCoder) close() error {
	c.emit(uint32(c.low >> 32))
	c.emit(uint32(c.low))
	c.release()
	if c.err != nil {
		return c.err
	}
	return c.w.Flush()
}
