// Package trees holds the Huffman side of DEFLATE (RFC 1951) as zlib does it:
// the code tables, zlib's way of building length-limited codes, and its way of
// sending them. Two programs with the same symbol counts write the same block
// header only if they break ties alike, which is why this follows zlib exactly.
//
// It is an altered version of zlib's trees.c, rewritten in Go; see
// LICENSE.zlib in the parent directory, which applies to it.
package trees

import "math/bits"

// Sizes of the three alphabets of DEFLATE, and limits of its codes.
const (
	NumLit     = 286 // literals 0-255, end of block, 29 length codes
	NumDist    = 30
	NumCodeLen = 19
	EndOfBlock = 256

	MaxBits        = 15 // longest literal or distance code
	MaxCodeLenBits = 7  // longest code for code lengths

	MinMatch = 3
	MaxMatch = 258
)

// Order is the order in which code length code lengths are sent.
var Order = [NumCodeLen]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

var (
	// LengthExtra and DistExtra are the numbers of extra bits of each code.
	LengthExtra = [29]uint8{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	DistExtra   = [NumDist]uint8{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13}

	// LengthBase is the least match length of each code, less MinMatch.
	LengthBase [29]uint8
	// DistBase is the least distance of each code, less 1.
	DistBase [NumDist]uint16
	// LengthCode gives the code of a match length less MinMatch. 258 has a code
	// of its own.
	LengthCode [256]uint8

	// The codes of blocks with fixed Huffman codes. Two literal codes and two
	// distance codes beyond the alphabets complete the canonical codes.
	FixedLitLens   [288]uint8
	FixedDistLens  [32]uint8
	FixedLitCodes  [288]uint16
	FixedDistCodes [32]uint16

	distCode [512]uint8
)

func init() {
	n := 0
	for c := range 28 {
		LengthBase[c] = uint8(n)
		for range 1 << LengthExtra[c] {
			LengthCode[n] = uint8(c)
			n++
		}
	}
	LengthCode[255], LengthBase[28] = 28, 255

	d := 0
	for c := range NumDist {
		DistBase[c] = uint16(d)
		for range 1 << DistExtra[c] {
			if d < 256 {
				distCode[d] = uint8(c)
			} else {
				distCode[256+d>>7] = uint8(c)
			}
			d++
		}
	}

	for i := range FixedLitLens {
		switch {
		case i < 144:
			FixedLitLens[i] = 8
		case i < 256:
			FixedLitLens[i] = 9
		case i < 280:
			FixedLitLens[i] = 7
		default:
			FixedLitLens[i] = 8
		}
	}
	Codes(FixedLitLens[:], FixedLitCodes[:])
	for i := range FixedDistLens {
		FixedDistLens[i] = 5
	}
	Codes(FixedDistLens[:], FixedDistCodes[:])
}

// DistCode gives the code of a distance less 1, which must be under 32768.
func DistCode(d uint32) uint8 {
	if d < 256 {
		return distCode[d]
	}
	return distCode[(256+d>>7)&511]
}

// Codes derives the canonical codes of the given code lengths (RFC 1951,
// section 3.2.2), bit-reversed so that they can be written lowest bit first.
// Codes of unused symbols are left alone.
func Codes(lens []uint8, codes []uint16) {
	var count, next [MaxBits + 1]uint16
	for _, l := range lens {
		count[l]++
	}
	count[0] = 0
	var code uint16
	for b := 1; b <= MaxBits; b++ {
		code = (code + count[b-1]) << 1
		next[b] = code
	}
	for i, l := range lens {
		if l != 0 {
			codes[i] = bits.Reverse16(next[l]) >> (16 - l)
			next[l]++
		}
	}
}
