package trees

// Header is the description of the codes of one dynamic block: the run-length
// coded code lengths, and the code that they are sent in.
type Header struct {
	NumLit, NumDist, NumCodeLen int // HLIT+257, HDIST+1, HCLEN+4

	// Ops are the run-length coded lengths: a code length symbol in the low 5
	// bits, the value of its extra bits above.
	Ops []uint16
	// Lens and Codes are those of the code length alphabet.
	Lens  [NumCodeLen]uint8
	Codes [NumCodeLen]uint16

	freq [NumCodeLen]uint32
}

// CodeLenExtra is the number of extra bits of a code length symbol.
func CodeLenExtra(sym uint16) uint8 {
	switch sym {
	case 16:
		return 2
	case 17:
		return 3
	case 18:
		return 7
	}
	return 0
}

// Plan works out the header for the given literal and distance code lengths,
// each cut after the last symbol that has a code (lit not before 257).
func (h *Header) Plan(b *Builder, lit, dist []uint8) {
	h.NumLit, h.NumDist = len(lit), len(dist)
	h.Ops = h.Ops[:0]
	h.freq = [NumCodeLen]uint32{}
	h.scan(lit)
	h.scan(dist)
	b.Lengths(h.freq[:], h.Lens[:], MaxCodeLenBits)
	Codes(h.Lens[:], h.Codes[:])
	n := NumCodeLen
	for n > 4 && h.Lens[Order[n-1]] == 0 {
		n--
	}
	h.NumCodeLen = n
}

// Bits is the size of the header in bits, without the block's first three.
func (h *Header) Bits() int {
	n := 5 + 5 + 4 + 3*h.NumCodeLen
	for s, f := range h.freq {
		n += int(f) * int(h.Lens[s]+CodeLenExtra(uint16(s)))
	}
	return n
}

// scan run-length codes one alphabet. Runs never cross into the next one.
func (h *Header) scan(lens []uint8) {
	prev := -1
	for i := 0; i < len(lens); {
		l := int(lens[i])
		most, least := 7, 4
		switch {
		case l == 0:
			most, least = 138, 3
		case l == prev:
			most, least = 6, 3
		}
		n := 1
		for n < most && i+n < len(lens) && int(lens[i+n]) == l {
			n++
		}
		i += n
		switch {
		case n < least:
			for range n {
				h.op(uint16(l), 0)
			}
		case l != 0:
			if l != prev {
				h.op(uint16(l), 0)
				n--
			}
			h.op(16, n-3)
		case n <= 10:
			h.op(17, n-3)
		default:
			h.op(18, n-11)
		}
		prev = l
	}
}

func (h *Header) op(sym uint16, extra int) {
	h.freq[sym]++
	h.Ops = append(h.Ops, sym|uint16(extra)<<5)
}
