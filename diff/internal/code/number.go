package code

import "math/bits"

// A numberModel codes unsigned numbers: how many bits a number has, as a
// sequence of decisions, then the bits below its leading one. Each decision is
// predicted from the contexts given, beside what is already known of the
// number itself.
type numberModel struct {
	bit *bitModel
}

// numberContexts is the number of contexts of a numberModel.
const numberContexts = 6

func newNumberModel() *numberModel {
	n := &numberModel{bit: newBitModel(14, numberContexts, 0, [2]int{128, 1024}, 1<<21, 15)}
	return n
}

// code codes v. group, less than 8, selects weights.
func (n *numberModel) code(c *binaryCoder, v uint64, group int, ctx *[numberContexts]uint32) uint64 {
	size := 0
	for want := bits.Len64(v); size < 64; size++ {
		more := 0
		if size < want {
			more = 1
		}
		if n.decide(c, more, uint32(size), group, size, ctx) == 0 {
			break
		}
	}
	if size == 0 {
		return 0
	}
	out := uint64(1)
	for k := size - 2; k >= 0; k-- {
		node := hash32(uint32(size), uint32(out), uint32(out>>32)) | 1<<31
		out = out<<1 | uint64(n.decide(c, int(v>>k&1), node, group, 64+min(k, 63), ctx))
	}
	return out
}

// decide codes one bit. node says what is known of the number, kind the same
// roughly, less than 128.
func (n *numberModel) decide(c *binaryCoder, bit int, node uint32, group, kind int, ctx *[numberContexts]uint32) int {
	m := n.bit
	for i, h := range ctx {
		m.ctx[i] = hash32(node, h, uint32(i))
	}
	m.sel = [2]int{kind, kind<<3 | group}
	m.apmCtx = [2]int{int(m.ctx[0] & (bitAPM0 - 1)), kind<<3 | group}
	return m.code(c, bit)
}
