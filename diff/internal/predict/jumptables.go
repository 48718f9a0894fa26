package predict

// jumpState knows where jump tables may begin: at places in read-only data
// whose address some instruction computes.
type jumpState struct {
	marks []uint64 // a bit for each 4 bytes
	base  int64    // old address of the current table, 0 if none
	now   int64    // its new address
}

// maxMarks bounds the memory; larger sections share bits.
const maxMarks = 1 << 24

// mark notes that code refers to va.
func (j *jumpState) mark(l *layout, va int64) {
	r := l.one(kindRodata)
	if r == nil || va&3 != 0 || va < r.old.va || va >= r.old.va+r.old.size {
		return
	}
	if j.marks == nil {
		j.marks = make([]uint64, min(r.old.size/4, maxMarks)/64+1)
	}
	i := uint64(va-r.old.va) / 4 % uint64(64*len(j.marks))
	j.marks[i/64] |= 1 << (i % 64)
}

func (j *jumpState) marked(r *region, va int64) bool {
	if j.marks == nil {
		return false
	}
	i := uint64(va-r.old.va) / 4 % uint64(64*len(j.marks))
	return j.marks[i/64]>>(i%64)&1 != 0
}

// scanRodata predicts the 32-bit entries of jump tables, which count from the
// table, and in programs linked at a fixed address also 64-bit addresses.
func (m *Model) scanRodata(c *chunk) int {
	if c.r != m.l.one(kindRodata) {
		return 0
	}
	pos := c.pos + int(-(c.oldVA+int64(c.pos))&3)
	j := &m.jump
	for ; pos < c.end && pos+4 <= len(c.old); pos += 4 {
		va := c.oldVA + int64(pos)
		if j.marked(c.r, va) {
			j.base = va
			j.now = c.newVA + int64(pos)
		}
		if j.base != 0 {
			to := j.base + int64(int32(le.Uint32(c.old[pos:])))
			if r := m.l.atVA(to); r != nil && r.kind == kindText {
				m.refer(c, pos, rel32, 0, j.now, to)
				continue
			}
			j.base = 0
		}
		if m.l.fixed && va&7 == 0 && pos+8 <= len(c.old) {
			m.address64(c, pos)
		}
	}
	return pos
}
