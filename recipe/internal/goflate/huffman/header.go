package huffman

// Header is the description of the two codes of a dynamic block
// (RFC 1951, section 3.2.7).
type Header struct {
	numLit, numOff int
	numCodes       int // code lengths that are sent, in the order of codeOrder
	freq           [numCodeLen]int32
	coder          *Coder
	items          []headerItem
}

// A headerItem is a code length, or 16 to 18 for a repetition with its count.
type headerItem struct{ symbol, extra uint8 }

var codeOrder = [numCodeLen]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// repeatBits are the extra bits of the symbols 16, 17 and 18.
var repeatBits = [3]uint8{2, 3, 7}

// NewHeader returns a Header to build on.
func NewHeader() *Header { return &Header{coder: NewCoder(numCodeLen)} }

// Build prepares the header for these codes.
func (h *Header) Build(lit, off []Code) {
	h.numLit, h.numOff = len(lit), len(off)
	h.items = h.items[:0]
	clear(h.freq[:])
	last, count := lit[0].Len, 0
	for _, c := range lit {
		if c.Len != last {
			h.run(last, count)
			last, count = c.Len, 0
		}
		count++
	}
	for _, c := range off { // runs cross from one code to the other
		if c.Len != last {
			h.run(last, count)
			last, count = c.Len, 0
		}
		count++
	}
	h.run(last, count)

	h.coder.Generate(h.freq[:], 7)
	h.numCodes = numCodeLen
	for h.numCodes > 4 && h.freq[codeOrder[h.numCodes-1]] == 0 {
		h.numCodes--
	}
}

// run adds count repetitions of one code length.
func (h *Header) run(length uint8, count int) {
	if length != 0 {
		h.add(length, 0)
		count--
		for count >= 3 {
			n := min(count, 6)
			h.add(16, n-3)
			count -= n
		}
	} else {
		for count >= 11 {
			n := min(count, 138)
			h.add(18, n-11)
			count -= n
		}
		if count >= 3 {
			h.add(17, count-3)
			count = 0
		}
	}
	for ; count > 0; count-- {
		h.add(length, 0)
	}
}

func (h *Header) add(symbol uint8, extra int) {
	h.items = append(h.items, headerItem{symbol, uint8(extra)})
	h.freq[symbol]++
}

// Size returns the size of the header in bits.
func (h *Header) Size() int {
	n := 3 + 5 + 5 + 4 + 3*h.numCodes + BitLength(h.coder.Codes, h.freq[:])
	for i, extra := range repeatBits {
		n += int(h.freq[16+i]) * int(extra)
	}
	return n
}

// Write writes the header, with the type of its block in front, which is not the last.
func (h *Header) Write(b *BitWriter) {
	b.WriteBits(4, 3)
	b.WriteBits(uint64(h.numLit-257), 5)
	b.WriteBits(uint64(h.numOff-1), 5)
	b.WriteBits(uint64(h.numCodes-4), 4)
	for _, s := range codeOrder[:h.numCodes] {
		b.WriteBits(uint64(h.coder.Codes[s].Len), 3)
	}
	for _, it := range h.items {
		b.WriteCode(h.coder.Codes[it.symbol])
		if it.symbol >= 16 {
			b.WriteBits(uint64(it.extra), uint(repeatBits[it.symbol-16]))
		}
	}
}
