package zlibenc

import (
	"encoding/binary"

	"github.com/docker-delta/docker-delta/recipe/internal/zlibenc/trees"
)

// Symbols are kept until their block ends: a distance in the upper bits (0 for
// a literal), and the literal or the length less 3 in the low 8.
const symDist = 8

// block gathers the symbols of one block and writes it.
type block struct {
	bitWriter
	syms    []uint32 // fixed size
	n       int      // symbols in syms
	counted int      // symbols that are in the counts
	matches int
	lit     [trees.NumLit]uint32
	dist    [trees.NumDist]uint32

	builder   trees.Builder
	header    trees.Header
	litLens   [trees.NumLit]uint8
	distLens  [trees.NumDist]uint8
	litCodes  [trees.NumLit]uint16
	distCodes [trees.NumDist]uint16
}

func (b *block) reset() {
	b.n, b.counted, b.matches = 0, 0, 0
	b.lit = [trees.NumLit]uint32{trees.EndOfBlock: 1}
	b.dist = [trees.NumDist]uint32{}
}

// count brings the counts up to date.
func (b *block) count() {
	for _, s := range b.syms[b.counted:b.n] {
		lc, d := uint8(s), s>>symDist
		if d == 0 {
			b.lit[lc]++
			continue
		}
		b.matches++
		b.lit[int(trees.LengthCode[lc])+257]++
		b.dist[trees.DistCode(d-1)]++
	}
	b.counted = b.n
}

// cutEarly is gzip's guess whether ending the block here would pay, made every
// 4096 symbols; in is the length of the block's plain bytes.
func (b *block) cutEarly(in int) bool {
	b.count()
	out := b.n * 8
	for i, n := range b.dist {
		out += int(n) * (5 + int(trees.DistExtra[i]))
	}
	return b.matches < b.n/2 && out/8 < in/2
}

// flush writes the block in the cheapest form. plain are its plain bytes, of
// which there are size; plain is nil if they have left the window.
func (b *block) flush(plain []byte, size int, onlyFixed, last bool) {
	b.count()
	lastLit := b.builder.Lengths(b.lit[:], b.litLens[:], trees.MaxBits)
	lastDist := b.builder.Lengths(b.dist[:], b.distLens[:], trees.MaxBits)
	b.header.Plan(&b.builder, b.litLens[:lastLit+1], b.distLens[:lastDist+1])
	dynamic, fixed := b.header.Bits(), 0
	for i, n := range b.lit {
		extra := uint8(0)
		if i > 256 {
			extra = trees.LengthExtra[i-257]
		}
		dynamic += int(n) * int(b.litLens[i]+extra)
		fixed += int(n) * int(trees.FixedLitLens[i]+extra)
	}
	for i, n := range b.dist {
		dynamic += int(n) * int(b.distLens[i]+trees.DistExtra[i])
		fixed += int(n) * int(5+trees.DistExtra[i])
	}
	dynamicBytes, fixedBytes := (dynamic+3+7)>>3, (fixed+3+7)>>3
	best := dynamicBytes
	if fixedBytes <= dynamicBytes || onlyFixed {
		best = fixedBytes
	}
	var bit uint64
	if last {
		bit = 1
	}
	switch {
	case size+4 <= best && plain != nil:
		b.stored(plain, bit)
	case best == fixedBytes:
		b.put(2|bit, 3)
		b.writeSymbols(fixedBytes, trees.FixedLitLens[:trees.NumLit], trees.FixedDistLens[:trees.NumDist],
			trees.FixedLitCodes[:trees.NumLit], trees.FixedDistCodes[:trees.NumDist])
	default:
		b.put(4|bit, 3)
		b.writeHeader()
		trees.Codes(b.litLens[:], b.litCodes[:])
		trees.Codes(b.distLens[:], b.distCodes[:])
		b.writeSymbols(dynamicBytes, b.litLens[:], b.distLens[:], b.litCodes[:], b.distCodes[:])
	}
	b.reset()
	if last {
		b.align()
	}
}

func (b *block) writeHeader() {
	h := &b.header
	b.put(uint64(h.NumLit-257), 5)
	b.put(uint64(h.NumDist-1), 5)
	b.put(uint64(h.NumCodeLen-4), 4)
	for _, s := range trees.Order[:h.NumCodeLen] {
		b.put(uint64(h.Lens[s]), 3)
	}
	for _, op := range h.Ops {
		s := op & 31
		b.put(uint64(h.Codes[s]), uint(h.Lens[s]))
		b.put(uint64(op>>5), uint(trees.CodeLenExtra(s)))
	}
}

// writeSymbols writes the symbols and the end of the block, which take at most
// size bytes.
func (b *block) writeSymbols(size int, litLens, distLens []uint8, litCodes, distCodes []uint16) {
	// One table entry gives all bits of a literal, of a length, or of a distance
	// code: the bits, shifted left by 8, over their number.
	var lit, length [256]uint32
	var dist [32]uint32
	for i := range lit {
		lit[i] = uint32(litCodes[i])<<8 | uint32(litLens[i])
		c := trees.LengthCode[i]
		l := litLens[int(c)+257]
		v := uint32(litCodes[int(c)+257]) | uint32(i-int(trees.LengthBase[c]))<<l
		length[i] = v<<8 | uint32(l+trees.LengthExtra[c])
	}
	for i, c := range distCodes {
		dist[i] = uint32(c)<<8 | uint32(distLens[i])
	}

	out := b.grow(size + 16)
	acc, n, pos := b.acc, b.nbits, len(b.out)
	for _, s := range b.syms[:b.n] {
		lc, d := uint8(s), s>>symDist
		if d == 0 {
			e := lit[lc]
			acc |= uint64(e>>8) << (n & 63)
			n += uint(e & 255)
			if n < 48 {
				continue
			}
		} else {
			if n >= 8 { // a match takes up to 48 bits
				binary.LittleEndian.PutUint64(out[pos:], acc)
				pos += int(n >> 3)
				acc >>= n &^ 7
				n &= 7
			}
			e := length[lc]
			acc |= uint64(e>>8) << (n & 63)
			n += uint(e & 255)
			d--
			c := trees.DistCode(d)
			e = dist[c&31]
			acc |= uint64(e>>8) << (n & 63)
			n += uint(e & 255)
			acc |= uint64(d-uint32(trees.DistBase[c])) << (n & 63)
			n += uint(trees.DistExtra[c])
		}
		binary.LittleEndian.PutUint64(out[pos:], acc)
		pos += int(n >> 3)
		acc >>= n &^ 7
		n &= 7
	}
	acc |= uint64(litCodes[trees.EndOfBlock]) << n
	n += uint(litLens[trees.EndOfBlock])
	binary.LittleEndian.PutUint64(out[pos:], acc)
	pos += int(n >> 3)
	b.acc, b.nbits, b.out = acc>>(n&^7), n&7, out[:pos]
}
