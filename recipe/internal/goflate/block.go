package goflate

import (
	"io"

	"github.com/docker-delta/docker-delta/recipe/internal/goflate/huffman"
)

// blockWriter chooses the form of each block and writes it.
type blockWriter struct {
	huffman.BitWriter
	litFreq [huffman.NumLitLen]int32
	offFreq [huffman.NumOffsets]int32
	lit     *huffman.Coder
	off     *huffman.Coder
	header  *huffman.Header
}

var (
	fixedLit, fixedOff = huffman.FixedCodes()

	// noOffsets is the offset code of a block without matches: one code of one bit.
	noOffsets = func() []huffman.Code {
		c := huffman.NewCoder(huffman.NumOffsets)
		c.Generate([]int32{1}, huffman.MaxCodeLen)
		return c.Codes
	}()
)

func newBlockWriter(w io.Writer) *blockWriter {
	b := &blockWriter{
		lit:    huffman.NewCoder(huffman.NumLitLen),
		off:    huffman.NewCoder(huffman.NumOffsets),
		header: huffman.NewHeader(),
	}
	b.ResetWriter(w)
	return b
}

// storedHeader starts a stored block of n bytes.
func (b *blockWriter) storedHeader(n int, final bool) {
	if final {
		b.WriteBits(1, 3)
	} else {
		b.WriteBits(0, 3)
	}
	b.Align()
	b.WriteBits(uint64(n)|uint64(^uint16(n))<<16, 32)
}

func (b *blockWriter) writeStored(p []byte) {
	b.storedHeader(len(p), false)
	b.WriteBytes(p)
}

// storedBits is the size of p as a stored block.
func storedBits(p []byte) int { return (len(p) + 5) * 8 }

// writeBlock writes tokens in the smallest of the three forms. The plain bytes
// they stand for are plain; nil if they are no longer at hand, which rules out a stored block.
func (b *blockWriter) writeBlock(tokens []huffman.Token, plain []byte) {
	numLit, numOff := b.index(tokens)
	extra, storable := 0, plain != nil && len(plain) <= huffman.MaxStored
	if storable { // else it would only add the same to both sizes
		for c, f := range b.litFreq[huffman.FirstLen:] {
			extra += int(f) * int(huffman.LengthExtra[c])
		}
		for c, f := range b.offFreq {
			extra += int(f) * int(huffman.OffsetExtra[c])
		}
	}
	b.header.Build(b.lit.Codes[:numLit], b.off.Codes[:numOff])
	fixed := 3 + huffman.BitLength(fixedLit, b.litFreq[:]) + huffman.BitLength(fixedOff, b.offFreq[:]) + extra
	dynamic := b.dynamicSize(b.off.Codes) + extra
	switch {
	case storable && storedBits(plain) < min(fixed, dynamic):
		b.writeStored(plain)
	case dynamic < fixed:
		b.writeTokens(tokens)
	default:
		b.WriteBits(2, 3)
		b.WriteTokens(tokens, fixedLit, fixedOff)
		b.WriteCode(fixedLit[huffman.EndOfBlock])
	}
}

// writeDynamic writes tokens with codes of their own, or plain as it is if
// that saves less than a sixteenth.
func (b *blockWriter) writeDynamic(tokens []huffman.Token, plain []byte) {
	numLit, numOff := b.index(tokens)
	b.header.Build(b.lit.Codes[:numLit], b.off.Codes[:numOff])
	if size := b.dynamicSize(b.off.Codes); storedBits(plain) < size+size>>4 {
		b.writeStored(plain)
		return
	}
	b.writeTokens(tokens)
}

// writeTokens writes the indexed tokens with their own codes.
func (b *blockWriter) writeTokens(tokens []huffman.Token) {
	b.header.Write(&b.BitWriter)
	b.WriteTokens(tokens, b.lit.Codes, b.off.Codes)
	b.WriteCode(b.lit.Codes[huffman.EndOfBlock])
}

// writeLiterals writes plain without matches, or as it is if that saves less
// than a sixteenth.
func (b *blockWriter) writeLiterals(plain []byte) {
	clear(b.litFreq[:])
	clear(b.offFreq[:])
	for _, v := range plain {
		b.litFreq[v]++
	}
	b.litFreq[huffman.EndOfBlock] = 1
	b.offFreq[0] = 1 // as if there were a match: one bit more in the size
	b.lit.Generate(b.litFreq[:], huffman.MaxCodeLen)
	b.header.Build(b.lit.Codes[:huffman.EndOfBlock+1], noOffsets[:1])
	if size := b.dynamicSize(noOffsets); storedBits(plain) < size+size>>4 {
		b.writeStored(plain)
		return
	}
	b.header.Write(&b.BitWriter)
	b.WriteLiterals(plain, b.lit.Codes[:256])
	b.WriteCode(b.lit.Codes[huffman.EndOfBlock])
}

// dynamicSize is the size in bits of the indexed block with its own codes,
// without the extra bits of matches.
func (b *blockWriter) dynamicSize(off []huffman.Code) int {
	return b.header.Size() + huffman.BitLength(b.lit.Codes, b.litFreq[:]) + huffman.BitLength(off, b.offFreq[:])
}

// index counts the symbols of tokens, makes codes for them, and returns how many
// symbols of each alphabet the header has to describe.
func (b *blockWriter) index(tokens []huffman.Token) (numLit, numOff int) {
	clear(b.litFreq[:])
	var lengths [256]int32
	var offsets [32]int32
	for _, t := range tokens {
		if t.IsMatch() {
			lengths[t.Length()]++
			offsets[t.OffsetCode()]++
		} else {
			b.litFreq[t&0xff]++
		}
	}
	for n, f := range lengths {
		b.litFreq[huffman.FirstLen+int(huffman.LengthCode[n])] += f
	}
	b.offFreq = [huffman.NumOffsets]int32(offsets[:])
	b.litFreq[huffman.EndOfBlock] = 1
	for numLit = huffman.NumLitLen; b.litFreq[numLit-1] == 0; {
		numLit--
	}
	for numOff = huffman.NumOffsets; numOff > 0 && b.offFreq[numOff-1] == 0; {
		numOff--
	}
	if numOff == 0 { // a header describes one offset code at least
		b.offFreq[0] = 1
		numOff = 1
	}
	b.lit.Generate(b.litFreq[:], huffman.MaxCodeLen)
	b.off.Generate(b.offFreq[:], huffman.MaxCodeLen)
	return numLit, numOff
}
