package predict

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
)

// ELF numbers that matter here (System V ABI, gABI chapters 4 and 5).
const (
	elfHeaderSize  = 64
	elfSectionSize = 64
	elfProgSize    = 56
	maxSections    = 1024

	machAMD64 = 62
	machARM64 = 183
	typeExec  = 2

	shtProgbits = 1
	shtSymtab   = 2
	shtStrtab   = 3
	shtRela     = 4
	shtDynamic  = 6
	shtNote     = 7
	shtNobits   = 8
	shtDynsym   = 11
	shtInit     = 14
	shtFini     = 15
	shtPreinit  = 16

	shfAlloc = 2
	shfExec  = 4
	shfTLS   = 0x400
	shfPack  = 0x800
)

// section is one region of one file, with a key to find its counterpart.
type section struct {
	key  string
	kind kind
	span span
}

// elfFile is what is known of one file.
type elfFile struct {
	machine  machine
	fixed    bool
	data     []byte
	sections []section
}

// parseELF reads the section headers of a 64-bit little-endian executable or
// library for a known processor.
func parseELF(b []byte) (*elfFile, bool) {
	le := binary.LittleEndian
	if len(b) < elfHeaderSize || !bytes.HasPrefix(b, []byte("\x7fELF\x02\x01")) {
		return nil, false
	}
	f := &elfFile{data: b, fixed: le.Uint16(b[16:]) == typeExec}
	switch le.Uint16(b[18:]) {
	case machAMD64:
		f.machine = amd64
	case machARM64:
		f.machine = arm64
	default:
		return nil, false
	}
	phnum, shoff := int64(le.Uint16(b[56:])), le.Uint64(b[40:])
	shnum, shstr := int64(le.Uint16(b[60:])), int64(le.Uint16(b[62:]))
	size := uint64(len(b))
	if le.Uint16(b[58:]) != elfSectionSize || shnum == 0 || shnum > maxSections ||
		shoff > size || uint64(shnum)*elfSectionSize > size-shoff || shstr >= shnum {
		return nil, false
	}
	f.add("header", kindHeader, span{0, elfHeaderSize + phnum*elfProgSize, 0})
	header := func(i int64) []byte { return b[int64(shoff)+i*elfSectionSize:][:elfSectionSize] }
	names := header(shstr)
	nameOff, nameSize := le.Uint64(names[24:]), le.Uint64(names[32:])
	if nameOff > size || nameSize > size-nameOff {
		return nil, false
	}
	strs := b[nameOff : nameOff+nameSize]
	seen := map[string]int{}
	for i := int64(1); i < shnum; i++ {
		h := header(i)
		typ, flags := le.Uint32(h[4:]), le.Uint64(h[8:])
		va, off, n := le.Uint64(h[16:]), le.Uint64(h[24:]), le.Uint64(h[32:])
		if va > maxOffset || off > maxOffset || n == 0 || n > maxOffset || flags&shfAlloc == 0 && va != 0 {
			continue
		}
		name := ""
		if o := le.Uint32(h); uint64(o) < nameSize {
			name, _, _ = strings.Cut(string(strs[o:min(nameSize, uint64(o)+64)]), "\x00")
		}
		k, ok := kindOf(name, typ, flags)
		if !ok || k != kindBSS && (off > size || n > size-off) {
			continue
		}
		seen[name]++
		f.add(name+strings.Repeat("\x00", seen[name]), k, span{int64(off), int64(n), int64(va)})
	}
	f.add("sections", kindSections, span{int64(shoff), shnum * elfSectionSize, 0})
	f.splitGo()
	slices.SortStableFunc(f.sections, func(a, b section) int {
		if a.span.off != b.span.off {
			return int(a.span.off - b.span.off)
		}
		return int(a.span.va - b.span.va)
	})
	return f, true
}

func (f *elfFile) add(key string, k kind, s span) {
	f.sections = append(f.sections, section{key, k, s})
}

// find returns the section called name, or nil.
func (f *elfFile) find(name string) *section {
	for i := range f.sections {
		if f.sections[i].key == name+"\x00" {
			return &f.sections[i]
		}
	}
	return nil
}

// kindOf says what a section holds. Sections that neither refer nor are
// referred to are not of interest.
func kindOf(name string, typ uint32, flags uint64) (kind, bool) {
	if flags&shfPack != 0 || flags&(shfTLS) != 0 && typ == shtNobits {
		return 0, false
	}
	switch name {
	case ".interp":
		return 0, false
	case ".eh_frame":
		return kindEhFrame, true
	case ".eh_frame_hdr":
		return kindEhHdr, true
	case ".rodata":
		return kindRodata, true
	case ".typelink":
		return kindTypelink, true
	case ".hash", ".gnu.hash":
		return kindHash, true
	}
	switch typ {
	case shtNote:
		return 0, false
	case shtNobits:
		return kindBSS, true
	case shtRela:
		return kindRela, true
	case shtSymtab, shtDynsym:
		return kindSymtab, true
	case shtStrtab:
		return kindStrtab, name == ".strtab" || name == ".dynstr"
	case shtDynamic, shtInit, shtFini, shtPreinit:
		return kindData, true
	}
	switch {
	case flags&shfAlloc == 0:
		return 0, false
	case flags&shfExec != 0:
		return kindText, true
	case flags&1 != 0 || name == ".itablink": // writable
		return kindData, true
	}
	return kindPlain, true
}
