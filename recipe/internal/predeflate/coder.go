package predeflate

import "math"

// coder is a binary arithmetic coder that either encodes or decodes, so that one
// piece of code describes both directions. Each bit is predicted by several
// adaptive counters, mixed in the logistic domain as in Mahoney's lpaq ("Adaptive
// weighing of context models for lossless data compression", 2005). All
// arithmetic is of integers.
type coder struct {
	decode bool
	data   []byte // written, or still to be read
	over   int    // bytes read past the end
	lo, hi uint32
	x      uint32

	counters []uint16 // probabilities of a 1, in 1/65536
	weights  []int32
	hits     []uint8 // how often a counter was used, to learn fast at first
}

const (
	inputs      = 5 // counters a bit
	counterBits = 16
	weightSets  = 64
	maxOver     = 8
)

// logistic holds 65536/(1+exp(-x/2)) for x from -24 to 24. It is written down, and
// all else derived by integers, because the last bits of floating point may
// differ from machine to machine.
var logistic = [49]int32{
	0, 1, 1, 2, 3, 5, 8, 13, 22, 36,
	60, 98, 162, 267, 439, 720, 1179, 1921, 3108, 4971,
	7812, 11955, 17625, 24743, 32768, 40793, 47911, 53581, 57724, 60565,
	62428, 63615, 64357, 64816, 65097, 65269, 65374, 65438, 65476, 65500,
	65514, 65523, 65528, 65531, 65533, 65534, 65535, 65535, 65536,
}

// The logistic function and its inverse, with 1/256 as the unit of its argument.
const stretchMax = 12*256 - 1

var (
	stretchTable [4096]int16
	squashTable  [2*stretchMax + 1]uint16
)

func init() {
	for i := range squashTable {
		x := i - stretchMax + 12*256
		a, b := logistic[x>>7], logistic[x>>7+1]
		v := (a*int32(128-x&127) + b*int32(x&127)) >> 7
		squashTable[i] = uint16(min(max(v, 2), 65536-2))
	}
	i := 0
	for p := range stretchTable {
		for i < len(squashTable)-1 && int(squashTable[i]) < p<<4|8 {
			i++
		}
		stretchTable[p] = int16(i - stretchMax)
	}
}

func newCoder(corrections []byte, decode bool) *coder {
	c := &coder{decode: decode, hi: math.MaxUint32}
	c.counters = make([]uint16, 1<<counterBits)
	for i := range c.counters {
		c.counters[i] = 1 << 15
	}
	c.hits = make([]uint8, 1<<counterBits)
	c.weights = make([]int32, weightSets*inputs)
	for i := range c.weights {
		c.weights[i] = 65536 * 2 / 5
	}
	if decode {
		c.data = corrections
		for range 4 {
			c.x = c.x<<8 | uint32(c.next())
		}
	}
	return c
}

func (c *coder) next() byte {
	if len(c.data) == 0 {
		c.over++
		return 0
	}
	b := c.data[0]
	c.data = c.data[1:]
	return b
}

// exhausted reports that decoding has run out of corrections.
func (c *coder) exhausted() bool { return c.over > maxOver }

// finish returns what was encoded.
func (c *coder) finish() []byte {
	// Enough bytes to tell a number between lo and hi; zeros follow.
	c.data = append(c.data, byte(c.hi>>24), byte(c.hi>>16), byte(c.hi>>8), byte(c.hi))
	return c.data
}

// contexts are the counters that predict one bit.
type contexts [inputs]uint32

// bit codes one bit: it encodes v, or returns the decoded bit. set, under 64,
// chooses the mixing weights.
func (c *coder) bit(set int, ctx *contexts, v int) int {
	var idx [inputs]uint32
	var st [inputs]int32
	w := c.weights[set*inputs : set*inputs+inputs]
	var dot int64
	for i, h := range ctx {
		// Spread the contexts over the counters.
		h = (h*inputs + uint32(i) + uint32(set)<<20) * 0x9e3779b1
		h ^= h >> 15
		h = h * 0x85ebca6b >> (32 - counterBits)
		idx[i] = h
		st[i] = int32(stretchTable[c.counters[h]>>4])
		dot += int64(w[i]) * int64(st[i])
	}
	d := min(max(dot>>16, -stretchMax), stretchMax)
	p := squashTable[d+stretchMax]
	v = c.code(p, v)

	err := int32(v<<16) - int32(p)
	for i := range w {
		w[i] += int32((int64(st[i])*int64(err)*6 + 1<<15) >> 16)
		q, n := &c.counters[idx[i]], &c.hits[idx[i]]
		rate := rates[*n]
		if *n < uint8(len(rates)-1) {
			*n++
		}
		if v != 0 {
			*q += uint16((65535 - uint32(*q)) * rate >> 16)
		} else {
			*q -= uint16(uint32(*q) * rate >> 16)
		}
	}
	return v
}

// code codes a bit that is 1 with probability p/65536.
func (c *coder) code(p uint16, v int) int {
	mid := c.lo + uint32(uint64(c.hi-c.lo)*uint64(p)>>16)
	if c.decode {
		v = 0
		if c.x <= mid {
			v = 1
		}
	}
	if v != 0 {
		c.hi = mid
	} else {
		c.lo = mid + 1
	}
	for (c.lo^c.hi)>>24 == 0 {
		if c.decode {
			c.x = c.x<<8 | uint32(c.next())
		} else {
			c.data = append(c.data, byte(c.hi>>24))
		}
		c.lo <<= 8
		c.hi = c.hi<<8 | 255
	}
	return v
}

// raw codes n bits that cannot be predicted.
func (c *coder) raw(n uint, v int) int {
	r := 0
	for i := int(n) - 1; i >= 0; i-- {
		r = r<<1 | c.code(1<<15, v>>i&1)
	}
	return r
}

// rates are how fast counters learn, in 1/65536.
var rates = func() (r [64]uint32) {
	for i := range r {
		r[i] = uint32(65536 * 10 / (15 + 10*i))
	}
	return r
}()

// tree codes the low n bits of v, n at most 9, highest first, each in the context
// of those before it and of ctx.
func (c *coder) tree(set int, ctx uint32, n uint, v int) int {
	node := 1
	for i := int(n) - 1; i >= 0; i-- {
		x := contexts{uint32(node), uint32(node) | ctx<<10, uint32(i), uint32(node) | 1<<30, uint32(i) | ctx<<10 | 1<<31}
		node = node<<1 | c.bit(set, &x, v>>i&1)
	}
	return node - 1<<n
}

// number codes v, which is under 2^24: its size in bits, then the bits.
func (c *coder) number(set int, ctx uint32, v int) int {
	n := 0
	for x := v; x > 0; x >>= 1 {
		n++
	}
	n = c.tree(set, ctx, 5, n)
	if n > 24 {
		return 1 << 24 // hostile: callers check
	}
	if n < 2 {
		return n
	}
	low := uint(n - 1)
	top := min(low, 6) // only the upper bits are worth contexts
	x := c.tree(set+1, ctx<<5|uint32(n), top, v>>(low-top)&(1<<top-1))
	r := c.raw(low-top, v&(1<<(low-top)-1))
	return 1<<low | x<<(low-top) | r
}

// flag codes one bit in a few given contexts.
func (c *coder) flag(set int, v bool, ctx ...uint32) bool {
	var x contexts
	for i := range x {
		x[i] = uint32(i)
	}
	for i, h := range ctx {
		x[i] = h + 1<<8
	}
	b := 0
	if v {
		b = 1
	}
	return c.bit(set, &x, b) != 0
}
