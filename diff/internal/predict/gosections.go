package predict

import "encoding/binary"

// Words of Go's runtime.moduledata (runtime/symtab.go, Go 1.18 and newer).
const (
	modFuncname = 1
	modCutab    = 4
	modFiletab  = 7
	modPctab    = 10
	modPclntab  = 13
	modFtab     = 16
	modFindfunc = 19
	modMinpc    = 20
	modText     = 22
	modGofunc   = 40 // since Go 1.20; modGofunc-2 before
	modWords    = 42
)

const (
	findBucket    = 4096 // bytes of code a bucket of findfunctab covers: it is 4 bytes
	findSubbucket = 256  // and one byte for each of these
)

// splitGo replaces the section .gopclntab, and .rodata of a Go program, by the
// tables inside, which runtime.moduledata delimits.
func (f *elfFile) splitGo() {
	pcln := f.find(".gopclntab")
	if pcln == nil {
		return
	}
	mod := f.moduledata(pcln.span)
	if mod == nil {
		return
	}
	word := func(i int) int64 { return int64(binary.LittleEndian.Uint64(mod[8*i:])) }
	cuts := []section{
		{"go.funcname", kindFuncname, span{va: word(modFuncname)}},
		{"go.cutab", kindCutab, span{va: word(modCutab)}},
		{"go.filetab", kindFiletab, span{va: word(modFiletab)}},
		{"go.pctab", kindPctab, span{va: word(modPctab)}},
		{"go.functab", kindFunctab, span{va: word(modPclntab)}},
		{"go.funcs", kindFuncs, span{va: (word(modFtab) + 8*word(modFtab+1) - 4 + 7) &^ 7}},
		{"go.findfunc", kindFindfunc, span{va: word(modFindfunc)}},
	}
	code := word(modMinpc+1) - word(modMinpc)
	size := (code+findBucket-1)/findBucket*4 + (code+findSubbucket-1)/findSubbucket
	cuts = append(cuts, section{"go.findend", kindPlain, span{va: word(modFindfunc) + size}})
	for _, i := range []int{modGofunc, modGofunc - 2} {
		if va := word(i); va > f.rodataStart() && va < pcln.span.va+pcln.span.size {
			cuts = append(cuts, section{"go.funcdata", kindFuncdata, span{va: va}})
			break
		}
	}
	if s := f.find(".rodata"); s != nil {
		s.kind = kindTypes
	}
	for _, c := range cuts {
		f.cut(c)
	}
}

func (f *elfFile) rodataStart() int64 {
	if s := f.find(".rodata"); s != nil {
		return s.span.va
	}
	return maxOffset
}

// moduledata finds the record by its first words: the addresses of the
// pclntab's header and of the name table inside.
func (f *elfFile) moduledata(pcln span) []byte {
	for _, name := range []string{".go.module", ".noptrdata", ".data"} {
		s := f.find(name)
		if s == nil {
			continue
		}
		b := f.data[s.span.off:][:s.span.size]
		for i := 0; i+8*modWords <= len(b); i += 8 {
			if binary.LittleEndian.Uint64(b[i:]) != uint64(pcln.va) {
				continue
			}
			if v := int64(binary.LittleEndian.Uint64(b[i+8:])); v > pcln.va && v < pcln.va+pcln.size {
				return b[i : i+8*modWords]
			}
		}
	}
	return nil
}

// cut ends the section that holds the address of c there, and lets c have
// the rest.
func (f *elfFile) cut(c section) {
	for i := range f.sections {
		s := &f.sections[i]
		d := c.span.va - s.span.va
		if s.kind == kindBSS || s.span.va == 0 || d < 0 || d >= s.span.size || s.key == ".typelink\x00" {
			continue
		}
		c.span.off, c.span.size = s.span.off+d, s.span.size-d
		if d == 0 {
			c.key, s.kind = s.key, c.kind
			return
		}
		s.span.size = d
		f.sections = append(f.sections, c)
		return
	}
}
