package predict

import (
	"encoding/binary"
	"slices"
)

// elfPart is a section of a made-up executable.
type elfPart struct {
	name       string
	typ, flags int
	va         int64
	data       []byte
}

// buildELF writes an executable with the given sections, each at a file
// offset equal to the lower bits of its address.
func buildELF(machine, typ int, parts []elfPart) []byte {
	out := make([]byte, elfHeaderSize)
	copy(out, "\x7fELF\x02\x01\x01")
	strs := []byte{0}
	headers := make([]byte, elfSectionSize)
	add := func(name string, typ, flags int, va, off, size int64) {
		h := make([]byte, elfSectionSize)
		le.PutUint32(h, uint32(len(strs)))
		le.PutUint32(h[4:], uint32(typ))
		le.PutUint64(h[8:], uint64(flags))
		le.PutUint64(h[16:], uint64(va))
		le.PutUint64(h[24:], uint64(off))
		le.PutUint64(h[32:], uint64(size))
		headers = append(headers, h...)
		strs = append(append(strs, name...), 0)
	}
	for _, p := range parts {
		for len(out)%16 != 0 {
			out = append(out, 0)
		}
		add(p.name, p.typ, p.flags, p.va, int64(len(out)), int64(len(p.data)))
		if p.typ != shtNobits {
			out = append(out, p.data...)
		}
	}
	add(".shstrtab", shtStrtab, 0, 0, int64(len(out)), int64(len(strs)+len(".shstrtab")+1))
	out = append(out, strs...)
	for len(out)%8 != 0 {
		out = append(out, 0)
	}
	le.PutUint16(out[16:], uint16(typ))
	le.PutUint16(out[18:], uint16(machine))
	le.PutUint64(out[40:], uint64(len(out)))
	le.PutUint16(out[54:], elfProgSize)
	le.PutUint16(out[58:], elfSectionSize)
	le.PutUint16(out[60:], uint16(len(headers)/elfSectionSize))
	le.PutUint16(out[62:], uint16(len(headers)/elfSectionSize-1))
	return append(out, headers...)
}

// Addresses of the made-up program's sections.
const (
	testText = 0x401000
	testData = 0x500000
	testBSS  = 0x600000
)

// makeProgram returns a program of n functions. Each calls the next and
// touches a variable; gap bytes of code stand before the function number at,
// so that all behind them moves. The tables tell of all of this.
func makeProgram(machine, n, at, gap int) []byte {
	starts := make([]int64, n+1)
	va := int64(testText)
	for i := range n {
		if i == at {
			va += int64(gap)
		}
		starts[i] = va
		va += 48
	}
	starts[n] = starts[0]
	text := make([]byte, va-testText)
	for i := range text { // a filler that no function has
		text[i] = 0x90
	}
	var data, rela, symtab, ehdr []byte
	names := []byte{0}
	for i := range n {
		f := text[starts[i]-testText:][:48]
		for j := range f {
			f[j] = byte(0x50 + (i*7+j)%8) // push and pop: each function is another
		}
		call, load := starts[i+1], int64(testBSS+16*i)
		if machine == machAMD64 {
			f[16], f[24], f[25], f[26] = 0xe8, 0x48, 0x8d, 0x05
			le.PutUint32(f[17:], uint32(call-(starts[i]+21)))
			le.PutUint32(f[27:], uint32(load-(starts[i]+31)))
		} else {
			for j := 0; j < 48; j += 4 {
				le.PutUint32(f[j:], 0xaa0003e0|uint32((i*5+j)%16)<<16)
			}
			le.PutUint32(f[16:], armBranch26.withTarget(0x94000000, starts[i]+16, call))
			le.PutUint32(f[24:], setADRP(0x90000001, starts[i]+24, load&^pageMask))
			le.PutUint32(f[28:], setBits(0x91000021, 10, 12, load&pageMask))
		}
		data = binary.LittleEndian.AppendUint64(data, uint64(starts[i]))
		rela = binary.LittleEndian.AppendUint64(rela, uint64(testData+8*i))
		rela = binary.LittleEndian.AppendUint64(rela, map[int]uint64{machAMD64: relocAMD64, machARM64: relocARM64}[machine])
		rela = binary.LittleEndian.AppendUint64(rela, uint64(starts[i]))
		sym := make([]byte, symSize)
		le.PutUint32(sym, uint32(len(names)))
		sym[4], sym[6] = 0x12, 1
		le.PutUint64(sym[8:], uint64(starts[i]))
		le.PutUint64(sym[16:], 48)
		symtab = append(symtab, sym...)
		names = append(names, "function"...)
		names = append(names, byte('a'+i/26), byte('a'+i%26), 0)
		ehdr = binary.LittleEndian.AppendUint32(ehdr, uint32(starts[i]-0x480000))
		ehdr = binary.LittleEndian.AppendUint32(ehdr, uint32(testData+8*i-0x480000))
	}
	ehdr = slices.Concat([]byte{1, 0x1b, 3, 0x3b}, binary.LittleEndian.AppendUint32(nil, uint32(testData-0x480004)),
		binary.LittleEndian.AppendUint32(nil, uint32(n)), ehdr)
	return buildELF(machine, 3, []elfPart{
		{".symtab", shtDynsym, shfAlloc, 0x400000, symtab},
		{".dynstr", shtStrtab, shfAlloc, 0x400800, names},
		{".rela.dyn", shtRela, shfAlloc, 0x400c00, rela},
		{".text", shtProgbits, shfAlloc | shfExec, testText, text},
		{".eh_frame_hdr", shtProgbits, shfAlloc, 0x480000, ehdr},
		{".data", shtProgbits, shfAlloc | 1, testData, data},
		{".bss", shtNobits, shfAlloc | 1, testBSS, make([]byte, 4096)},
	})
}
