package predict

// scanFunctab predicts pairs of a function's entry, from the start of the
// code, and the offset of its record, from the start of this table.
func (m *Model) scanFunctab(c *chunk) int {
	text, funcs := m.l.one(kindText), m.l.one(kindFuncs)
	return c.entries(4, func(pos int) {
		if (c.oldOff+int64(pos)-c.r.old.off)%8 == 0 {
			m.offset32(c, pos, text)
			return
		}
		if v := int64(le.Uint32(c.old[pos:])); funcs != nil {
			m.refer(c, pos, rel32, 0, c.r.new.va, c.r.old.va+v)
		}
	})
}

// Fields of a _func record (runtime/runtime2.go, Go 1.20 and newer).
const (
	funcEntry     = 0
	funcName      = 4
	funcDefer     = 12
	funcPcsp      = 16
	funcPcfile    = 20
	funcPcln      = 24
	funcNpcdata   = 28
	funcCU        = 32
	funcID        = 40
	funcNfuncdata = 43
	funcFixed     = 44
	maxPcdata     = 8
	maxFuncdata   = 12
	maxFuncID     = 64
)

// funcSize returns the size of the record at pos, or 0 if it looks like none.
func (m *Model) funcSize(c *chunk, pos int, text, names *region) int {
	if pos+funcFixed > len(c.old) {
		return 0
	}
	b := c.old[pos:]
	np, nf := le.Uint32(b[funcNpcdata:]), b[funcNfuncdata]
	if np > maxPcdata || nf > maxFuncdata || b[funcID] > maxFuncID || b[funcNfuncdata-1] != 0 ||
		int64(le.Uint32(b[funcEntry:])) >= text.old.size || int64(le.Uint32(b[funcName:])) >= names.old.size {
		return 0
	}
	return (funcFixed + 4*int(np) + 4*int(nf) + 7) &^ 7
}

// scanFuncs predicts _func records.
func (m *Model) scanFuncs(c *chunk) int {
	text, names := m.l.one(kindText), m.l.one(kindFuncname)
	pctab, cutab, data := m.l.one(kindPctab), m.l.one(kindCutab), m.l.one(kindFuncdata)
	if text == nil || names == nil {
		return 0
	}
	pos := c.align(c.pos, 8)
	for pos < c.end {
		n := m.funcSize(c, pos, text, names)
		if n == 0 {
			pos += 8
			continue
		}
		b := c.old[pos:]
		m.offset32(c, pos+funcEntry, text)
		m.offset32(c, pos+funcName, names)
		for at := funcPcsp; at <= funcPcln; at += 4 {
			m.nonzero32(c, pos+at, pctab)
		}
		if cutab != nil {
			m.cuOffset(c, pos+funcCU, cutab)
		}
		np, nf := int(le.Uint32(b[funcNpcdata:])), int(b[funcNfuncdata])
		at := pos + funcFixed
		for range np {
			if at+4 <= len(c.old) {
				m.nonzero32(c, at, pctab)
			}
			at += 4
		}
		for range nf {
			if at+4 <= len(c.old) && le.Uint32(c.old[at:]) != 1<<32-1 {
				m.offset32(c, at, data)
			}
			at += 4
		}
		pos += n
	}
	return pos
}

// nonzero32 is offset32 for fields in which 0 says that there is nothing.
func (m *Model) nonzero32(c *chunk, pos int, base *region) {
	if le.Uint32(c.old[pos:]) != 0 {
		m.offset32(c, pos, base)
	}
}

// cuOffset predicts an index into the table of file name offsets.
func (m *Model) cuOffset(c *chunk, pos int, cutab *region) {
	v := int64(le.Uint32(c.old[pos:]))
	if v*4 >= cutab.old.size {
		return
	}
	m.referOffset(c, pos, cutab.old.off+v*4, func(to int64) int64 { return (to - cutab.new.off) / 4 })
}

// scanOffsets predicts a table of 4-byte offsets from the start of base.
func (m *Model) scanOffsets(c *chunk, base *region) int {
	return c.entries(4, func(pos int) { m.offset32(c, pos, base) })
}

// Fields of an inlined call (runtime/symtabinl.go, Go 1.20 and newer).
const (
	inlSize      = 16
	inlName      = 4
	inlParentPC  = 8
	inlStartLine = 12
	maxFuncBytes = 1 << 24
	maxLine      = 1 << 20
)

// Fields of a variable on the stack (runtime/stack.go, stackObjectRecord).
const (
	stackSize   = 4
	stackPtrs   = 8
	stackMask   = 12
	maxStackVar = 1 << 24
)

// scanFuncdata predicts the names in trees of inlined calls and the pointer
// masks of stack variables. Nothing marks these records among the other data,
// so one must look like it. Both kinds have 16 bytes.
func (m *Model) scanFuncdata(c *chunk) int {
	names, masks := m.l.one(kindFuncname), m.l.one(kindTypes)
	if names == nil {
		return 0
	}
	pos := c.align(c.pos, 4)
	for pos < c.end && pos+inlSize <= len(c.old) {
		b := c.old[pos : pos+inlSize]
		switch {
		case isInlined(b, names):
			m.offset32(c, pos+inlName, names)
		case masks != nil && isStackVar(b, masks):
			m.offset32(c, pos+stackMask, masks)
		default:
			pos += 4
			continue
		}
		pos += inlSize
	}
	return pos
}

func isInlined(b []byte, names *region) bool {
	name := int64(le.Uint32(b[inlName:]))
	return b[0] <= maxFuncID && b[1]|b[2]|b[3] == 0 && name != 0 && name < names.old.size &&
		le.Uint32(b[inlParentPC:]) < maxFuncBytes && le.Uint32(b[inlStartLine:])-1 < maxLine
}

func isStackVar(b []byte, masks *region) bool {
	off, size, ptrs := int32(le.Uint32(b)), le.Uint32(b[stackSize:]), le.Uint32(b[stackPtrs:])
	mask := int64(le.Uint32(b[stackMask:]))
	return off > -maxStackVar && off < maxStackVar && size < maxStackVar && ptrs > 0 && ptrs <= size && ptrs%8 == 0 &&
		mask >= minMask && mask < masks.old.size
}

// minMask is below every offset of a pointer mask: type descriptors come first.
const minMask = 1 << 12
