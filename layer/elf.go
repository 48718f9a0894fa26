package layer

import (
	"cmp"
	"debug/elf"
	"io"
	"slices"

	"github.com/docker-delta/docker-delta/recipe"
)

const (
	elfMagic = "\x7fELF"
	// chdrSize is the length of what stands before the zlib stream of a
	// compressed section (Elf64_Chdr of the gABI).
	chdrSize = 24
	// minSection is the shortest compressed section worth cutting a file for.
	minSection = 256
	// maxNames bounds the names of sections that are kept with a node.
	maxNames = 1 << 16
)

// cutELF cuts a 64-bit ELF file with compressed sections, as are debug
// information's, into what stands before them, the zlib streams, and what lies
// between and behind. It gives nil for files without any.
func cutELF(raw io.ReaderAt, node *Node) []*Node {
	r := io.NewSectionReader(raw, node.Off, node.Len)
	f, err := elf.NewFile(r)
	if err != nil || f.Class != elf.ELFCLASS64 || f.ByteOrder == nil {
		return nil
	}
	var packed []*elf.Section
	for _, s := range f.Sections {
		off, n := int64(s.Offset), int64(s.FileSize)
		if s.Flags&elf.SHF_COMPRESSED == 0 || n < minSection || off <= 0 || off > node.Len-n {
			continue
		}
		var kind [4]byte
		if _, err := r.ReadAt(kind[:], off); err == nil && f.ByteOrder.Uint32(kind[:]) == uint32(elf.COMPRESS_ZLIB) {
			packed = append(packed, s)
		}
	}
	slices.SortFunc(packed, func(a, b *elf.Section) int { return cmp.Compare(a.Offset, b.Offset) })
	var parts []*Node
	at := int64(0)
	for _, s := range packed {
		from, to := int64(s.Offset)+chdrSize, int64(s.Offset+s.FileSize)
		if from < at {
			return nil // sections overlap
		}
		path := node.Path + "!/" + s.Name
		before := &Node{Kind: Header, Path: path, Off: node.Off + at, Len: from - at}
		if at == 0 {
			before.Kind, before.Path = Content, node.Path
		}
		parts = append(parts, before, &Node{
			Kind: Content, Path: path, Off: node.Off + from, Len: to - from, Wrapping: Wrapping{Format: recipe.Zlib},
		})
		at = to
	}
	if parts == nil {
		return nil
	}
	if at < node.Len {
		parts = append(parts, &Node{Kind: Content, Path: node.Path + "!/", Off: node.Off + at, Len: node.Len - at})
	}
	for _, p := range parts {
		if p.Kind == Content && p.sum(raw) != nil {
			return nil
		}
	}
	parts[0].Names = sectionNames(r, f)
	return parts
}

// sectionNames reads the table with the names of an ELF file's sections.
func sectionNames(r io.ReaderAt, f *elf.File) []byte {
	for _, s := range f.Sections {
		if s.Name == ".shstrtab" && s.Type == elf.SHT_STRTAB && s.FileSize <= maxNames {
			names := make([]byte, s.FileSize)
			if _, err := r.ReadAt(names, int64(s.Offset)); err == nil {
				return names
			}
		}
	}
	return nil
}
