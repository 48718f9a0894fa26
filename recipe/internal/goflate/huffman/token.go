package huffman

import (
	"encoding/binary"
	"math/bits"
)

// A Token is a literal byte, the end of a block, or a match.
// A match has bit 30 set, its length less 3 in bits 22 to 29, its offset code in
// bits 16 to 20, and its distance less 1 below.
type Token uint32

// Sizes and symbols of RFC 1951, section 3.2.
const (
	EndOfBlock = 256
	FirstLen   = 257 // the symbol of the first length code
	NumLitLen  = 286 // symbols for literals, end of block and lengths
	NumOffsets = 30
	numCodeLen = 19 // symbols of the code that describes the two others

	MinLength = 3
	MaxLength = 258
	MaxOffset = 1 << 15
	MaxStored = 65535 // bytes in a stored block
)

const (
	matchFlag   Token = 1 << 30
	lengthShift       = 22
	codeShift         = 16
)

// Match makes the token of a match of 3 to 258 bytes, 1 to 32768 bytes back.
func Match(length, offset int) Token {
	o := uint32(offset - 1)
	return matchFlag | Token(length-MinLength)<<lengthShift | Token(OffsetCode(o)<<codeShift|o)
}

// IsMatch says whether t is a match.
func (t Token) IsMatch() bool { return t >= matchFlag }

// Length returns the length of a match less 3.
func (t Token) Length() uint8 { return uint8(t >> lengthShift) }

// OffsetCode returns the offset code of a match.
func (t Token) OffsetCode() uint32 { return uint32(t>>codeShift) & 31 }

func (t Token) offset() uint16 { return uint16(t) } // less 1

// LengthExtra and OffsetExtra give the number of extra bits of each length
// and offset code; LengthCode the code of each length less 3 (RFC 1951, section 3.2.5).
var (
	LengthExtra = [32]uint8{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	OffsetExtra = [32]uint8{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13}
	LengthCode  [256]uint8

	lengthBase [29]uint8          // the first length of each code, less 3
	offsetBase [NumOffsets]uint16 // the first distance of each code, less 1
)

func init() {
	base := 0
	for c := range lengthBase {
		lengthBase[c] = uint8(base)
		for i := range 1 << LengthExtra[c] {
			if base+i < len(LengthCode) {
				LengthCode[base+i] = uint8(c)
			}
		}
		base += 1 << LengthExtra[c]
	}
	// The longest match has a code of its own, so code 27 ends one short.
	LengthCode[255], lengthBase[28] = 28, 255
	base = 0
	for c := range offsetBase {
		offsetBase[c] = uint16(base)
		base += 1 << OffsetExtra[c]
	}
}

// OffsetCode returns the code of a distance less 1: its highest bit gives two
// codes, which its second highest bit chooses from.
func OffsetCode(offset uint32) uint32 {
	if offset < 2 {
		return offset
	}
	top := uint32(bits.Len32(offset)) - 1
	return top<<1 | (offset>>((top-1)&31))&1
}

// WriteTokens writes tokens, none of which is an end of block, with these codes.
func (b *BitWriter) WriteTokens(tokens []Token, litCodes, offCodes []Code) {
	lit := (*[NumLitLen]Code)(litCodes)
	// The codes of matches with their extra bits.
	var lengths [256]struct {
		bits uint32
		n    uint8
	}
	for n := range lengths {
		c := LengthCode[n]
		lc := lit[FirstLen+int(c)]
		lengths[n].bits = uint32(lc.Bits) | uint32(uint8(n)-lengthBase[c])<<lc.Len
		lengths[n].n = lc.Len + LengthExtra[c]
	}
	var offsets [32]struct {
		bits, base uint16
		len, total uint8
	}
	for c, oc := range offCodes[:NumOffsets] {
		o := &offsets[c]
		o.bits, o.base, o.len, o.total = oc.Bits, offsetBase[c], oc.Len, oc.Len+OffsetExtra[c]
	}

	for len(tokens) > 0 {
		// As many tokens as surely fit, at up to 48 bits each.
		k := min(len(tokens), (len(b.buf)-8-b.n)/6)
		acc, nb, n := b.acc, b.nb, b.n
		for _, t := range tokens[:k] {
			if t < matchFlag {
				c := lit[t&0xff]
				acc |= uint64(c.Bits) << (nb & 63)
				nb += uint(c.Len)
			} else {
				l := &lengths[t.Length()]
				acc |= uint64(l.bits) << (nb & 63)
				nb += uint(l.n)
				o := &offsets[t.OffsetCode()]
				v := uint64(o.bits) | uint64(t.offset()-o.base)<<(o.len&63)
				acc |= v << (nb & 63)
				nb += uint(o.total)
			}
			binary.LittleEndian.PutUint64(b.buf[n:], acc)
			n += int(nb >> 3)
			acc >>= nb &^ 7 & 63
			nb &= 7
		}
		b.acc, b.nb, b.n = acc, nb, n
		tokens = tokens[k:]
		if b.n > outSize/2 {
			b.send()
		}
	}
}
