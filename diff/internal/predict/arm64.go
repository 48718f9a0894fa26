package predict

import "encoding/binary"

// armState follows which registers hold the page that an ADRP computed: the
// old one, and the new one as far as it is known.
type armState struct {
	page [32]int64 // old page + 1, or 0
	now  [32]int64 // actual new page, or 0
}

const (
	armWindow = 16 // instructions behind an ADRP searched for its lower half
	pageMask  = 1<<12 - 1
)

// adrp returns the page that the instruction w at va computes.
func adrp(w uint32, va int64) int64 {
	imm := int64(int32(w&0xffffe0)<<8) >> 11 // immhi at bits 2..20
	imm |= int64(w>>29) & 3
	return va&^pageMask + imm<<12
}

// setADRP puts the page into the instruction.
func setADRP(w uint32, va, page int64) uint32 {
	d := (page - va&^pageMask) >> 12
	return w&0x9f00001f | uint32(d&3)<<29 | uint32(d>>2&0x7ffff)<<5
}

func isADRP(w uint32) bool { return w&0x9f000000 == 0x90000000 }

// lowScale returns the shift of the 12-bit immediate of an ADD or of a load or
// store with an unsigned offset.
func lowScale(w uint32) (scale uint, ok bool) {
	switch {
	case w&0xffc00000 == 0x91000000: // ADD (64-bit, no shift)
		return 0, true
	case w&0x3f000000 == 0x39000000: // LDR and STR, general registers
		return uint(w >> 30), true
	case w&0x3f000000 == 0x3d000000: // vector registers
		s := uint(w >> 30)
		if w&0x00800000 != 0 {
			s += 4
		}
		return s, s <= 4
	}
	return 0, false
}

// writes reports whether w probably overwrites register r: it does if it has
// it as a destination and is no store, branch or compare.
func writes(w uint32, r uint32) bool {
	if w&31 != r || r == 31 {
		return false
	}
	switch {
	case w&0x1c000000 == 0x14000000: // branches
		return false
	case w&0x3f400000 == 0x39000000, w&0x3b200c00 == 0x38000000 && w&0x00c00000 == 0: // stores
		return false
	case w&0x04000000 != 0 && w&0x0a000000 == 0x08000000: // vector loads and stores
		return false
	case w&0x3a400000 == 0x28000000: // store pairs
		return false
	}
	return true
}

func (m *Model) scanARM64(c *chunk) int {
	le := binary.LittleEndian
	pos := c.pos + int(-(c.oldVA+int64(c.pos))&3)
	for ; pos < c.end && pos+4 <= len(c.old); pos += 4 {
		w := le.Uint32(c.old[pos:])
		oldPC, newPC := c.oldVA+int64(pos), c.newVA+int64(pos)
		switch {
		case w&0x7c000000 == 0x14000000: // B, BL
			m.refer(c, pos, armBranch26, 0, newPC, oldPC+signed(w, 0, 26)<<2)
		case w&0xff000010 == 0x54000000, w&0x7e000000 == 0x34000000: // B.cond, CBZ
			m.refer(c, pos, armBranch19, 0, newPC, oldPC+signed(w, 5, 19)<<2)
		case w&0x7e000000 == 0x36000000: // TBZ
			m.refer(c, pos, armBranch14, 0, newPC, oldPC+signed(w, 5, 14)<<2)
		case w&0x3b000000 == 0x18000000: // LDR (literal)
			m.refer(c, pos, armBranch19, 0, newPC, oldPC+signed(w, 5, 19)<<2)
		case w&0x9f000000 == 0x10000000: // ADR
			m.refer(c, pos, armAdr, 0, newPC, oldPC+signed(w, 5, 19)<<2+int64(w>>29&3))
		case isADRP(w):
			m.armPage(c, pos, w, oldPC, newPC)
		default:
			m.armLow(c, pos, w)
		}
	}
	return pos
}

// signed returns the n bits of w from bit at on, sign-extended.
func signed(w uint32, at, n uint) int64 { return int64(int32(w<<(32-at-n)) >> (32 - n)) }

// setBits puts the n lower bits of v at bit at of w.
func setBits(w uint32, at, n uint, v int64) uint32 {
	mask := uint32(1)<<n - 1
	return w&^(mask<<at) | uint32(v)&mask<<at
}

// withTarget returns the branch w at pc, aimed at the address to.
func (f form) withTarget(w uint32, pc, to int64) uint32 {
	d := to - pc
	switch f {
	case armBranch26:
		return setBits(w, 0, 26, d>>2)
	case armBranch19:
		return setBits(w, 5, 19, d>>2)
	case armBranch14:
		return setBits(w, 5, 14, d>>2)
	}
	return setBits(setBits(w, 5, 19, d>>2), 29, 2, d) // ADR
}

// target is the inverse of withTarget.
func (f form) target(w uint32, pc int64) int64 {
	switch f {
	case armBranch26:
		return pc + signed(w, 0, 26)<<2
	case armBranch19:
		return pc + signed(w, 5, 19)<<2
	case armBranch14:
		return pc + signed(w, 5, 14)<<2
	}
	return pc + signed(w, 5, 19)<<2 + int64(w>>29&3)
}

// fixedBits are the bits of w that do not hold the operand.
func (f form) fixedBits(w uint32) uint32 {
	switch f {
	case armPage, armAdr:
		return w & 0x9f00001f
	case armLow:
		return w &^ (0xfff << 10)
	}
	return f.withTarget(w, 0, 0)
}

// armPage predicts an ADRP. Its target is known only together with the lower
// half, which stands in an instruction behind it.
func (m *Model) armPage(c *chunk, pos int, w uint32, oldPC, newPC int64) {
	rd := w & 31
	page := adrp(w, oldPC)
	from := page
	for i, p := 0, pos+4; i < armWindow && p+4 <= len(c.old); i, p = i+1, p+4 {
		u := binary.LittleEndian.Uint32(c.old[p:])
		if s, ok := lowScale(u); ok && u>>5&31 == rd {
			from += int64(u>>10&0xfff) << s
			break
		}
		if writes(u, rd) {
			break
		}
	}
	m.arm.page[rd] = 0
	if m.refer(c, pos, armPage, 0, newPC, from) {
		m.arm.page[rd] = page + 1
	}
}

// armLow predicts the lower half of an address.
func (m *Model) armLow(c *chunk, pos int, w uint32) {
	rn := w >> 5 & 31
	page := m.arm.page[rn]
	if page != 0 {
		if s, ok := lowScale(w); ok {
			from := page - 1 + int64(w>>10&0xfff)<<s
			m.refer(c, pos, armLow, 0, int64(s), from)
		}
	}
	if rd := w & 31; m.arm.page[rd] != 0 && writes(w, rd) {
		m.arm.page[rd] = 0
	}
}

// updateARM64 returns where the reference r goes now, from the actual
// instruction and the predicted one.
func (m *Model) updateARM64(r *ref, actual, predicted uint32) (int64, bool) {
	if r.form.fixedBits(actual) != r.form.fixedBits(predicted) {
		if r.form == armPage {
			m.arm.now[predicted&31] = 0
		}
		return 0, false
	}
	switch r.form {
	case armPage:
		m.arm.now[actual&31] = adrp(actual, r.base)
		return 0, false
	case armLow:
		page := m.arm.now[actual>>5&31]
		return page + int64(actual>>10&0xfff)<<r.base, page != 0
	}
	return r.form.target(actual, r.base), true
}
