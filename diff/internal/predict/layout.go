package predict

import "sort"

// kind says how the bytes of a region refer to others.
type kind uint8

const (
	kindPlain    kind = iota // no references inside, but a target of some
	kindText                 // machine code
	kindData                 // absolute 64-bit addresses among other data
	kindRodata               // as kindData, and jump tables
	kindBSS                  // no bytes in the file
	kindRela                 // Elf64_Rela entries with addresses
	kindSymtab               // Elf64_Sym entries
	kindStrtab               // what st_name of the symtab before counts from
	kindHash                 // hash tables of symbol numbers
	kindEhFrame              // call frame information
	kindEhHdr                // its sorted table
	kindHeader               // ELF header and program headers
	kindSections             // section headers
	kindFunctab              // Go: (entry, offset of its _func) pairs
	kindFuncs                // Go: _func records
	kindFuncname             // Go: the names of functions
	kindCutab                // Go: offsets into the table of file names
	kindFiletab              // Go: the names of files
	kindPctab                // Go: pc-value tables
	kindFuncdata             // Go: what funcdata offsets count from
	kindFindfunc             // Go: buckets of function numbers
	kindTypes                // Go: type descriptors
	kindTypelink             // Go: 32-bit offsets of types
	kindCount
)

// span is where a region lies in a file and in memory.
type span struct{ off, size, va int64 }

// region is a run of bytes of one kind and its counterpart in the new file.
type region struct {
	kind     kind
	old, new span
	number   int32 // index in the layout
}

// machine is the processor that code is for.
type machine uint8

const (
	amd64 machine = iota
	arm64
)

// layout is what both sides know of the two files.
type layout struct {
	machine machine
	fixed   bool     // linked at a fixed address: code may hold it in 32 bits
	regions []region // sorted by old.off; only kindBSS may share offsets

	byVA  []int32          // regions with addresses, sorted by old.va
	byNew []int32          // regions with bytes, sorted by new.off
	first [kindCount]int32 // first region of a kind, or -1
}

// index prepares the look-ups. Regions may overlap when params are hostile;
// then some are not found.
func (l *layout) index() {
	for k := range l.first {
		l.first[k] = -1
	}
	for i := range l.regions {
		r := &l.regions[i]
		r.number = int32(i)
		if r.old.va != 0 && r.old.size > 0 {
			l.byVA = append(l.byVA, int32(i))
		}
		if r.kind != kindBSS && r.new.size > 0 {
			l.byNew = append(l.byNew, int32(i))
		}
		if l.first[r.kind] < 0 {
			l.first[r.kind] = int32(i)
		}
	}
	sort.SliceStable(l.byVA, func(i, j int) bool {
		return l.regions[l.byVA[i]].old.va < l.regions[l.byVA[j]].old.va
	})
	sort.SliceStable(l.byNew, func(i, j int) bool {
		return l.regions[l.byNew[i]].new.off < l.regions[l.byNew[j]].new.off
	})
}

// one returns the first region of kind k, or nil.
func (l *layout) one(k kind) *region {
	if l.first[k] < 0 {
		return nil
	}
	return &l.regions[l.first[k]]
}

// atOff returns the region with the old file offset off, or nil, and where
// the next one starts.
func (l *layout) atOff(off int64) (r *region, next int64) {
	i := sort.Search(len(l.regions), func(i int) bool { return l.regions[i].old.off > off })
	next = maxOffset
	for j := i; j < len(l.regions); j++ {
		if l.regions[j].kind != kindBSS {
			next = l.regions[j].old.off
			break
		}
	}
	for i--; i >= 0; i-- {
		if q := &l.regions[i]; q.kind != kindBSS {
			if off-q.old.off < q.old.size {
				r = q
			}
			break
		}
	}
	return r, next
}

// atVA returns the region that holds the old address va, or nil. The address
// just behind a region counts as part of it when no other begins there.
func (l *layout) atVA(va int64) *region {
	lo, hi := 0, len(l.byVA)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if l.regions[l.byVA[mid]].old.va > va {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	if lo == 0 {
		return nil
	}
	r := &l.regions[l.byVA[lo-1]]
	if va-r.old.va > r.old.size {
		return nil
	}
	return r
}

// newVA returns the address of the new file offset off, or false where the
// file has no address.
func (l *layout) newVA(off int64) (int64, bool) {
	lo, hi := 0, len(l.byNew)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if l.regions[l.byNew[mid]].new.off > off {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	if lo == 0 {
		return 0, false
	}
	s := &l.regions[l.byNew[lo-1]].new
	if s.va == 0 || off-s.off > s.size {
		return 0, false
	}
	return s.va + off - s.off, true
}
