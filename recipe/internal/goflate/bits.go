package goflate

import (
	"encoding/binary"
	"io"
)

const outSize = 1 << 14 // bytes collected before a write

// bitWriter sends bits, lowest first (RFC 1951, section 3.1.1).
// Between calls acc holds fewer than 8 bits, and buf has 8 bytes of room.
type bitWriter struct {
	w   io.Writer
	err error // the first error of w; sticky
	acc uint64
	nb  uint // bits in acc
	n   int  // bytes in buf
	buf [outSize + 8]byte
}

func (b *bitWriter) reset(w io.Writer) { b.w, b.err, b.acc, b.nb, b.n = w, nil, 0, 0, 0 }

// writeBits sends the low n bits of v, 48 at most; the bits above must be 0.
func (b *bitWriter) writeBits(v uint64, n uint) {
	b.acc |= v << b.nb
	b.nb += n
	binary.LittleEndian.PutUint64(b.buf[b.n:], b.acc)
	whole := b.nb >> 3
	b.n += int(whole)
	b.acc >>= whole << 3
	b.nb &= 7
	if b.n >= outSize {
		b.send()
	}
}

func (b *bitWriter) writeCode(c code) { b.writeBits(uint64(c.bits), uint(c.len)) }

// send hands whole bytes to w.
func (b *bitWriter) send() {
	if b.err == nil && b.n > 0 {
		_, b.err = b.w.Write(b.buf[:b.n])
	}
	b.n = 0
}

// align fills the last byte with zero bits.
func (b *bitWriter) align() {
	if b.nb > 0 {
		b.writeBits(0, 8-b.nb)
	}
}

// drain fills the last byte and sends everything.
func (b *bitWriter) drain() {
	b.align()
	b.send()
}

// writeBytes sends whole bytes; the stream must be aligned.
func (b *bitWriter) writeBytes(p []byte) {
	b.send()
	if b.err == nil && len(p) > 0 {
		_, b.err = b.w.Write(p)
	}
}
