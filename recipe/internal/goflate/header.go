package goflate

// header is the description of the two codes of a dynamic block
// (RFC 1951, section 3.2.7).
type header struct {
	numLit, numOff int
	numCodes       int // code lengths that are sent, in the order of codeOrder
	freq           [numCodeLen]int32
	coder          *coder
	items          []headerItem
}

// A headerItem is a code length, or 16 to 18 for a repetition with its count.
type headerItem struct{ symbol, extra uint8 }

var codeOrder = [numCodeLen]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// repeatBits are the extra bits of the symbols 16, 17 and 18.
var repeatBits = [3]uint8{2, 3, 7}

// build prepares the header for these codes.
func (h *header) build(lit, off []code) {
	h.numLit, h.numOff = len(lit), len(off)
	h.items = h.items[:0]
	clear(h.freq[:])
	last, count := lit[0].len, 0
	for _, c := range lit {
		if c.len != last {
			h.run(last, count)
			last, count = c.len, 0
		}
		count++
	}
	for _, c := range off { // runs cross from one code to the other
		if c.len != last {
			h.run(last, count)
			last, count = c.len, 0
		}
		count++
	}
	h.run(last, count)

	h.coder.generate(h.freq[:], 7)
	h.numCodes = numCodeLen
	for h.numCodes > 4 && h.freq[codeOrder[h.numCodes-1]] == 0 {
		h.numCodes--
	}
}

// run adds count repetitions of one code length.
func (h *header) run(length uint8, count int) {
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

func (h *header) add(symbol uint8, extra int) {
	h.items = append(h.items, headerItem{symbol, uint8(extra)})
	h.freq[symbol]++
}

// size returns the size of the header in bits.
func (h *header) size() int {
	n := 3 + 5 + 5 + 4 + 3*h.numCodes + bitLength(h.coder.codes, h.freq[:])
	for i, extra := range repeatBits {
		n += int(h.freq[16+i]) * int(extra)
	}
	return n
}

func (h *header) write(b *bitWriter) {
	b.writeBits(4, 3)
	b.writeBits(uint64(h.numLit-257), 5)
	b.writeBits(uint64(h.numOff-1), 5)
	b.writeBits(uint64(h.numCodes-4), 4)
	for _, s := range codeOrder[:h.numCodes] {
		b.writeBits(uint64(h.coder.codes[s].len), 3)
	}
	for _, it := range h.items {
		b.writeCode(h.coder.codes[it.symbol])
		if it.symbol >= 16 {
			b.writeBits(uint64(it.extra), uint(repeatBits[it.symbol-16]))
		}
	}
}
