package huffman

import (
	"math"
	"math/bits"
	"slices"
)

// A Code is one Huffman code word, its bits in the order they are sent.
// A symbol that does not occur has length 0.
type Code struct {
	Bits uint16
	Len  uint8
}

// A Coder builds length-limited Huffman codes.
type Coder struct {
	Codes []Code
	list  []node
}

// A node is a symbol with its frequency, in one number that sorts by
// frequency and then by symbol.
type node uint64

func newNode(symbol int, freq int32) node { return node(freq)<<16 | node(symbol) }
func (n node) symbol() int                { return int(n & 0xffff) }
func (n node) freq() int32                { return int32(n >> 16) }

// NewCoder returns a Coder for an alphabet of size symbols.
func NewCoder(size int) *Coder {
	return &Coder{Codes: make([]Code, size), list: make([]node, 0, size)}
}

// FixedCodes returns the fixed codes of RFC 1951, section 3.2.6.
func FixedCodes() (litLen, offset []Code) {
	litLen, offset = make([]Code, NumLitLen), make([]Code, NumOffsets)
	for s := range litLen {
		switch {
		case s < 144:
			litLen[s] = newCode(s+48, 8)
		case s < 256:
			litLen[s] = newCode(s+400-144, 9)
		case s < 280:
			litLen[s] = newCode(s-256, 7)
		default:
			litLen[s] = newCode(s+192-280, 8)
		}
	}
	for s := range offset {
		offset[s] = newCode(s, 5)
	}
	return litLen, offset
}

func newCode(v, length int) Code {
	return Code{bits.Reverse16(uint16(v) << (16 - length)), uint8(length)}
}

// BitLength returns the number of bits that symbols of these frequencies take.
func BitLength(codes []Code, freq []int32) int {
	total := 0
	codes = codes[:len(freq)]
	for i, f := range freq {
		total += int(f) * int(codes[i].Len)
	}
	return total
}

// Generate makes the codes for these frequencies, none longer than limit bits.
// One or two symbols get one bit each.
func (c *Coder) Generate(freq []int32, limit int) {
	list := c.list[:0]
	for s, f := range freq {
		c.Codes[s] = Code{}
		if f != 0 {
			list = append(list, newNode(s, f))
		}
	}
	if len(list) <= 2 {
		for i, n := range list {
			c.Codes[n.symbol()] = Code{uint16(i), 1}
		}
		return
	}
	slices.Sort(list)
	var count [MaxCodeLen + 1]int32
	bitCounts(list, limit, &count)

	// The rarest symbols have the longest codes. Among codes of one length,
	// values rise with the symbol (RFC 1951, section 3.2.2).
	var next [MaxCodeLen + 1]int
	for v, n := 0, 1; n <= limit; n++ {
		v <<= 1
		next[n] = v
		v += int(count[n])
	}
	for n := limit; n > 0; n-- {
		for _, nd := range list[:count[n]] {
			c.Codes[nd.symbol()].Len = uint8(n)
		}
		list = list[count[n]:]
	}
	for s := range freq {
		if n := int(c.Codes[s].Len); n > 0 {
			c.Codes[s] = newCode(next[n], n)
			next[n]++
		}
	}
}

// MaxCodeLen is the length of the longest code word, in bits.
const MaxCodeLen = 15

// A level is the state of the tree at one depth, in bitCounts.
type level struct {
	lastFreq     int32 // of the last item at this level
	nextCharFreq int32 // of the next symbol to add
	nextPairFreq int32 // of the next pair from the level below
	needed       int32 // items still to make before going up one level
}

// bitCounts finds the number of symbols for each code length: the boundary
// package-merge of Katajainen, Moffat and Turpin, "A Fast and Space-Economical Algorithm for
// Length-Limited Coding". The list is sorted and has three symbols at least.
func bitCounts(list []node, limit int, count *[MaxCodeLen + 1]int32) {
	n := int32(len(list))
	freq := func(i int32) int32 {
		if i < n {
			return list[i].freq()
		}
		return math.MaxInt32
	}
	limit = min(limit, int(n)-1) // no tree is deeper

	// leaves[i][j] is the number of symbols to the left of the ancestor, at level j, of
	// the rightmost item at level i. Level 0 never supplies an item.
	var levels [MaxCodeLen + 2]level
	var leaves [MaxCodeLen + 1][MaxCodeLen + 1]int32
	for i := 1; i <= limit; i++ {
		levels[i] = level{lastFreq: freq(1), nextCharFreq: freq(2), nextPairFreq: freq(0) + freq(1)}
		leaves[i][i] = 2
	}
	levels[1].nextPairFreq = math.MaxInt32

	// The top needs 2n-2 items, and has two.
	levels[limit].needed = 2*n - 4
	for i := limit; ; {
		l := &levels[i]
		if l.nextPairFreq == math.MaxInt32 && l.nextCharFreq == math.MaxInt32 {
			// Both supplies have run out, for this level and those below.
			l.needed = 0
			levels[i+1].nextPairFreq = math.MaxInt32
			i++
			continue
		}
		prev := l.lastFreq
		if l.nextCharFreq < l.nextPairFreq {
			leaves[i][i]++
			l.lastFreq = l.nextCharFreq
			l.nextCharFreq = freq(leaves[i][i])
		} else {
			l.lastFreq = l.nextPairFreq
			copy(leaves[i][:i], leaves[i-1][:i])
			levels[i-1].needed = 2
		}
		if l.needed--; l.needed == 0 {
			if i == limit {
				break
			}
			levels[i+1].nextPairFreq = prev + l.lastFreq
			i++
		} else {
			for levels[i-1].needed > 0 {
				i--
			}
		}
	}
	top := &leaves[limit]
	for i := limit; i > 0; i-- {
		count[limit-i+1] = top[i] - top[i-1]
	}
}
