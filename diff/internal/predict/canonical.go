package predict

import (
	"bytes"
	"math"
	"sync"
)

// Canonical appends to dst a copy of file in which references are replaced by
// values that do not depend on where things lie, and reports whether there was
// anything to replace; dst is as it was where not. Matching canonical forms finds
// code that only moved as exact copies; their offsets hold for the files.
//
// A reference becomes a hash of the first bytes of its target, in which
// references are zero.
func Canonical(dst, file []byte) (_ []byte, ok bool) {
	l, ok := pair(file, file)
	if !ok || len(file) > math.MaxUint32 {
		return dst, false
	}
	z := takeCanonizer()
	defer z.free()
	z.file, z.l = file, l
	z.names = append(z.names[:0], file...)
	z.find()
	var code int64 // size of the main code
	for _, r := range l.regions {
		if r.kind == kindText {
			code = max(code, r.old.size)
		}
	}
	// What others are named after gets its canonical value first: symbols
	// their names, the linkage table the symbols, its stubs their slots.
	z.fill(z.names, func(r *region) bool { return r.kind == kindSymtab })
	z.fill(z.names, func(r *region) bool { return r.kind == kindRela })
	relocate(l, z.names, file)
	z.fill(z.names, func(r *region) bool { return r.kind == kindText && r.old.size < code/4 })
	n := len(dst)
	dst = append(dst, z.names...)
	z.fill(dst[n:], func(*region) bool { return true })
	relocate(l, dst[n:], file)
	return dst, true
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

// canonizer finds the references of a file once, for a model reads code no faster
// than it predicts, and then gives them values as often as it takes.
type canonizer struct {
	l    *layout
	file []byte
	// names is the file with zeros for references, from which names are made.
	names  []byte
	blocks []*fieldBlock // full but for the last one
	count  int           // of fields
	ends   []int         // for each region, the number of fields up to its end
}

// field is a reference: where it stands in the file, its form, and what it refers
// to, as a region and an offset in the file.
type field struct {
	pos, to uint32
	what    uint32 // the number of the region, and in the low bits the form
}

const formBits = 4

// fieldBlock is a part of a list that grows without being copied.
type fieldBlock [1 << 14]field

var fieldBlocks = sync.Pool{New: func() any { return new(fieldBlock) }}

var canonizers = sync.Pool{New: func() any { return new(canonizer) }}

func takeCanonizer() *canonizer { return canonizers.Get().(*canonizer) }

// free gives the memory of the canonizer back, if it is not much.
func (z *canonizer) free() {
	for _, b := range z.blocks {
		fieldBlocks.Put(b)
	}
	if len(z.names) <= canonizerMost {
		*z = canonizer{names: z.names, blocks: z.blocks[:0], ends: z.ends[:0]}
		canonizers.Put(z)
	}
}

// canonizerMost is the length of the longest file of which memory is kept.
const canonizerMost = 16 << 20

// find notes the fields of all regions, and makes them zero in names.
func (z *canonizer) find() {
	m := &Model{l: z.l, canon: z, oldEnd: -1}
	for i := range z.l.regions {
		r := &z.l.regions[i]
		end := min(r.old.off+r.old.size, int64(len(z.file)))
		if r.kind != kindBSS && r.kind != kindHeader && r.kind != kindSections && r.old.off < end {
			m.Predict(z.names[r.old.off:end], z.file[r.old.off:end], r.old.off, r.old.off)
		}
		z.ends = append(z.ends, z.count)
	}
}

// note adds a field that stands in a chunk and refers to a file offset. Of sound
// files there are no more of them than a quarter of the bytes; of a file whose
// regions overlap those beyond stay zero.
func (z *canonizer) note(c *chunk, pos int, f form, r *region, to int64) {
	if z.count >= len(z.file)/4 {
		return
	}
	i := z.count % len(fieldBlock{})
	if i == 0 {
		z.blocks = append(z.blocks, fieldBlocks.Get().(*fieldBlock))
	}
	z.blocks[len(z.blocks)-1][i] = field{uint32(c.oldOff) + uint32(pos), uint32(min(to, math.MaxUint32)), uint32(r.number)<<formBits | uint32(f)}
	z.count++
}

// refer makes a field zero that refers to an address, and notes it.
func (z *canonizer) refer(m *Model, c *chunk, pos int, f form, from int64) bool {
	r := m.l.atVA(from)
	if r == nil || pos+f.size() > len(c.dst) {
		return false
	}
	v := uint64(0)
	if f > abs32 {
		v = uint64(f.fixedBits(le.Uint32(c.old[pos:])))
	}
	m.put(c, pos, f.size(), v)
	if r.kind != kindBSS {
		z.note(c, pos, f, r, r.old.off+from-r.old.va)
	}
	return true
}

// referOffset is refer for a field of four bytes that stands for a file offset.
func (z *canonizer) referOffset(m *Model, c *chunk, pos int, off int64) {
	if pos+4 > len(c.dst) {
		return
	}
	m.put(c, pos, 4, 0)
	if r, _ := m.l.atOff(off); r != nil {
		z.note(c, pos, rel32, r, off)
	}
}

// fill gives the fields of the chosen regions their values, in out.
func (z *canonizer) fill(out []byte, chosen func(*region) bool) {
	from := 0
	for i, end := range z.ends {
		if from < end && chosen(&z.l.regions[i]) {
			for k := from; k < end; k++ {
				z.put(out, z.blocks[k/len(fieldBlock{})][k%len(fieldBlock{})])
			}
		}
		from = end
	}
}

// put gives a field its value.
func (z *canonizer) put(out []byte, d field) {
	v, f := z.name(&z.l.regions[d.what>>formBits], int64(d.to)), form(d.what&(1<<formBits-1))
	switch at := out[d.pos:]; f {
	case abs64:
		le.PutUint64(at, uint64(v))
	case rel32, abs32:
		le.PutUint32(at, v)
	default:
		le.PutUint32(at, f.fixedBits(le.Uint32(z.file[d.pos:]))|v&^f.fixedBits(^uint32(0)))
	}
}

// How many bytes of what a reference goes to make its name.
const (
	nameText   = 32
	nameType   = 24 // up to its hash and kind
	nameData   = 16
	nameString = 256
)

// name is the canonical value for what lies at a file offset, in a region.
func (z *canonizer) name(r *region, off int64) uint32 {
	end := min(int64(len(z.names)), r.old.off+r.old.size)
	if off < 0 || off >= end {
		return 0
	}
	b := z.names[off:end]
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
