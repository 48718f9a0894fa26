package zlibenc

import "encoding/binary"

// bitWriter collects bits, lowest first, into a buffer. At most 7 bits are left
// in acc after each call.
type bitWriter struct {
	out   []byte
	acc   uint64
	nbits uint // bits in acc
}

// put appends the low n bits of v, the rest of which must be zero; n is at most 56.
func (b *bitWriter) put(v uint64, n uint) {
	b.acc |= v << b.nbits
	b.nbits += n
	for b.nbits >= 8 {
		b.out = append(b.out, byte(b.acc))
		b.acc >>= 8
		b.nbits -= 8
	}
}

// align fills up the last byte with zero bits.
func (b *bitWriter) align() {
	if b.nbits > 0 {
		b.out = append(b.out, byte(b.acc))
		b.acc, b.nbits = 0, 0
	}
}

// stored appends a stored block (RFC 1951, section 3.2.4).
func (b *bitWriter) stored(p []byte, last uint64) {
	b.put(last, 3)
	b.align()
	b.out = binary.LittleEndian.AppendUint16(b.out, uint16(len(p)))
	b.out = binary.LittleEndian.AppendUint16(b.out, ^uint16(len(p)))
	b.out = append(b.out, p...)
}

// emptyFixed appends an empty block with fixed codes: ten bits.
func (b *bitWriter) emptyFixed() { b.put(2, 10) }

// grow makes room for n more bytes, and returns the buffer up to its capacity.
func (b *bitWriter) grow(n int) []byte {
	if cap(b.out)-len(b.out) < n {
		out := make([]byte, len(b.out), 2*cap(b.out)+n)
		copy(out, b.out)
		b.out = out
	}
	return b.out[:cap(b.out)]
}
