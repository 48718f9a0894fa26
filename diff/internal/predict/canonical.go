package predict

import (
	"bytes"
	"slices"
)

// Canonical returns a copy of file, of the same length, in which references
// are replaced by values that do not depend on where things lie, or file
// itself where there is nothing to replace. Matching canonical forms finds
// code that only moved as exact copies; their offsets hold for the files.
//
// A reference becomes a hash of the first bytes of its target, in which
// references are zero.
func Canonical(file []byte) []byte {
	l, ok := pair(file, file)
	if !ok {
		return file
	}
	z := &canonizer{}
	z.masked = z.apply(l, file)
	var code int64 // size of the main code
	for _, r := range l.regions {
		if r.kind == kindText {
			code = max(code, r.old.size)
		}
	}
	// What others are named after gets its canonical value first: symbols
	// their names, the linkage table the symbols, its stubs their slots.
	m := &Model{l: l, canon: z, oldEnd: -1}
	z.each(m, z.masked, file, func(r *region) bool { return r.kind == kindSymtab })
	z.each(m, z.masked, file, func(r *region) bool { return r.kind == kindRela })
	relocate(l, z.masked, file)
	z.each(m, z.masked, file, func(r *region) bool { return r.kind == kindText && r.old.size < code/4 })
	out := z.apply(l, file)
	relocate(l, out, file)
	return out
}

// relocate lets the words that the dynamic linker will fill tell what with:
// the names of a relocation's symbol and addend.
func relocate(l *layout, out, file []byte) {
	for i := range l.regions {
		if r := &l.regions[i]; r.kind == kindRela && r.old.off+r.old.size <= int64(len(file)) {
			relocateBy(l, out, file, r)
		}
	}
}

func relocateBy(l *layout, out, file []byte, r *region) {
	for off := r.old.off; off+relaSize <= r.old.off+r.old.size; off += relaSize {
		va := le.Uint64(file[off:])
		if va > maxOffset {
			continue
		}
		t := l.atVA(int64(va))
		if t == nil || t.kind != kindData {
			continue
		}
		to := t.old.off + int64(va) - t.old.va
		if sum := le.Uint32(out[off+12:])*31 + le.Uint32(out[off+16:]); to+8 <= int64(len(out)) {
			le.PutUint32(out[to:], sum)
			le.PutUint32(out[to+4:], 0)
		}
	}
}

// canonizer replaces predictions by canonical values: zero if masked is nil.
type canonizer struct{ masked []byte }

func (z *canonizer) apply(l *layout, file []byte) []byte {
	out := slices.Clone(file)
	m := &Model{l: l, canon: z, oldEnd: -1}
	z.each(m, out, file, func(r *region) bool {
		return r.kind != kindBSS && r.kind != kindHeader && r.kind != kindSections
	})
	return out
}

// each replaces the references in the chosen regions of out.
func (z *canonizer) each(m *Model, out, file []byte, chosen func(*region) bool) {
	for i := range m.l.regions {
		r := &m.l.regions[i]
		if end := min(r.old.off+r.old.size, int64(len(file))); chosen(r) && r.old.off < end {
			m.Predict(out[r.old.off:end], file[r.old.off:end], r.old.off, r.old.off)
		}
	}
}

// refer writes the canonical value of a field that refers to an address.
func (z *canonizer) refer(m *Model, c *chunk, pos int, f form, from int64) bool {
	r := m.l.atVA(from)
	if r == nil || pos+f.size() > len(c.dst) {
		return false
	}
	v := uint32(0)
	if r.kind != kindBSS {
		v = z.nameIn(r, r.old.off+from-r.old.va)
	}
	switch f {
	case rel32, abs32, abs64:
		m.put(c, pos, f.size(), uint64(v))
		return true
	}
	w := le.Uint32(c.old[pos:])
	m.put(c, pos, 4, uint64(f.fixedBits(w)|v&^f.fixedBits(^uint32(0))))
	return true
}

// name is the canonical value for what lies at a file offset.
func (z *canonizer) name(l *layout, off int64) uint32 {
	if r, _ := l.atOff(off); r != nil {
		return z.nameIn(r, off)
	}
	return 0
}

const (
	nameText   = 32
	nameType   = 24 // up to its hash and kind
	nameData   = 16
	nameString = 256
)

func (z *canonizer) nameIn(r *region, off int64) uint32 {
	if z.masked == nil {
		return 0
	}
	end := min(int64(len(z.masked)), r.old.off+r.old.size)
	if off < 0 || off >= end {
		return 0
	}
	b := z.masked[off:end]
	switch r.kind {
	case kindText:
		b = b[:min(len(b), nameText)]
	case kindFuncname, kindFiletab, kindStrtab, kindPctab:
		b = b[:min(len(b), nameString)]
		if i := bytes.IndexByte(b, 0); i >= 0 {
			b = b[:i]
		}
	case kindSymtab:
		// Its name is a canonical value already.
		b = b[:min(len(b), 8)]
	case kindTypes:
		if len(b) >= nameType && b[typeKind]&kindMask-1 < goLastKind && b[typeAlign] == b[typeField] {
			b = b[:nameType]
		} else {
			b = b[:min(len(b), nameData)]
		}
	default:
		b = b[:min(len(b), nameData)]
	}
	h := uint64(14695981039346656037)
	for len(b) >= 8 {
		h = (h ^ le.Uint64(b)) * 0x9e3779b97f4a7c15
		h ^= h >> 32
		b = b[8:]
	}
	for _, x := range b {
		h = (h ^ uint64(x)) * 0x9e3779b97f4a7c15
	}
	return uint32(h >> 32)
}
