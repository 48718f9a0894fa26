package predict

import "encoding/binary"

// Model predicts the bytes of one new file from copies out of one old file.
type Model struct {
	l    *layout
	addr *remap

	// The end of the chunk before, and what of it reaches into the next one.
	oldEnd, newEnd int64
	carry          int    // bytes that belong to an instruction or record begun before
	spill          []byte // predicted bytes behind the chunk
	spilt          []bool

	refs   []ref  // references of the last chunk, to learn from
	last   []byte // its prediction
	newOff int64

	canon *canonizer // takes the references instead of predicting them, if not nil

	arm   armState
	eh    ehState
	types typeState
	jump  jumpState
	funcs funcIndex
}

// ref is one reference whose actual value will tell where target went.
type ref struct {
	pos    int32 // in the chunk
	form   form
	check  int8  // bytes before pos that must be as predicted
	base   int64 // what the field is relative to, in the new file
	target int64 // old address
}

// New makes a model from params and the copies of this old file. Params may be
// hostile: they cost bounded memory and give an error or useless predictions.
func New(params []byte, ops []Op) (*Model, error) {
	l, err := parseLayout(params)
	if err != nil {
		return nil, err
	}
	for _, o := range ops {
		if o.New < 0 || o.Old < 0 || o.Len < 0 || o.New > maxOffset || o.Old > maxOffset || o.Len > maxOffset {
			return nil, errParams
		}
	}
	m := &Model{l: l, addr: newRemap(l, ops), oldEnd: -1}
	m.spill, m.spilt = make([]byte, 2*Lookahead), make([]bool, 2*Lookahead)
	return m, nil
}

// chunk is the part of one Predict call that lies in one region.
type chunk struct {
	dst []byte // the whole chunk's prediction
	old []byte // its old bytes and the lookahead, up to the region's end
	pos int    // where the next instruction or record begins
	end int    // where the part ends

	oldOff, newOff int64 // of dst[0]
	oldVA, newVA   int64 // of dst[0], if both have addresses
	r              *region
}

// Predict fills dst with what the new file probably has at newOff, where a
// copy puts the old bytes from oldOff on. The first len(dst) bytes of old are
// those of the chunk; up to [Lookahead] more may follow if the copy goes on,
// and must follow on both sides alike. The model keeps dst until Update.
func (m *Model) Predict(dst, old []byte, oldOff, newOff int64) {
	n := copy(dst, old)
	m.refs, m.last, m.newOff = m.refs[:0], dst, newOff
	if n < len(dst) || oldOff < 0 || newOff < 0 || oldOff > maxOffset || newOff > maxOffset {
		m.oldEnd = -1
		return
	}
	m.resume(dst, oldOff, newOff)
	old = old[:min(len(old), n+Lookahead)]
	for pos := 0; pos < n; {
		r, next := m.l.atOff(oldOff + int64(pos))
		if r != nil {
			next = min(next, r.old.off+r.old.size)
		}
		end := int(min(int64(n), next-oldOff))
		if r == nil {
			pos, m.carry = end, 0
			continue
		}
		c := chunk{
			dst: dst, old: old[:min(int64(len(old)), next-oldOff)], pos: pos + m.carry, end: end,
			oldOff: oldOff, newOff: newOff, r: r,
		}
		m.carry = 0
		if va, ok := m.l.newVA(newOff + int64(pos)); ok && r.old.va != 0 {
			c.newVA = va - int64(pos)
			c.oldVA = r.old.va + oldOff - r.old.off
		}
		if at := m.scan(&c); at > end && end == n {
			m.carry = at - end
		}
		pos = end
	}
}

// resume continues where the chunk before ended, or starts afresh.
func (m *Model) resume(dst []byte, oldOff, newOff int64) {
	if oldOff != m.oldEnd || newOff != m.newEnd {
		m.carry = 0
		clear(m.spilt)
		m.arm = armState{}
		m.eh = ehState{}
		m.types = typeState{}
		m.jump.base = 0
	}
	m.oldEnd, m.newEnd = oldOff+int64(len(dst)), newOff+int64(len(dst))
	for i, ok := range m.spilt {
		if ok && i < len(dst) {
			dst[i] = m.spill[i]
		}
	}
	if len(dst) < len(m.spilt) {
		copy(m.spill, m.spill[len(dst):])
		copy(m.spilt, m.spilt[len(dst):])
		clear(m.spilt[len(m.spilt)-len(dst):])
	} else {
		clear(m.spilt)
	}
}

// scan predicts one part and returns where the first record begins that does
// not begin in it.
func (m *Model) scan(c *chunk) int {
	switch c.r.kind {
	case kindText:
		if c.newVA == 0 {
			return 0
		}
		if m.l.machine == arm64 {
			return m.scanARM64(c)
		}
		return m.scanAMD64(c)
	case kindData:
		return m.scanData(c)
	case kindRodata:
		return m.scanRodata(c)
	case kindRela:
		return m.scanRela(c)
	case kindSymtab:
		return m.scanSymtab(c)
	case kindHash:
		return m.scanHash(c)
	case kindHeader:
		return m.scanHeader(c)
	case kindSections:
		return m.scanSections(c)
	case kindEhFrame:
		return m.scanEhFrame(c)
	case kindEhHdr:
		return m.scanEhHdr(c)
	case kindFunctab:
		return m.scanFunctab(c)
	case kindFuncs:
		return m.scanFuncs(c)
	case kindCutab:
		return m.scanOffsets(c, m.l.one(kindFiletab))
	case kindFindfunc:
		return m.scanFindfunc(c)
	case kindTypelink:
		return m.scanOffsets(c, m.l.one(kindTypes))
	case kindTypes:
		return m.scanTypes(c)
	case kindFuncdata:
		return m.scanFuncdata(c)
	}
	return 0
}

// put writes the size lower bytes of v at pos, some of them perhaps behind
// the chunk.
func (m *Model) put(c *chunk, pos, size int, v uint64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], v)
	n := 0
	if pos < len(c.dst) {
		n = copy(c.dst[pos:], b[:size])
	}
	for i := n; i < size; i++ {
		if at := pos + i - len(c.dst); at < len(m.spill) {
			m.spill[at], m.spilt[at] = b[i], true
		}
	}
}

// refer predicts the field of the given form at pos, which refers to the old
// address from. It reports whether that is one.
func (m *Model) refer(c *chunk, pos int, f form, check int8, base, from int64) bool {
	if m.canon != nil {
		return m.canon.refer(m, c, pos, f, from)
	}
	to, ok := m.addr.address(from)
	if !ok {
		return false
	}
	size, word := f.size(), uint32(0)
	if f >= armBranch26 {
		word = le.Uint32(c.old[pos:])
	}
	m.put(c, pos, size, f.encode(word, base, to))
	if pos+size <= len(c.dst) {
		m.refs = append(m.refs, ref{int32(pos), f, check, base, from})
	}
	return true
}

// referOffset predicts a 4-byte field that stands for the old file offset off.
// The field's value is computed from the new offset.
func (m *Model) referOffset(c *chunk, pos int, off int64, value func(to int64) int64) {
	if m.canon != nil {
		m.canon.referOffset(m, c, pos, off)
		return
	}
	if to, ok := m.addr.offset(off); ok {
		m.put(c, pos, 4, uint64(value(to)))
	}
}

// Update tells the model the actual bytes of the chunk predicted last.
// Without it the model does not learn from that chunk, which is allowed.
func (m *Model) Update(actual []byte) {
	if len(actual) != len(m.last) {
		return
	}
	m.funcs.see(m.l, m.newOff, actual)
	for i := range m.refs {
		r := &m.refs[i]
		p := int(r.pos)
		if p < int(r.check) || string(actual[p-int(r.check):p]) != string(m.last[p-int(r.check):p]) {
			continue
		}
		to, ok := m.actualTarget(r, actual[p:], m.last[p:])
		if ok && to > 0 && to <= maxOffset {
			m.addr.learn(r.target, to)
		}
	}
	m.refs, m.last = m.refs[:0], nil
}
