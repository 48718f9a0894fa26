package layer

import (
	"bytes"
	"cmp"
	"debug/elf"
	"io"
	"slices"
	"strings"
)

// Section is a run of a file that holds one type of data.
type Section struct {
	Off, Len int64 // in the file
	Type     string
}

// Sections cuts what a leaf holds by type of data, without gaps: ELF files by
// their sections, all else into one.
func (l Leaf) Sections() []Section {
	whole := []Section{{0, l.Len, l.FileType()}}
	if l.Kind != Content || !bytes.HasPrefix(l.Prefix[:], []byte(elf.ELFMAG)) {
		return whole
	}
	f, err := elf.NewFile(io.NewSectionReader(l.Raw, l.Off, l.Len))
	if err != nil {
		return whole
	}
	var list []Section
	for _, s := range f.Sections {
		if off, n := int64(s.Offset), int64(s.FileSize); s.Type != elf.SHT_NOBITS && n > 0 && off > 0 && off <= l.Len-n {
			list = append(list, Section{off, n, elfType(s)})
		}
	}
	slices.SortFunc(list, func(a, b Section) int { return cmp.Or(cmp.Compare(a.Off, b.Off), cmp.Compare(a.Len, b.Len)) })
	var out []Section
	at := int64(0)
	put := func(end int64, t string) {
		switch last := len(out) - 1; {
		case end <= at:
			return
		case last >= 0 && out[last].Type == t:
			out[last].Len += end - at
		default:
			out = append(out, Section{at, end - at, t})
		}
		at = end
	}
	for _, s := range list {
		put(s.Off, "ELF headers")
		put(s.Off+s.Len, s.Type)
	}
	put(l.Len, "ELF headers")
	return out
}

func elfType(s *elf.Section) string {
	has := func(prefixes ...string) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s.Name, p) })
	}
	switch {
	case has(".gopclntab", ".data.rel.ro.gopclntab"):
		return "Go pc-line table"
	case has(".debug", ".zdebug", ".gnu_debug"):
		return "ELF debug information"
	case has(".eh_frame", ".gcc_except"):
		return "ELF unwind tables"
	case has(".note"):
		return "ELF notes"
	case s.Flags&elf.SHF_EXECINSTR != 0:
		return "ELF code"
	case s.Type == elf.SHT_RELA || s.Type == elf.SHT_REL || has(".rel"):
		return "ELF relocations"
	case s.Type == elf.SHT_SYMTAB || s.Type == elf.SHT_DYNSYM || s.Type == elf.SHT_STRTAB || has(".gnu.hash", ".gnu.version", ".hash"):
		return "ELF symbols"
	case s.Flags&elf.SHF_WRITE == 0:
		return "ELF read-only data"
	}
	return "ELF data"
}
