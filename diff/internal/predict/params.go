package predict

import (
	"encoding/binary"
	"errors"
	"sort"
)

// Limits of params. No real file comes near them.
const (
	maxRegions = 256
	maxOffset  = 1 << 46
)

var errParams = errors.New("predict: damaged params")

// Params are uvarints: flags, number of regions, and for each its kind, a mask
// of the numbers that are not zero, and these. The numbers are differences to
// what the region before makes likely.

func (l *layout) marshal() []byte {
	flags := uint64(l.machine) << 1
	if l.fixed {
		flags |= 1
	}
	b := binary.AppendUvarint(nil, flags)
	b = binary.AppendUvarint(b, uint64(len(l.regions)))
	var p region
	for _, r := range l.regions {
		mask, d := byte(0), r.differences(&p)
		for i, v := range d {
			if v != 0 {
				mask |= 1 << i
			}
		}
		b = append(b, byte(r.kind), mask)
		for _, v := range d {
			if v != 0 {
				b = binary.AppendVarint(b, v)
			}
		}
		p = r
	}
	return b
}

// differences returns r as six numbers relative to the region p before it.
func (r *region) differences(p *region) [6]int64 {
	return [6]int64{
		r.old.off - (p.old.off + p.fileSize(p.old)),
		r.old.size,
		(r.old.va - r.old.off) - (p.old.va - p.old.off),
		(r.new.off - r.old.off) - (p.new.off - p.old.off) - (p.fileSize(p.new) - p.fileSize(p.old)),
		r.new.size - r.old.size,
		(r.new.va - r.new.off) - (r.old.va - r.old.off),
	}
}

// fileSize is the number of bytes in the file of one side s of r.
func (r *region) fileSize(s span) int64 {
	if r.kind == kindBSS {
		return 0
	}
	return s.size
}

// place is the inverse of differences.
func (r *region) place(p *region, d [6]int64) bool {
	r.old.off = p.old.off + p.fileSize(p.old) + d[0]
	r.old.size = d[1]
	r.old.va = r.old.off + (p.old.va - p.old.off) + d[2]
	r.new.off = r.old.off + (p.new.off - p.old.off) + (p.fileSize(p.new) - p.fileSize(p.old)) + d[3]
	r.new.size = r.old.size + d[4]
	r.new.va = r.new.off + (r.old.va - r.old.off) + d[5]
	for _, s := range []span{r.old, r.new} {
		if s.off < 0 || s.off > maxOffset || s.size < 0 || s.size > maxOffset || s.va < 0 || s.va > maxOffset {
			return false
		}
	}
	return true
}

func parseLayout(params []byte) (*layout, error) {
	flags, n := binary.Uvarint(params)
	if n <= 0 || flags > 3 {
		return nil, errParams
	}
	params = params[n:]
	count, n := binary.Uvarint(params)
	if n <= 0 || count > maxRegions || count > uint64(len(params)) {
		return nil, errParams
	}
	params = params[n:]
	l := &layout{machine: machine(flags >> 1), fixed: flags&1 != 0}
	var p region
	for range count {
		if len(params) < 2 || params[0] >= byte(kindCount) || params[1] >= 1<<6 {
			return nil, errParams
		}
		r, mask := region{kind: kind(params[0])}, params[1]
		params = params[2:]
		var d [6]int64
		for i := range d {
			if mask>>i&1 == 0 {
				continue
			}
			v, n := binary.Varint(params)
			if n <= 0 || v < -maxOffset || v > maxOffset {
				return nil, errParams
			}
			d[i], params = v, params[n:]
		}
		if !r.place(&p, d) {
			return nil, errParams
		}
		l.regions = append(l.regions, r)
		p = r
	}
	if len(params) != 0 {
		return nil, errParams
	}
	if !sort.SliceIsSorted(l.regions, func(i, j int) bool { return l.regions[i].old.off < l.regions[j].old.off }) {
		return nil, errParams
	}
	l.index()
	return l, nil
}
