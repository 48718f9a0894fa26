package predict

import (
	"cmp"
	"container/heap"
	"slices"
)

// remap follows old addresses and offsets to their new places. It knows the
// copies from the start and learns from the references that the decoder has
// seen.
type remap struct {
	l     *layout
	ops   []Op    // parts of the copies, disjoint and sorted by Old
	page  []int32 // the first op that ends behind the start of a page of old bytes
	shift uint    // log2 of the size of a page

	seen []label // direct-mapped: targets whose new place was seen
	near []label // the same for blocks of addresses of two sizes, for targets not seen
}

// label is an old address and how far it moved.
type label struct{ from, delta int64 }

const (
	minSeen = 1 << 10
	maxSeen = 1 << 18
	minPage = 10
	maxPage = 1 << 20
)

func newRemap(l *layout, ops []Op) *remap {
	m := &remap{l: l, ops: flatten(ops)}
	var end int64
	for _, r := range l.regions {
		end = max(end, r.old.off+r.fileSize(r.old))
	}
	if n := len(m.ops); n > 0 {
		end = max(end, m.ops[n-1].Old+m.ops[n-1].Len)
	}
	for m.shift = minPage; end>>m.shift >= maxPage; {
		m.shift++
	}
	m.page = make([]int32, end>>m.shift+2)
	j := 0
	for i := range m.page {
		for j < len(m.ops) && m.ops[j].Old+m.ops[j].Len <= int64(i)<<m.shift {
			j++
		}
		m.page[i] = int32(j)
	}
	n := int64(minSeen)
	for n < maxSeen && n < end/32 {
		n *= 2
	}
	m.seen, m.near = make([]label, n), make([]label, n)
	return m
}

// flatten makes ops disjoint in the old file. Where several copy the same old
// bytes the longest decides.
func flatten(ops []Op) []Op {
	sorted := slices.Clone(ops)
	slices.SortStableFunc(sorted, func(a, b Op) int { return cmp.Compare(a.Old, b.Old) })
	var out []Op
	var open longest
	var at int64
	for len(sorted) > 0 || len(open) > 0 {
		if len(open) == 0 {
			at = sorted[0].Old
		}
		for len(sorted) > 0 && sorted[0].Old <= at {
			heap.Push(&open, sorted[0])
			sorted = sorted[1:]
		}
		top := open[0]
		end := top.Old + top.Len
		if end <= at {
			heap.Pop(&open)
			continue
		}
		if len(sorted) > 0 {
			end = min(end, sorted[0].Old)
		}
		to := top.New + at - top.Old
		if n := len(out); n > 0 && out[n-1].Old+out[n-1].Len == at && out[n-1].New+out[n-1].Len == to {
			out[n-1].Len += end - at
		} else {
			out = append(out, Op{New: to, Old: at, Len: end - at})
		}
		at = end
	}
	return out
}

// longest is a heap of copies with the longest on top.
type longest []Op

func (h longest) Len() int { return len(h) }
func (h longest) Less(i, j int) bool {
	if h[i].Len != h[j].Len {
		return h[i].Len > h[j].Len
	}
	return h[i].New < h[j].New
}
func (h longest) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *longest) Push(x any)   { *h = append(*h, x.(Op)) }
func (h *longest) Pop() any {
	x := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return x
}

// offset maps an old file offset. Behind or between copies the nearest one
// decides; exact says that a copy holds it.
func (m *remap) offset(off int64) (to int64, exact bool) {
	if off < 0 || len(m.ops) == 0 {
		return off, false
	}
	// The first op that ends behind off.
	j := len(m.ops)
	if i := off >> m.shift; i+1 < int64(len(m.page)) {
		lo, hi := int(m.page[i]), int(m.page[i+1])
		for lo < hi {
			mid := int(uint(lo+hi) >> 1)
			if m.ops[mid].Old+m.ops[mid].Len > off {
				hi = mid
			} else {
				lo = mid + 1
			}
		}
		j = lo
	}
	if j < len(m.ops) && m.ops[j].Old <= off {
		return m.ops[j].New + off - m.ops[j].Old, true
	}
	// In a gap. What stands before it moved by one distance, what follows by another.
	if j == 0 || j < len(m.ops) && m.ops[j].Old-off < off-(m.ops[j-1].Old+m.ops[j-1].Len) {
		return m.ops[j].New + off - m.ops[j].Old, false
	}
	return m.ops[j-1].New + off - m.ops[j-1].Old, false
}

func (m *remap) slot(va int64) *label {
	return &m.seen[(uint64(va)*0x9e3779b97f4a7c15>>40)&uint64(len(m.seen)-1)]
}

// Blocks of addresses that probably move together, as powers of two.
const (
	nearBits = 6
	farBits  = 12
)

func (m *remap) block(va int64, bits uint) *label {
	h := uint64(va>>bits)*0x9e3779b97f4a7c15 + uint64(bits)
	return &m.near[h>>40&uint64(len(m.near)-1)]
}

// neighbour maps an address like one that was seen near it.
func (m *remap) neighbour(va int64) (int64, bool) {
	for _, bits := range [...]uint{nearBits, farBits} {
		if b := m.block(va, bits); b.from == va>>bits {
			return va + b.delta, true
		}
	}
	return 0, false
}

// address maps an old address, or returns false where it is none.
func (m *remap) address(va int64) (int64, bool) {
	r := m.l.atVA(va)
	if r == nil {
		return va, false
	}
	if s := m.slot(va); s.from == va {
		return va + s.delta, true
	}
	return m.inRegion(r, va), true
}

// inRegion maps an address that was not seen before.
func (m *remap) inRegion(r *region, va int64) int64 {
	d := va - r.old.va
	if d == r.old.size {
		return r.new.va + r.new.size
	}
	if r.kind != kindBSS {
		off, exact := m.offset(r.old.off + d)
		to, ok := m.l.newVA(off)
		if ok && exact {
			return to
		}
		if b := m.block(va, nearBits); b.from == va>>nearBits {
			return va + b.delta
		} else if ok {
			return to
		}
	} else if near, seen := m.neighbour(va); seen {
		return near
	}
	return r.new.va + d
}

// learn notes that the old address from is now at to.
func (m *remap) learn(from, to int64) {
	*m.slot(from) = label{from, to - from}
	for _, bits := range [...]uint{nearBits, farBits} {
		*m.block(from, bits) = label{from >> bits, to - from}
	}
}
