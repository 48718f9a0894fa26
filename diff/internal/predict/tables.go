package predict

import "encoding/binary"

var le = binary.LittleEndian

// align returns the first position from pos on at which an entry of a table
// of size-byte entries begins.
func (c *chunk) align(pos, size int) int {
	d := c.oldOff + int64(pos) - c.r.old.off
	return pos + int((int64(size)-d%int64(size))%int64(size))
}

// entries calls f for each entry of a table that begins in the chunk and is
// known in full, and returns where the next one begins.
func (c *chunk) entries(size int, f func(pos int)) int {
	pos := c.align(c.pos, size)
	for ; pos < c.end && pos+size <= len(c.old); pos += size {
		f(pos)
	}
	return pos
}

// address64 predicts an 8-byte field that may hold an address.
func (m *Model) address64(c *chunk, pos int) {
	from := le.Uint64(c.old[pos:])
	if from == 0 || from > maxOffset {
		return
	}
	m.refer(c, pos, abs64, 0, 0, int64(from))
}

// offset32 predicts a 4-byte offset from the start of a region.
func (m *Model) offset32(c *chunk, pos int, base *region) {
	v := int64(le.Uint32(c.old[pos:]))
	if base == nil || v > base.old.size {
		return
	}
	m.refer(c, pos, rel32, 0, base.new.va, base.old.va+v)
}

// length predicts a 4- or 8-byte size of something that begins at the old
// address va.
func (m *Model) length(c *chunk, pos, width int, va int64) {
	n := int64(le.Uint32(c.old[pos:]))
	if width == 8 {
		n = int64(le.Uint64(c.old[pos:]))
	}
	if n <= 0 || n > 1<<30 || m.canon != nil {
		return
	}
	from, ok := m.addr.address(va)
	// The end may belong to what follows: look at the last byte.
	to, ok2 := m.addr.address(va + n - 1)
	if ok && ok2 && to >= from {
		m.put(c, pos, width, uint64(to+1-from))
	}
}

// scanData predicts aligned 64-bit words that look like addresses.
func (m *Model) scanData(c *chunk) int {
	return c.entries(8, func(pos int) { m.address64(c, pos) })
}

// Relocations that hold an address in the addend.
const (
	relaSize        = 24
	relocAMD64      = 8
	relocAMD64Ifunc = 37
	relocARM64      = 1027
	relocARM64Ifunc = 1032
	symSize         = 24
)

// scanRela predicts r_offset, the symbol number and the addend of relocations.
func (m *Model) scanRela(c *chunk) int {
	syms := m.l.dynsym()
	return c.entries(relaSize, func(pos int) {
		m.address64(c, pos)
		info := le.Uint64(c.old[pos+8:])
		switch uint32(info) {
		case relocAMD64, relocAMD64Ifunc, relocARM64, relocARM64Ifunc:
			m.address64(c, pos+16)
			return
		}
		sym := int64(info >> 32)
		m.symbol(c, pos+12, sym, syms)
	})
}

// dynsym returns the table of dynamic symbols, or nil.
func (l *layout) dynsym() *region {
	if r := l.one(kindSymtab); r != nil && r.old.va != 0 {
		return r
	}
	return nil
}

// symbol predicts a 4-byte number of a symbol.
func (m *Model) symbol(c *chunk, pos int, sym int64, syms *region) {
	if sym != 0 && syms != nil && sym < syms.old.size/symSize {
		m.referOffset(c, pos, syms.old.off+sym*symSize, func(to int64) int64 { return (to - syms.new.off) / symSize })
	}
}

// scanHash predicts the symbol numbers in .hash and .gnu.hash. In the second
// they stand among hashes and a Bloom filter, words that are hardly ever as
// small; the four words in front are its sizes.
func (m *Model) scanHash(c *chunk) int {
	syms := m.l.dynsym()
	return c.entries(4, func(pos int) {
		if at := c.oldOff + int64(pos) - c.r.old.off; at >= 16 || at == 4 {
			m.symbol(c, pos, int64(le.Uint32(c.old[pos:])), syms)
		}
	})
}

// scanSymtab predicts st_name, st_value and st_size.
func (m *Model) scanSymtab(c *chunk) int {
	strs := m.l.stringsOf(c.r)
	return c.entries(symSize, func(pos int) {
		if strs != nil {
			name := int64(le.Uint32(c.old[pos:]))
			if name > 0 && name < strs.old.size {
				m.referOffset(c, pos, strs.old.off+name, func(to int64) int64 { return to - strs.new.off })
			}
		}
		if le.Uint16(c.old[pos+6:]) == 0 || c.old[pos+4]&15 == 6 { // undefined, thread-local
			return
		}
		va := int64(le.Uint64(c.old[pos+8:]))
		m.length(c, pos+16, 8, va)
		m.address64(c, pos+8)
	})
}

// stringsOf returns the string table that follows the symbol table r.
func (l *layout) stringsOf(r *region) *region {
	for i := range l.regions {
		s := &l.regions[i]
		if s.kind == kindStrtab && s.old.off >= r.old.off+r.old.size && (s.old.va != 0) == (r.old.va != 0) {
			return s
		}
	}
	return nil
}

// scanHeader predicts the entry point, the place of the section headers and
// the program headers.
func (m *Model) scanHeader(c *chunk) int {
	field := func(at int, f func(pos int)) {
		pos := at - int(c.oldOff)
		if pos >= 0 && pos+8 <= min(len(c.dst), len(c.old)) {
			f(pos)
		}
	}
	field(24, func(pos int) { m.address64(c, pos) })
	field(40, func(pos int) {
		if s := m.l.one(kindSections); s != nil && int64(le.Uint64(c.old[pos:])) == s.old.off {
			m.put(c, pos, 8, uint64(s.new.off))
		}
	})
	for at := elfHeaderSize; at+elfProgSize <= int(c.r.old.size); at += elfProgSize {
		field(at+8, func(pos int) { m.fileOffset(c, pos) })
		field(at+16, func(pos int) { m.address64(c, pos) })
		field(at+24, func(pos int) { m.address64(c, pos) })
	}
	return 0
}

// fileOffset predicts an 8-byte file offset.
func (m *Model) fileOffset(c *chunk, pos int) {
	off := int64(le.Uint64(c.old[pos:]))
	if off <= 0 || off > maxOffset {
		return
	}
	for i := range m.l.regions {
		if r := &m.l.regions[i]; r.old.off == off && r.new.size > 0 {
			m.put(c, pos, 8, uint64(r.new.off))
			return
		}
	}
	to, _ := m.addr.offset(off)
	m.put(c, pos, 8, uint64(to))
}

// scanSections predicts the address, offset and size of section headers.
func (m *Model) scanSections(c *chunk) int {
	return c.entries(elfSectionSize, func(pos int) {
		m.address64(c, pos+16)
		m.fileOffset(c, pos+24)
		off, size := int64(le.Uint64(c.old[pos+24:])), int64(le.Uint64(c.old[pos+32:]))
		for i := range m.l.regions {
			if r := &m.l.regions[i]; r.old.off == off && r.old.size == size {
				m.put(c, pos+32, 8, uint64(r.new.size))
				break
			}
		}
	})
}
