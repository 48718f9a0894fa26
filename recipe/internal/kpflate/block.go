package kpflate

import (
	"io"
	"math"

	"github.com/docker-delta/docker-delta/recipe/internal/goflate/huffman"
)

// blockWriter chooses the form of each block and writes it. A dynamic block may
// stay open: when the codes fit, what comes next is added to it.
type blockWriter struct {
	huffman.BitWriter
	rules   *rules
	penalty uint // a new table has to be better by 1/2^penalty

	lit, spare *huffman.Coder // spare tries codes that may not be used
	off        *huffman.Coder
	header     *huffman.Header
	litFreq    [huffman.NumLitLen]int32
	offFreq    [huffman.NumOffsets]int32

	open     int  // bits in the header of the open block, 0 if there is none
	litsOnly bool // the last table was made for literals only
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

func newBlockWriter(w io.Writer, r *rules) *blockWriter {
	b := &blockWriter{
		rules:  r,
		lit:    huffman.NewCoder(huffman.NumLitLen),
		spare:  huffman.NewCoder(huffman.NumLitLen),
		off:    huffman.NewCoder(huffman.NumOffsets),
		header: huffman.NewHeader(),
	}
	b.reset(w)
	return b
}

func (b *blockWriter) reset(w io.Writer) {
	b.ResetWriter(w)
	b.open, b.litsOnly = 0, false
}

// endTable ends the open block, if there is one.
func (b *blockWriter) endTable() {
	if b.open > 0 {
		b.WriteCode(b.lit.Codes[huffman.EndOfBlock])
		b.open = 0
	}
}

// storedHeader starts a stored block of n bytes.
func (b *blockWriter) storedHeader(n int) {
	b.endTable()
	b.WriteBits(0, 3)
	b.Align()
	b.WriteBits(uint64(n)|uint64(^uint16(n))<<16, 32)
}

func (b *blockWriter) writeStored(p []byte) {
	b.storedHeader(len(p))
	b.WriteBytes(p)
}

// storedBits returns the size of plain as a stored block, and whether it can be one.
func storedBits(plain []byte) (int, bool) {
	return (len(plain) + 5) * 8, plain != nil && len(plain) <= maxStored
}

// fits says whether the open table has a code for every symbol of t.
func (b *blockWriter) fits(t *tokens) bool {
	for s, f := range t.off[:huffman.NumOffsets] {
		if f != 0 && b.off.Codes[s].Len == 0 {
			return false
		}
	}
	for s, f := range t.extra[:huffman.NumLitLen-256] {
		if f != 0 && b.lit.Codes[256+s].Len == 0 {
			return false
		}
	}
	for s, f := range t.lit {
		if f != 0 && b.lit.Codes[s].Len == 0 {
			return false
		}
	}
	return true
}

// writeBlock writes t as a block of its own in the smallest form.
func (b *blockWriter) writeBlock(t *tokens, plain []byte) {
	list := t.list[:t.n]
	t.end()
	b.endTable()
	numLit, numOff := b.index(t, false)
	b.generate()
	stored, storable := storedBits(plain)
	extra := 0
	if storable {
		extra = b.extraBits()
	}
	fixed := b.fixedSize() + extra
	b.header.Build(b.lit.Codes[:numLit], b.off.Codes[:numOff])
	dynamic := b.header.Size() + b.tokenBits() + extra
	switch {
	case storable && stored < min(fixed, dynamic):
		b.writeStored(plain)
	case dynamic < fixed:
		b.header.Write(&b.BitWriter)
		b.WriteTokens(list, b.lit.Codes, b.off.Codes)
		b.WriteCode(b.lit.Codes[huffman.EndOfBlock])
	default:
		b.writeFixed(list)
	}
}

// writeFixed writes a block with the fixed codes.
func (b *blockWriter) writeFixed(list []huffman.Token) {
	b.endTable()
	b.WriteBits(2, 3)
	b.WriteTokens(list, fixedLit, fixedOff)
	b.WriteCode(fixedLit[huffman.EndOfBlock])
}

// writeDynamic writes t in the open block or a new one, or plain as it is. With
// sync, nothing stays open.
func (b *blockWriter) writeDynamic(t *tokens, plain []byte, sync bool) {
	r := b.rules
	list := t.list[:t.n]
	if sync {
		t.end()
	}
	if b.litsOnly && b.open > 0 { // its table has no matches
		b.endTable()
		b.litsOnly = false
	}
	switch {
	case !r.filled:
		if b.open > 0 && !b.fits(t) {
			b.endTable()
		}
	case !sync:
		t.fill()
	}
	numLit, numOff := b.index(t, r.allSymbols && !sync)
	stored, storable := storedBits(plain)
	extra := 0
	if storable || b.open > 0 || r.filled {
		extra = b.extraBits()
	}

	if b.open > 0 {
		size := b.tokenBits() + extra
		fresh := b.open + t.estimate(r, sync)
		fresh += fresh >> b.penalty
		if !r.filled {
			fresh = b.open + t.estimate(r, sync)
			fresh += int(b.lit.Codes[huffman.EndOfBlock].Len) + fresh>>b.penalty
		}
		if fresh < size {
			b.endTable()
			size = fresh
		}
		if !r.filled && t.n < r.fixedBelow {
			if fixed := b.fixedSize() + extra + 7; fixed < size {
				if storable && stored <= size {
					b.writeStored(plain)
				} else {
					b.writeFixed(list)
				}
				return
			}
		}
		if storable && b.saves(stored, size) {
			b.writeStored(plain)
			return
		}
	}

	if b.open == 0 {
		if !r.filled {
			b.litFreq[huffman.EndOfBlock] = 1
		}
		b.generate()
		b.header.Build(b.lit.Codes[:numLit], b.off.Codes[:numOff])
		size := b.header.Size() + b.tokenBits() + extra
		if !r.filled && t.n < r.fixedBelow {
			if fixed := b.fixedSize() + extra; fixed <= size {
				if storable && stored <= fixed {
					b.writeStored(plain)
				} else {
					b.writeFixed(list)
				}
				return
			}
		}
		if storable && b.saves(stored, size) {
			b.writeStored(plain)
			return
		}
		b.header.Write(&b.BitWriter)
		b.open = b.header.Size()
		b.litsOnly = false
	}
	b.WriteTokens(list, b.lit.Codes, b.off.Codes)
	if sync {
		b.endTable()
	}
}

// saves says whether a stored block is the better choice.
func (b *blockWriter) saves(stored, size int) bool {
	if b.rules.filled {
		return stored < size+size>>4
	}
	return stored <= size
}

// index takes over the counts of t, and returns how many symbols of each
// alphabet a header has to describe: with all, all of them.
func (b *blockWriter) index(t *tokens, all bool) (numLit, numOff int) {
	copy(b.litFreq[:], t.lit[:])
	copy(b.litFreq[256:], t.extra[:])
	copy(b.offFreq[:], t.off[:])
	if b.rules.countEnd && t.n > 0 {
		b.litFreq[huffman.EndOfBlock] = 1
	}
	if all {
		return huffman.NumLitLen, huffman.NumOffsets
	}
	for numLit = huffman.NumLitLen; numLit > huffman.FirstLen && b.litFreq[numLit-1] == 0; {
		numLit--
	}
	for numOff = huffman.NumOffsets; numOff > 0 && b.offFreq[numOff-1] == 0; {
		numOff--
	}
	if numOff == 0 {
		numOff = 1
		if t.n > 0 { // a header describes one offset code at least
			b.offFreq[0] = 1
		}
	}
	return numLit, numOff
}

// generate makes the codes for the indexed block.
func (b *blockWriter) generate() {
	b.lit.Generate(b.litFreq[:], huffman.MaxCodeLen)
	b.off.Generate(b.offFreq[:], huffman.MaxCodeLen)
}

// tokenBits is the size of the indexed block with the current codes, without
// header and extra bits.
func (b *blockWriter) tokenBits() int {
	return huffman.BitLength(b.lit.Codes, b.litFreq[:]) + huffman.BitLength(b.off.Codes, b.offFreq[:])
}

// fixedSize is the size of the indexed block with the fixed codes, without extra bits.
func (b *blockWriter) fixedSize() int {
	return 3 + huffman.BitLength(fixedLit, b.litFreq[:]) + huffman.BitLength(fixedOff, b.offFreq[:])
}

func (b *blockWriter) extraBits() int {
	n := 0
	for c, f := range b.litFreq[huffman.FirstLen:] {
		n += int(f) * int(huffman.LengthExtra[c])
	}
	for c, f := range b.offFreq {
		n += int(f) * int(huffman.OffsetExtra[c])
	}
	return n
}

// reuseBits returns the size of symbols with these counts; math.MaxInt32 if one has no code.
func reuseBits(codes []huffman.Code, freq []int32) int {
	n := 0
	for s, f := range freq {
		if f == 0 {
			continue
		}
		if codes[s].Len == 0 {
			return math.MaxInt32
		}
		n += int(f) * int(codes[s].Len)
	}
	return n
}
