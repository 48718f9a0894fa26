package predict

import "encoding/binary"

// What follows an opcode (Intel SDM volume 2, appendix A, 64-bit mode).
const (
	hasModRM = 1 << iota
	hasImm8  // also a short jump's operand
	hasImmZ  // 4 bytes, or 2 with the prefix 66
	hasImm16
	hasRel32  // the operand of a near call or jump
	isSpecial // decided in length
	isPrefix
	isInvalid
)

// opcodes says for each opcode what follows it.
type opcodes [256]uint8

func (t *opcodes) set(flags uint8, ranges ...[2]int) {
	for _, r := range ranges {
		for i := r[0]; i <= r[1]; i++ {
			t[i] = flags
		}
	}
}

var oneByte, twoByte = func() (one, two opcodes) {
	for i := 0; i < 0x40; i += 8 {
		one.set(hasModRM, [2]int{i, i + 3})
		one[i+4], one[i+5], one[i+6], one[i+7] = hasImm8, hasImmZ, isInvalid, isInvalid
	}
	one.set(isPrefix, [2]int{0x26, 0x26}, [2]int{0x2e, 0x2e}, [2]int{0x36, 0x36}, [2]int{0x3e, 0x3e},
		[2]int{0x40, 0x4f}, [2]int{0x64, 0x67}, [2]int{0xf0, 0xf0}, [2]int{0xf2, 0xf3})
	one.set(isInvalid, [2]int{0x60, 0x61}, [2]int{0x82, 0x82}, [2]int{0x9a, 0x9a}, [2]int{0xce, 0xce},
		[2]int{0xd4, 0xd6}, [2]int{0xea, 0xea})
	one.set(hasModRM, [2]int{0x63, 0x63}, [2]int{0x84, 0x8f}, [2]int{0xd0, 0xd3}, [2]int{0xd8, 0xdf}, [2]int{0xfe, 0xff})
	one.set(hasImmZ, [2]int{0x68, 0x68}, [2]int{0xa9, 0xa9})
	one.set(hasModRM|hasImmZ, [2]int{0x69, 0x69}, [2]int{0x81, 0x81}, [2]int{0xc7, 0xc7})
	one.set(hasModRM|hasImm8, [2]int{0x6b, 0x6b}, [2]int{0x80, 0x80}, [2]int{0x83, 0x83}, [2]int{0xc0, 0xc1}, [2]int{0xc6, 0xc6})
	one.set(hasImm8, [2]int{0x6a, 0x6a}, [2]int{0x70, 0x7f}, [2]int{0xa8, 0xa8}, [2]int{0xb0, 0xb7},
		[2]int{0xcd, 0xcd}, [2]int{0xe0, 0xe7}, [2]int{0xeb, 0xeb})
	one.set(hasImm16, [2]int{0xc2, 0xc2}, [2]int{0xca, 0xca})
	one.set(hasRel32, [2]int{0xe8, 0xe9})
	one.set(isSpecial, [2]int{0xa0, 0xa3}, [2]int{0xb8, 0xbf}, [2]int{0xc8, 0xc8})
	one.set(isSpecial|hasModRM, [2]int{0xf6, 0xf7})

	two.set(hasModRM, [2]int{0x00, 0xff})
	two.set(0, [2]int{0x05, 0x09}, [2]int{0x0b, 0x0b}, [2]int{0x0e, 0x0e}, [2]int{0x30, 0x37}, [2]int{0x77, 0x77},
		[2]int{0xa0, 0xa2}, [2]int{0xa8, 0xaa}, [2]int{0xc8, 0xcf})
	two.set(isInvalid, [2]int{0x04, 0x04}, [2]int{0x0a, 0x0a}, [2]int{0x0c, 0x0c}, [2]int{0x24, 0x27}, [2]int{0x39, 0x39}, [2]int{0x3b, 0x3f})
	two.set(hasModRM|hasImm8, [2]int{0x0f, 0x0f}, [2]int{0x70, 0x73}, [2]int{0xa4, 0xa4}, [2]int{0xac, 0xac},
		[2]int{0xba, 0xba}, [2]int{0xc2, 0xc2}, [2]int{0xc4, 0xc6})
	two.set(hasRel32, [2]int{0x80, 0x8f})
	return one, two
}()

// instruction is as much of one as matters: its length and where its 4-byte
// fields stand that may refer to something.
type instruction struct {
	n    int // length; 0 if the bytes are no complete instruction
	rel  int // relative to the instruction's end: branches and RIP-relative operands
	disp int // an absolute displacement
	imm  int // a 4-byte immediate
}

// decodeAMD64 finds the length of the instruction at the start of b.
func decodeAMD64(b []byte) (in instruction) {
	p, narrow, wide := 0, false, false
	var flags, op uint8
prefixes:
	for {
		if p >= len(b) || p > 14 {
			return in
		}
		op = b[p]
		p++
		flags = oneByte[op]
		switch {
		case flags == isPrefix:
			if op&0xf0 == 0x40 {
				wide = op&8 != 0
			} else {
				wide = false
				narrow = narrow || op == 0x66
			}
			continue
		default:
			break prefixes
		}
	}
	switch op {
	case 0x0f:
		if p >= len(b) {
			return in
		}
		op = b[p]
		p++
		switch flags = twoByte[op]; op {
		case 0x38:
			p++
			flags = hasModRM
		case 0x3a:
			p++
			flags = hasModRM | hasImm8
		}
	case 0xc4, 0xc5, 0x62:
		if p+3 >= len(b) {
			return in
		}
		space := uint8(1)
		switch op {
		case 0xc4:
			space = b[p] & 0x1f
			p++
		case 0x62:
			space = b[p] & 7
			p += 2
		}
		op = b[p+1]
		p += 2
		switch flags = hasModRM; space {
		case 1:
			flags = twoByte[op] &^ hasRel32
		case 3:
			flags |= hasImm8
		}
	}
	if flags&isInvalid != 0 {
		return in
	}
	var rip int
	if flags&hasModRM != 0 {
		if p >= len(b) {
			return in
		}
		modrm := b[p]
		p++
		mod, rm := modrm>>6, modrm&7
		if mod != 3 && rm == 4 {
			if p >= len(b) {
				return in
			}
			if mod == 0 && b[p]&7 == 5 {
				mod = 4
			}
			p++
		}
		switch {
		case mod == 0 && rm == 5:
			rip = p
			p += 4
		case mod == 1:
			p++
		case mod == 2 || mod == 4:
			in.disp = p
			p += 4
		}
		if flags&isSpecial != 0 && modrm&0x30 == 0 { // TEST of group 3
			flags |= hasImm8
			if op == 0xf7 {
				flags ^= hasImm8 | hasImmZ
			}
		}
	} else if flags&isSpecial != 0 {
		switch {
		case op == 0xc8:
			p += 3
		case op < 0xb0:
			p += 8
		case wide:
			p += 8
		default:
			flags |= hasImmZ
		}
	}
	switch {
	case flags&hasImm8 != 0:
		p++
	case flags&hasImm16 != 0:
		p += 2
	case flags&hasImmZ != 0 && narrow && !wide:
		p += 2
	case flags&hasImmZ != 0:
		in.imm = p
		p += 4
	case flags&hasRel32 != 0:
		in.rel = p
		p += 4
	}
	if p > len(b) || p > 15 {
		return instruction{}
	}
	if rip > 0 {
		in.rel = rip
	}
	in.n = p
	return in
}

func (m *Model) scanAMD64(c *chunk) int {
	pos := c.pos
	for pos < c.end {
		in := decodeAMD64(c.old[pos:])
		if in.n == 0 {
			pos++
			continue
		}
		if in.rel > 0 {
			at := pos + in.rel
			v := int64(int32(binary.LittleEndian.Uint32(c.old[at:])))
			next := int64(pos + in.n)
			from := c.oldVA + next + v
			if m.refer(c, at, rel32, 1, c.newVA+next, from) && c.old[at-1]&0xc7 == 5 {
				m.jump.mark(m.l, from) // perhaps LEA of a jump table
			}
		}
		if m.l.fixed {
			m.absolute32(c, pos, in.disp)
			m.absolute32(c, pos, in.imm)
		}
		pos += in.n
	}
	return pos
}

// absolute32 predicts a field that may hold an address of a program linked at
// a fixed place.
func (m *Model) absolute32(c *chunk, pos, field int) {
	if field == 0 {
		return
	}
	at := pos + field
	from := int64(binary.LittleEndian.Uint32(c.old[at:]))
	m.refer(c, at, abs32, 1, 0, from)
}
