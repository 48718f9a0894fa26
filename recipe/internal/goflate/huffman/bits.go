// Package huffman has what the deflate encoders of this module share: a bit
// writer, tokens, length-limited Huffman codes, and the headers of dynamic
// blocks, all of RFC 1951. What an encoder chooses to write stays with the encoder.
//
// It is derived from Go's compress/flate (see LICENSE).
package huffman

import (
	"encoding/binary"
	"io"
)

const outSize = 1 << 14 // bytes collected before a write

// BitWriter sends bits, lowest first (RFC 1951, section 3.1.1).
// After an error of the underlying writer it drops everything.
type BitWriter struct {
	w   io.Writer
	err error
	// Between calls acc holds fewer than 8 bits, and buf has 8 bytes of room.
	acc uint64
	nb  uint // bits in acc
	n   int  // bytes in buf
	buf [outSize + 8]byte
}

// ResetWriter forgets everything and writes to w from now on.
func (b *BitWriter) ResetWriter(w io.Writer) { b.w, b.err, b.acc, b.nb, b.n = w, nil, 0, 0, 0 }

// Err returns the first error of the underlying writer.
func (b *BitWriter) Err() error { return b.err }

// WriteBits sends the low n bits of v, 48 at most; the bits above must be 0.
func (b *BitWriter) WriteBits(v uint64, n uint) {
	b.acc |= v << (b.nb & 63)
	b.nb += n
	binary.LittleEndian.PutUint64(b.buf[b.n:], b.acc)
	whole := b.nb >> 3
	b.n += int(whole)
	b.acc >>= whole << 3 & 63
	b.nb &= 7
	if b.n >= outSize {
		b.send()
	}
}

// WriteCode sends a code word.
func (b *BitWriter) WriteCode(c Code) { b.WriteBits(uint64(c.Bits), uint(c.Len)) }

// WriteLiterals sends the code words of p.
func (b *BitWriter) WriteLiterals(p []byte, litCodes []Code) {
	lit := (*[256]Code)(litCodes)
	for len(p) > 0 {
		k := min(len(p), (len(b.buf)-8-b.n)/2) // at up to 15 bits each
		acc, nb, n := b.acc, b.nb, b.n
		for _, v := range p[:k] {
			c := lit[v]
			acc |= uint64(c.Bits) << (nb & 63)
			nb += uint(c.Len)
			if nb >= 48 {
				binary.LittleEndian.PutUint64(b.buf[n:], acc)
				n += 6
				acc >>= 48
				nb -= 48
			}
		}
		b.acc, b.nb, b.n = acc, nb, n
		b.WriteBits(0, 0)
		p = p[k:]
		if b.n > outSize/2 {
			b.send()
		}
	}
}

// send hands whole bytes to w.
func (b *BitWriter) send() {
	if b.err == nil && b.n > 0 {
		_, b.err = b.w.Write(b.buf[:b.n])
	}
	b.n = 0
}

// Align fills the last byte with zero bits.
func (b *BitWriter) Align() {
	if b.nb > 0 {
		b.WriteBits(0, 8-b.nb)
	}
}

// Drain fills the last byte and hands everything to the underlying writer.
func (b *BitWriter) Drain() {
	b.Align()
	b.send()
}

// WriteBytes sends whole bytes; the stream must be aligned.
func (b *BitWriter) WriteBytes(p []byte) {
	b.send()
	if b.err == nil && len(p) > 0 {
		_, b.err = b.w.Write(p)
	}
}
