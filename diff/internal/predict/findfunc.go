package predict

import "sort"

// funcIndex collects the new functab while it is decoded. From it follows the
// table behind it in the file (Go 1.26 and newer): findfunctab, which says for
// each 256 bytes of code the first function there.
type funcIndex struct {
	tab     []byte  // the new functab as far as it was seen
	entries []int64 // entries that were seen, and
	numbers []int64 // their numbers in the table; made at the first use
}

const (
	maxFunctab = 1 << 24
	subbuckets = findBucket / findSubbucket
	bucketSize = 4 + subbuckets
)

// foretold reports whether the file has findfunctab behind functab.
func (l *layout) foretold() (functab, find *region, ok bool) {
	functab, find = l.one(kindFunctab), l.one(kindFindfunc)
	ok = functab != nil && find != nil && functab.new.off < find.new.off && functab.old.off < find.old.off &&
		functab.new.size <= maxFunctab
	return functab, find, ok
}

// see keeps the actual bytes of functab, until the first look-up.
func (x *funcIndex) see(l *layout, off int64, b []byte) {
	functab, _, ok := l.foretold()
	if !ok || x.entries != nil {
		return
	}
	d := off - functab.new.off
	if d >= functab.new.size || d+int64(len(b)) <= 0 {
		return
	}
	if x.tab == nil {
		x.tab = make([]byte, functab.new.size)
	}
	if d < 0 {
		b, d = b[-d:], 0
	}
	copy(x.tab[d:], b)
}

// index lists the functions that were seen.
func (x *funcIndex) index() {
	x.entries, x.numbers = append(x.entries[:0], 0), append(x.numbers[:0], 0)
	for i := 8; i+8 <= len(x.tab); i += 8 {
		if e := int64(le.Uint32(x.tab[i:])); e > x.entries[len(x.entries)-1] {
			x.entries, x.numbers = append(x.entries, e), append(x.numbers, int64(i/8))
		}
	}
}

// at returns the number of the function that holds the code offset pc.
func (x *funcIndex) at(pc int64) int64 {
	i := sort.Search(len(x.entries), func(i int) bool { return x.entries[i] > pc })
	return x.numbers[max(i, 1)-1]
}

// scanFindfunc predicts findfunctab from functab.
func (m *Model) scanFindfunc(c *chunk) int {
	_, find, ok := m.l.foretold()
	if !ok || c.r != find {
		return 0
	}
	if m.canon != nil {
		// What stands here is predicted whatever was there: let it match by its place.
		for pos := c.align(c.pos, 4); pos+4 <= c.end; pos += 4 {
			m.put(c, pos, 4, uint64(c.oldOff+int64(pos)-find.old.off)*0x9e3779b1+0x7f4a7c15)
		}
		return 0
	}
	x := &m.funcs
	if x.tab == nil {
		return 0
	}
	if x.entries == nil {
		x.index()
	}
	bucket, base := int64(-1), int64(0)
	for pos := c.pos; pos < c.end; pos++ {
		d := c.newOff + int64(pos) - find.new.off
		if d < 0 || d >= find.new.size {
			continue
		}
		if d/bucketSize != bucket {
			bucket = d / bucketSize
			base = x.at(bucket * findBucket)
		}
		if i := d % bucketSize; i < 4 {
			c.dst[pos] = byte(base >> (8 * i))
		} else {
			c.dst[pos] = byte(x.at(bucket*findBucket+(i-4)*findSubbucket) - base)
		}
	}
	return 0
}
