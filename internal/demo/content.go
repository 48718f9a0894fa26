package demo

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
)

var words = strings.Fields(`the a server client request answer connection starts stops reads
	writes file option value default when if not configured timeout seconds bytes limit
	address port key certificate log level error warning every each only before after`)

// prose is text of about n bytes that reads like documentation.
func prose(seed string, n int) []byte {
	r := newRandom(seed)
	var b bytes.Buffer
	for line := 0; b.Len() < n; {
		w := words[r.n(len(words))]
		if line += len(w) + 1; line > 72 {
			b.WriteByte('\n')
			line = 0
		}
		b.WriteString(w)
		b.WriteByte(' ')
	}
	return b.Bytes()
}

// edited changes a few lines, as a new version does.
func edited(text []byte, version int) []byte {
	lines := bytes.Split(text, []byte("\n"))
	for i := 7; i < len(lines) && version > 1; i += 61 {
		lines[i] = []byte(fmt.Sprintf("changed in version 1.%d: %s", version, lines[i]))
	}
	return bytes.Join(lines, []byte("\n"))
}

func systemFiles() []file {
	var files []file
	for i := range 40 {
		files = append(files, file{fmt.Sprintf("usr/share/doc/package-%02d/manual.txt", i), prose(fmt.Sprint("manual", i), 20000), built})
	}
	return append(files, file{"usr/lib/libsystem.so.1", Program("system", 500, 1), built})
}

func appFiles(version int) []file {
	mtime := built.AddDate(0, 0, version)
	dir := fmt.Sprintf("opt/app-1.%d/", version)
	files := []file{{dir + "bin/server", Program("server", 2500, version), mtime}}
	for i := range 12 {
		text := edited(prose(fmt.Sprint("guide", i), 30000), version)
		files = append(files, file{fmt.Sprintf("%sdoc/guide-%02d.txt", dir, i), text, mtime})
		packed, err := compress(edited(prose(fmt.Sprint("page", i), 40000), version))
		if err == nil {
			files = append(files, file{fmt.Sprintf("%sman/page-%02d.1.gz", dir, i), packed, mtime})
		}
	}
	files = append(files, file{dir + "lib/plugins.jar", archive(version), mtime})
	for i := range 30 { // nothing changes here but the directory and the time
		files = append(files, file{fmt.Sprintf("%sassets/%02d.dat", dir, i), Program(fmt.Sprint("asset", i), 30, 1), mtime})
	}
	return files
}

// archive is a zip whose members are compressed.
func archive(version int) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := range 40 {
		f, err := w.Create(fmt.Sprintf("plugin/module%02d.txt", i))
		if err == nil {
			body := prose(fmt.Sprint("module", i), 8000)
			if i%5 == 0 {
				body = edited(body, version)
			}
			_, _ = f.Write(body) // to memory
		}
	}
	_ = w.Close()
	return b.Bytes()
}

// Program is an ELF file for x86-64 made of n functions that call each other.
// It does not run; it is laid out and linked like a real one. In later versions
// some functions are longer, so that everything behind them moves and calls
// across them change.
func Program(seed string, n, version int) []byte {
	const text = 0x1000
	r := newRandom(seed)
	type function struct {
		body  []byte
		calls []int // offsets of the operands
		to    []int
	}
	functions := make([]function, n)
	for i := range functions {
		f := &functions[i]
		for range 3 + r.n(6) {
			for range 6 + r.n(30) {
				f.body = append(f.body, instructions[r.n(len(instructions))]...)
				if r.n(3) == 0 {
					f.body = append(f.body, 0x48, 0x8b, 0x44, 0x24, r.byte()&0x78) // mov disp(%rsp),%rax
				}
			}
			f.body = append(f.body, 0xe8)
			f.calls = append(f.calls, len(f.body))
			f.to = append(f.to, r.n(n))
			f.body = append(f.body, 0, 0, 0, 0)
		}
		if version > 1 && i%97 == 13 {
			f.body = append(f.body, newRandomBytes(fmt.Sprint(seed, i, version), 24)...)
		}
		f.body = append(f.body, 0xc3)
		for len(f.body)%16 != 0 {
			f.body = append(f.body, 0x90)
		}
	}
	at := make([]int, n)
	size := 0
	for i := range functions {
		at[i] = size
		size += len(functions[i].body)
	}
	b := append(elfHeader(text, size), make([]byte, text-elfHeaderSize)...)
	for i, f := range functions {
		for k, operand := range f.calls {
			binary.LittleEndian.PutUint32(f.body[operand:], uint32(at[f.to[k]]-(at[i]+operand+4)))
		}
		b = append(b, f.body...)
	}
	return append(b, elfSections(text, size)...)
}

// instructions are whole ones, so that the code can be disassembled.
var instructions = []string{
	"\x55", "\x5d", "\x31\xc0", "\x85\xc0", "\x48\x89\xe5", "\x48\x89\xc7", "\x48\x83\xc0\x08", "\x48\x83\xec\x20",
	"\x8b\x45\xfc", "\x89\x45\xf8", "\x48\x39\xd8", "\x74\x05", "\x75\x08", "\xb8\x01\x00\x00\x00", "\x41\x54", "\x48\x8d\x50\x10",
}

func newRandomBytes(seed string, n int) []byte {
	r := newRandom(seed)
	b := make([]byte, n)
	for i := range b {
		b[i] = r.byte()
	}
	return b
}

const elfHeaderSize = 64 + 56

// elfHeader is an ELF header with one executable segment; the section table
// stands behind the text.
func elfHeader(text, size int) []byte {
	le := binary.LittleEndian
	b := append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 9)...)
	for _, field := range []uint16{3, 62, 1, 0} { // shared object, x86-64, version
		b = le.AppendUint16(b, field)
	}
	sections := text + size + len(sectionNames)
	for _, field := range []int{text, 64, sections} { // entry, program headers, sections
		b = le.AppendUint64(b, uint64(field))
	}
	b = le.AppendUint32(b, 0)
	for _, field := range []uint16{64, 56, 1, 64, 3, 2} { // sizes and counts
		b = le.AppendUint16(b, field)
	}
	b = le.AppendUint32(b, 1) // a segment to load,
	b = le.AppendUint32(b, 5) // read and execute
	for _, field := range []int{text, text, text, size, size, 0x1000} {
		b = le.AppendUint64(b, uint64(field))
	}
	return b
}

const sectionNames = "\x00.text\x00.shstrtab\x00"

// elfSections is what stands behind the text: names and section headers.
func elfSections(text, size int) []byte {
	le := binary.LittleEndian
	b := []byte(sectionNames)
	for _, s := range []struct{ name, kind, flags, addr, off, size int }{
		{},
		{1, 1, 6, text, text, size},
		{7, 3, 0, 0, text + size, len(sectionNames)},
	} {
		b = le.AppendUint32(b, uint32(s.name))
		b = le.AppendUint32(b, uint32(s.kind))
		for _, field := range []int{s.flags, s.addr, s.off, s.size, 0, 16, 0} {
			b = le.AppendUint64(b, uint64(field))
		}
	}
	return b
}
