package goflate

import (
	"encoding/binary"
	"io"
)

// blockWriter chooses the form of each block and writes it.
type blockWriter struct {
	bitWriter
	litFreq [numLitLen]int32
	offFreq [numOffsets]int32
	lit     *coder
	off     *coder
	header  header

	fixedLit, fixedOff []code
	huffOff            *coder // for blocks without matches: one code of one bit

	// The codes of a block's matches with their extra bits.
	lenBits [256]struct {
		bits uint32
		n    uint8
	}
}

func newBlockWriter(w io.Writer) *blockWriter {
	b := &blockWriter{lit: newCoder(numLitLen), off: newCoder(numOffsets), huffOff: newCoder(numOffsets)}
	b.header.coder = newCoder(numCodeLen)
	b.fixedLit, b.fixedOff = fixedCodes()
	b.huffOff.generate([]int32{1}, maxCodeLen)
	b.reset(w)
	return b
}

// storedHeader starts a stored block of n bytes.
func (b *blockWriter) storedHeader(n int, final bool) {
	b.writeBits(uint64(bit(final)), 3)
	b.align()
	b.writeBits(uint64(n)|uint64(^uint16(n))<<16, 32)
}

func (b *blockWriter) writeStored(p []byte) {
	b.storedHeader(len(p), false)
	b.writeBytes(p)
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// storedBits is the size of p as a stored block.
func storedBits(p []byte) int { return (len(p) + 5) * 8 }

// writeBlock writes tokens in the smallest of the three forms. The plain bytes
// they stand for are plain; nil if they are no longer at hand, which rules out a stored block.
func (b *blockWriter) writeBlock(tokens []token, plain []byte) {
	numLit, numOff := b.index(tokens)
	extra, storable := 0, plain != nil && len(plain) <= maxStored
	if storable { // else it would only add the same to both sizes
		for c, f := range b.litFreq[firstLen:] {
			extra += int(f) * int(lengthExtra[c])
		}
		for c, f := range b.offFreq {
			extra += int(f) * int(offsetExtra[c])
		}
	}
	size := 3 + bitLength(b.fixedLit, b.litFreq[:]) + bitLength(b.fixedOff, b.offFreq[:]) + extra
	lit, off := b.fixedLit, b.fixedOff

	b.header.build(b.lit.codes[:numLit], b.off.codes[:numOff])
	if dynamic := b.dynamicSize(b.off.codes) + extra; dynamic < size {
		size = dynamic
		lit, off = b.lit.codes, b.off.codes
	}
	switch {
	case storable && storedBits(plain) < size:
		b.writeStored(plain)
		return
	case &lit[0] == &b.fixedLit[0]:
		b.writeBits(2, 3)
	default:
		b.header.write(&b.bitWriter)
	}
	b.writeTokens(tokens, lit, off)
}

// writeDynamic writes tokens with codes of their own, or plain as it is if
// that saves less than a sixteenth.
func (b *blockWriter) writeDynamic(tokens []token, plain []byte) {
	numLit, numOff := b.index(tokens)
	b.header.build(b.lit.codes[:numLit], b.off.codes[:numOff])
	if size := b.dynamicSize(b.off.codes); storedBits(plain) < size+size>>4 {
		b.writeStored(plain)
		return
	}
	b.header.write(&b.bitWriter)
	b.writeTokens(tokens, b.lit.codes, b.off.codes)
}

// writeLiterals writes plain without matches, or as it is if that saves less
// than a sixteenth.
func (b *blockWriter) writeLiterals(plain []byte) {
	clear(b.litFreq[:])
	clear(b.offFreq[:])
	for _, v := range plain {
		b.litFreq[v]++
	}
	b.litFreq[endOfBlock] = 1
	b.lit.generate(b.litFreq[:], maxCodeLen)
	b.header.build(b.lit.codes[:endOfBlock+1], b.huffOff.codes[:1])
	if size := b.dynamicSize(b.huffOff.codes); storedBits(plain) < size+size>>4 {
		b.writeStored(plain)
		return
	}
	b.header.write(&b.bitWriter)
	codes := (*[numLitLen]code)(b.lit.codes)
	for _, v := range plain {
		b.writeCode(codes[v])
	}
	b.writeCode(codes[endOfBlock])
}

// dynamicSize is the size in bits of the indexed block with its own codes,
// without the extra bits of matches.
func (b *blockWriter) dynamicSize(off []code) int {
	return b.header.size() + bitLength(b.lit.codes, b.litFreq[:]) + bitLength(off, b.offFreq[:])
}

// index counts the symbols of tokens, makes codes for them, and returns how many
// symbols of each alphabet the header has to describe.
func (b *blockWriter) index(tokens []token) (numLit, numOff int) {
	clear(b.litFreq[:])
	clear(b.offFreq[:])
	var lengths [256]int32
	for _, t := range tokens {
		if t < matchFlag {
			b.litFreq[t&0xff]++
			continue
		}
		lengths[t.length()]++
		b.offFreq[offsetCode(t.offset())%32]++
	}
	for n, f := range lengths {
		b.litFreq[firstLen+int(lengthCode[n])] += f
	}
	b.litFreq[endOfBlock] = 1
	for numLit = numLitLen; b.litFreq[numLit-1] == 0; {
		numLit--
	}
	for numOff = numOffsets; numOff > 0 && b.offFreq[numOff-1] == 0; {
		numOff--
	}
	if numOff == 0 { // a header describes one offset code at least
		b.offFreq[0] = 1
		numOff = 1
	}
	b.lit.generate(b.litFreq[:], maxCodeLen)
	b.off.generate(b.offFreq[:], maxCodeLen)
	return numLit, numOff
}

// writeTokens writes tokens and the end of the block.
func (b *blockWriter) writeTokens(tokens []token, litCodes, offCodes []code) {
	lit := (*[numLitLen]code)(litCodes)
	for n := range b.lenBits {
		c := lengthCode[n]
		lc := lit[firstLen+int(c)]
		b.lenBits[n].bits = uint32(lc.bits) | uint32(uint8(n)-lengthBase[c])<<lc.len
		b.lenBits[n].n = lc.len + lengthExtra[c]
	}
	var off [32]struct {
		bits, base uint16
		len, total uint8
	}
	for c := range offCodes[:numOffsets] {
		oc := offCodes[c]
		off[c].bits, off[c].base, off[c].len, off[c].total = oc.bits, offsetBase[c], oc.len, oc.len+offsetExtra[c]
	}

	for len(tokens) > 0 {
		// As many tokens as surely fit, at up to 48 bits each.
		k := min(len(tokens), (len(b.buf)-8-b.n)/6)
		acc, nb, n := b.acc, b.nb, b.n
		for _, t := range tokens[:k] {
			if t < matchFlag {
				c := lit[t&0xff]
				acc |= uint64(c.bits) << (nb & 63)
				nb += uint(c.len)
			} else {
				l := &b.lenBits[t.length()]
				acc |= uint64(l.bits) << (nb & 63)
				nb += uint(l.n)
				o := t.offset()
				oc := &off[offsetCode(o)%32]
				v := uint64(oc.bits) | uint64(uint16(o)-oc.base)<<(oc.len&63)
				acc |= v << (nb & 63)
				nb += uint(oc.total)
			}
			binary.LittleEndian.PutUint64(b.buf[n:], acc)
			n += int(nb >> 3)
			acc >>= nb &^ 7 & 63
			nb &= 7
		}
		b.acc, b.nb, b.n = acc, nb, n
		tokens = tokens[k:]
		if b.n+64 > outSize {
			b.send()
		}
	}
	b.writeCode(lit[endOfBlock])
}
