package predict

// ehState says whether the last chunk ended between known records.
type ehState struct{ synced bool }

const (
	ehMinRecord = 12
	ehMaxRecord = 1 << 16
)

// scanEhFrame predicts frame description entries (LSB, "Exception Frames"),
// in the usual encoding: 4 bytes relative to the field.
func (m *Model) scanEhFrame(c *chunk) int {
	pos := c.pos
	if c.oldOff+int64(pos) == c.r.old.off {
		m.eh.synced = true
	}
	for pos < c.end && pos+ehMinRecord <= len(c.old) {
		if !m.eh.synced {
			pos = int((c.oldOff+int64(pos)+3)&^3 - c.oldOff)
			if n := m.fde(c, pos); n == 0 || pos+n+16 <= len(c.old) && m.fde(c, pos+n) == 0 && le.Uint32(c.old[pos+n+4:]) != 0 {
				pos += 4
				continue
			}
			m.eh.synced = true
		}
		n := int(le.Uint32(c.old[pos:])) + 4
		if n < ehMinRecord || n > ehMaxRecord {
			m.eh.synced = false
			pos += 4
			continue
		}
		if m.fde(c, pos) != 0 {
			m.predictFDE(c, pos)
		}
		pos += n
	}
	return pos
}

// fde returns the length of the FDE at pos, or 0 if there is none: its CIE
// must lie before it and its code in a text region.
func (m *Model) fde(c *chunk, pos int) int {
	if pos < 0 || pos+16 > len(c.old) {
		return 0
	}
	n, cie := int(le.Uint32(c.old[pos:])), int64(le.Uint32(c.old[pos+4:]))
	if n < ehMinRecord || n > ehMaxRecord || cie == 0 || cie > c.oldOff+int64(pos)+4-c.r.old.off {
		return 0
	}
	r := m.l.atVA(c.oldVA + int64(pos+8) + int64(int32(le.Uint32(c.old[pos+8:]))))
	if r == nil || r.kind != kindText {
		return 0
	}
	return n + 4
}

func (m *Model) predictFDE(c *chunk, pos int) {
	at := c.oldOff + int64(pos) + 4
	m.referOffset(c, pos+4, at-int64(le.Uint32(c.old[pos+4:])), func(to int64) int64 { return c.newOff + int64(pos) + 4 - to })
	va := c.oldVA + int64(pos+8)
	begin := int64(int32(le.Uint32(c.old[pos+8:])))
	m.refer(c, pos+8, rel32, 0, c.newVA+int64(pos+8), va+begin)
	m.length(c, pos+12, 4, va+begin)
	if pos+21 <= len(c.old) && c.old[pos+16] == 4 { // a pointer to exception tables
		m.refer(c, pos+17, rel32, 0, c.newVA+int64(pos+17), va+9+int64(int32(le.Uint32(c.old[pos+17:]))))
	}
}

// scanEhHdr predicts the header's pointer and its table of pairs, relative to
// the header.
func (m *Model) scanEhHdr(c *chunk) int {
	return c.entries(4, func(pos int) {
		at := c.oldOff + int64(pos) - c.r.old.off
		v := int64(int32(le.Uint32(c.old[pos:])))
		switch at {
		case 0, 8:
		case 4:
			m.refer(c, pos, rel32, 0, c.newVA+int64(pos), c.oldVA+int64(pos)+v)
		default:
			m.refer(c, pos, rel32, 0, c.r.new.va, c.r.old.va+v)
		}
	})
}
