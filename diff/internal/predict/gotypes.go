package predict

// typeState remembers arrays of methods that a type announced, which may
// begin in a later chunk: old file offsets.
type typeState struct {
	uncommon              int64
	methods, methodsEnd   int64 // of a concrete type
	imethods, imethodsEnd int64 // of an interface
}

// Type descriptors (internal/abi/type.go). The words of 8 bytes are addresses
// or numbers; only the 4-byte fields need to be known by their place.
const (
	typeSize    = 48
	typeTflag   = 20
	typeAlign   = 21
	typeField   = 22
	typeKind    = 23
	typeEqual   = 24
	typeGCData  = 32
	typeStr     = 40
	typePtrTo   = 44
	kindMask    = 31
	goArray     = 17
	goChan      = 18
	goFunc      = 19
	goInterface = 20
	goMap       = 21
	goPointer   = 22
	goSlice     = 23
	goStruct    = 25
	goLastKind  = 26

	uncommonSize = 16
	methodSize   = 16
	imethodSize  = 8
)

// extra is the size of a descriptor behind its common part.
func extra(kind byte, mapSize int) int {
	switch kind {
	case goArray:
		return 24
	case goChan:
		return 16
	case goFunc, goPointer, goSlice:
		return 8
	case goInterface, goStruct:
		return 32
	case goMap:
		return mapSize
	}
	return 0
}

// isType reports whether a descriptor seems to begin at the start of b.
func (m *Model) isType(b []byte, types *region) bool {
	if len(b) < typeSize {
		return false
	}
	size, ptrs := le.Uint64(b), le.Uint64(b[8:])
	k, align := b[typeKind]&kindMask, b[typeAlign]
	if size > 1<<40 || ptrs > size || k == 0 || k > goLastKind || align == 0 || align > 64 || align&(align-1) != 0 ||
		b[typeField] != align || b[typeTflag] >= 64 {
		return false
	}
	in := func(v uint64) bool { return v == 0 || v <= maxOffset && m.l.atVA(int64(v)) != nil }
	return in(le.Uint64(b[typeEqual:])) && in(le.Uint64(b[typeGCData:])) &&
		int64(le.Uint32(b[typeStr:])) < types.old.size && int64(le.Uint32(b[typePtrTo:])) < types.old.size
}

// scanTypes predicts type descriptors and the addresses among other read-only
// data of a Go program.
func (m *Model) scanTypes(c *chunk) int {
	types := m.l.one(kindTypes)
	text := m.l.one(kindText)
	if text == nil {
		return m.scanData(c)
	}
	st := &m.types
	pos := c.align(c.pos, 8)
	for pos < c.end && pos+8 <= len(c.old) {
		at := c.oldOff + int64(pos)
		switch {
		case at >= st.methods && at < st.methodsEnd:
			m.method(c, pos, types, text)
			pos += 8
			continue
		case at >= st.imethods && at < st.imethodsEnd:
			m.nonzero32(c, pos, types)
			m.nonzero32(c, pos+4, types)
			pos += 8
			continue
		}
		if b := c.old[pos:]; m.isType(b, types) {
			m.announce(b, at, types)
			m.address64(c, pos+typeEqual)
			m.address64(c, pos+typeGCData)
			m.nonzero32(c, pos+typeStr, types)
			m.nonzero32(c, pos+typePtrTo, types)
			pos += typeSize
			continue
		}
		if at == st.uncommon {
			m.nonzero32(c, pos, types)
			n := int64(le.Uint16(c.old[pos+4:]))
			if pos+uncommonSize <= len(c.old) {
				st.methods = at + int64(le.Uint32(c.old[pos+8:]))
				st.methodsEnd = st.methods + n*methodSize
			}
			pos += uncommonSize
			continue
		}
		m.address64(c, pos)
		pos += 8
	}
	return pos
}

// announce notes what follows the descriptor at the old offset at.
func (m *Model) announce(b []byte, at int64, types *region) {
	k := b[typeKind] & kindMask
	size := extra(k, 64)
	if b[typeTflag]&1 != 0 {
		m.types.uncommon = at + typeSize + int64(size)
	}
	if k == goInterface && len(b) >= typeSize+24 {
		va, n := int64(le.Uint64(b[typeSize+8:])), int64(le.Uint64(b[typeSize+16:]))
		if off := va - types.old.va + types.old.off; off > at && n > 0 && n < 1<<16 {
			m.types.imethods, m.types.imethodsEnd = off, off+n*imethodSize
		}
	}
}

// method predicts half of a method: its name and type, or its two entries.
func (m *Model) method(c *chunk, pos int, types, text *region) {
	base := types
	if (c.oldOff+int64(pos)-m.types.methods)%methodSize != 0 {
		base = text
	}
	for _, p := range []int{pos, pos + 4} {
		if le.Uint32(c.old[p:]) != 1<<32-1 {
			m.nonzero32(c, p, base)
		}
	}
}
