package goflate

import "math/bits"

// A token is a literal byte, the end of a block, or a match.
// A match has bit 30 set, its length less 3 in bits 22 to 29, and its distance less 1 below.
type token uint32

const (
	matchFlag   token = 1 << 30
	lengthShift       = 22
	offsetMask        = 1<<lengthShift - 1

	endOfBlock = 256
	firstLen   = 257 // the symbol of the first length code
	numLitLen  = 286 // symbols for literals, end of block and lengths
	numOffsets = 30
	numCodeLen = 19 // symbols of the code that describes the two others

	minLength = 3 // RFC 1951, section 3.2.5
	maxLength = 258
	maxOffset = 1 << 15
	maxStored = 65535 // bytes in a stored block
)

// matchToken makes the token of a match of 3 to 258 bytes, 1 to 32768 bytes back.
func matchToken(length, offset int) token {
	return matchFlag | token(length-minLength)<<lengthShift | token(offset-1)
}

func (t token) length() uint8  { return uint8(t >> lengthShift) } // less 3
func (t token) offset() uint32 { return uint32(t) & offsetMask }  // less 1

// lengthExtra and offsetExtra give the number of extra bits of each length
// and offset code; lengthBase and offsetBase the first value each one stands for,
// in the units of token. RFC 1951, section 3.2.5.
var (
	lengthExtra = [29]uint8{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	offsetExtra = [numOffsets]uint8{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13}
	lengthBase  [29]uint8
	offsetBase  [numOffsets]uint16
	lengthCode  [256]uint8 // by length less 3
)

func init() {
	base := 0
	for c, extra := range lengthExtra {
		lengthBase[c] = uint8(base)
		for i := range 1 << extra {
			if base+i < len(lengthCode) {
				lengthCode[base+i] = uint8(c)
			}
		}
		base += 1 << extra
	}
	// The longest match has a code of its own, so code 27 ends one short.
	lengthCode[255], lengthBase[28] = 28, 255
	base = 0
	for c, extra := range offsetExtra {
		offsetBase[c] = uint16(base)
		base += 1 << extra
	}
}

// offsetCode returns the code of a distance less 1: its highest bit gives two
// codes, which its second highest bit chooses from.
func offsetCode(offset uint32) uint32 {
	if offset < 4 {
		return offset
	}
	top := uint32(bits.Len32(offset)) - 1
	return top<<1 | (offset>>(top-1))&1
}
