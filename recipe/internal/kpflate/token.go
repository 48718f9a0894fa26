package kpflate

import (
	"math"

	"github.com/docker-delta/docker-delta/recipe/internal/goflate/huffman"
)

// tokens are the tokens of a block with the counts of their symbols.
type tokens struct {
	n    int // tokens in list, and the end of block, which is in no list
	list [maxStored + 1]huffman.Token
	// Counts: literals, then end of block and length codes, then offset codes.
	lit    [256]int32
	extra  [32]int32
	off    [32]int32
	filled int // symbols that occur only because fill counted them
}

func (t *tokens) reset() {
	if t.n == 0 {
		return
	}
	t.n, t.filled = 0, 0
	t.lit, t.extra, t.off = [256]int32{}, [32]int32{}, [32]int32{}
}

func (t *tokens) literal(v byte) {
	t.list[t.n] = huffman.Token(v)
	t.lit[v]++
	t.n++
}

func (t *tokens) literals(p []byte) {
	list := t.list[t.n:][:len(p)]
	for i, v := range p {
		list[i] = huffman.Token(v)
		t.lit[v]++
	}
	t.n += len(p)
}

// match adds a match of at most maxLength bytes.
func (t *tokens) match(length, offset int) {
	tok := huffman.Match(length, offset)
	t.extra[(1+huffman.LengthCode[tok.Length()])&31]++
	t.off[tok.OffsetCode()]++
	t.list[t.n] = tok
	t.n++
}

// longMatch adds a match of any length, in pieces.
func (t *tokens) longMatch(length, offset int, cut258 bool) {
	for length > maxLength {
		n := maxLength - huffman.MinLength // leaves enough for a match
		if cut258 && length > maxLength+huffman.MinLength {
			n = maxLength
		}
		t.match(n, offset)
		length -= n
	}
	t.match(length, offset)
}

// end counts the end of block.
func (t *tokens) end() {
	t.extra[0]++
	t.n++
}

// fill counts every symbol at least once.
func (t *tokens) fill() {
	if t.n == 0 {
		return
	}
	for i, v := range t.lit {
		if v == 0 {
			t.lit[i] = 1
			t.filled++
		}
	}
	for i, v := range t.extra[:huffman.NumLitLen-256] {
		if v == 0 {
			t.extra[i] = 1
			t.filled++
		}
	}
	for i, v := range t.off[:huffman.NumOffsets] {
		if v == 0 {
			t.off[i] = 1
		}
	}
}

// fastLog2 approximates the binary logarithm. Each product is rounded by itself, as
// amd64 does it; without the conversions the compiler may fuse it with the sum.
// Source: https://stackoverflow.com/a/28730362.
func fastLog2(v float32) float32 {
	x := int32(math.Float32bits(v))
	log := float32((x>>23)&255 - 128)
	x &= -0x7f800001
	x += 127 << 23
	u := math.Float32frombits(uint32(x))
	p := float32(-0.34484843*u) + 2.02466578
	q := float32(p*u) - 0.67487759
	return log + q
}

// symbolBits estimates the size of v occurrences of a symbol with a share of v/total.
func (r *rules) symbolBits(v int32, invTotal float32) float32 {
	n := float32(v)
	b := -fastLog2(float32(n * invTotal))
	b = min(max(b, r.estimateMin), r.estimateMax)
	return float32(b * n)
}

// estimate returns the size in bits of the block with the best of codes.
func (t *tokens) estimate(r *rules, end bool) int {
	var sum float32
	bits, matches := 0, 0
	total := t.n + t.filled
	if end && !r.totalEnd {
		total--
	}
	if total > 0 {
		inv := 1 / float32(total)
		for _, v := range t.lit {
			if v > 0 {
				sum += r.symbolBits(v, inv)
			}
		}
		sum += 15 // for the end of block
		for i, v := range t.extra[1 : huffman.NumLitLen-256] {
			if v > 0 {
				sum += r.symbolBits(v, inv)
				bits += int(huffman.LengthExtra[i]) * int(v)
				matches += int(v)
			}
		}
	}
	if matches > 0 {
		inv := 1 / float32(matches)
		for i, v := range t.off[:huffman.NumOffsets] {
			if v > 0 {
				sum += r.symbolBits(v, inv)
				bits += int(huffman.OffsetExtra[i]) * int(v)
			}
		}
	}
	return int(sum) + bits
}
