package code

import "math/bits"

// A leanNumbers codes unsigned numbers as a numberModel does: how many bits a
// number has, then the bits below its leading one.
type leanNumbers struct {
	bits *leanBits
}

func newLeanNumbers() leanNumbers { return leanNumbers{newLeanBits(1024, 20)} }

// code codes v in contexts given as hashes. group, less than 8, selects weights.
func (n leanNumbers) code(c *rangeCoder, v uint64, group uint, ctx *[leanInputs]uint32) uint64 {
	size := 0
	for want := bits.Len64(v); size < 64; size++ {
		more := 0
		if size < want {
			more = 1
		}
		if n.decide(c, more, uint32(size), uint(size)<<3|group, ctx) == 0 {
			break
		}
	}
	if size == 0 {
		return 0
	}
	out := uint64(1)
	for k := size - 2; k >= 0; k-- {
		node := uint32(out)*0x85EBCA77 ^ uint32(size)<<24 | 1<<31
		out = out<<1 | uint64(n.decide(c, int(v>>k&1), node, uint(64+min(k, 63))<<3|group, ctx))
	}
	return out
}

// decide codes one bit. node says what is known of the number.
func (n leanNumbers) decide(c *rangeCoder, bit int, node uint32, set uint, ctx *[leanInputs]uint32) int {
	const k = 0x2C1B3C6D
	node *= 0x9E3779B1
	h := [leanInputs]uint32{(ctx[0] + node) * k, (ctx[1] + node) * k, (ctx[2] + node) * k, (ctx[3] + node) * k}
	return n.bits.code(c, bit, set, &h)
}
