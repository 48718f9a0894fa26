package layer

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/binary"
	"io"
	"testing"

	"github.com/docker-delta/docker-delta/internal/spool"
)

// elfFile makes an ELF file of 64 bits with sections called .text, .debug_info
// and .debug_line, the last two compressed, and the names at the end.
func elfFile(t *testing.T, text, info, line []byte) []byte {
	t.Helper()
	const header, section = 64, 64
	names := []byte("\x00.text\x00.debug_info\x00.debug_line\x00.shstrtab\x00")
	pack := func(b []byte) []byte {
		le := binary.LittleEndian
		out := le.AppendUint64(nil, 1) // ELFCOMPRESS_ZLIB, and 4 bytes of zeros
		out = le.AppendUint64(le.AppendUint64(out, uint64(len(b))), 1)
		buf := bytes.NewBuffer(out)
		w, err := zlib.NewWriterLevel(buf, zlib.BestSpeed)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(b); err != nil {
			t.Fatal(err)
		}
		w.Close()
		return buf.Bytes()
	}
	bodies := []struct {
		name        string
		kind, flags uint64
		b           []byte
	}{{".text", 1, 6, text}, {".debug_info", 1, 0x800, pack(info)}, {".debug_line", 1, 0x800, pack(line)}, {".shstrtab", 3, 0, names}}
	le := binary.LittleEndian
	b := append([]byte("\x7fELF\x02\x01\x01"), make([]byte, header+section*5-7)...)
	le.PutUint16(b[16:], 2)  // an executable
	le.PutUint16(b[18:], 62) // for x86-64
	le.PutUint32(b[20:], 1)
	le.PutUint64(b[40:], header)
	le.PutUint16(b[52:], header)
	le.PutUint16(b[54:], 56)
	le.PutUint16(b[58:], section)
	le.PutUint16(b[60:], 5)
	le.PutUint16(b[62:], 4)
	for i, s := range bodies {
		h := b[header+section*(i+1):]
		le.PutUint32(h, uint32(bytes.Index(names, []byte(s.name+"\x00"))))
		le.PutUint32(h[4:], uint32(s.kind))
		le.PutUint64(h[8:], s.flags)
		le.PutUint64(h[24:], uint64(len(b)))
		le.PutUint64(h[32:], uint64(len(s.b)))
		b = append(b, s.b...)
	}
	return b
}

// Compressed sections of ELF files are unwrapped, and come back.
func TestELF(t *testing.T) {
	text, info, line := bytes.Repeat([]byte("code"), 500), manyWords(1, 30000), manyWords(2, 20000)
	file := elfFile(t, text, info, line)
	u := &Unwrapper{Dir: spool.NewDir(t.TempDir(), 0), Recipes: true}
	defer u.Close()
	s, err := Scan(bytes.NewReader(file), nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Raw = bytes.NewReader(file)
	ctx := context.Background()
	if err := u.Cut(ctx, s); err != nil {
		t.Fatal(err)
	}
	if err := u.Unwrap(ctx, s); err != nil {
		t.Fatal(err)
	}
	plain := Plain(s)
	b := make([]byte, plain.Size())
	if _, err := plain.ReadAt(b, 0); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	for _, want := range [][]byte{text, info, line} {
		if !bytes.Contains(b, want) {
			t.Errorf("%q… is not in the plain bytes", want[:10])
		}
	}
	parts := s.Nodes[0].Parts
	if len(parts) == 0 || !bytes.Contains(parts[0].Names, []byte(".debug_line")) {
		t.Error("the first part does not have the names of the sections")
	}
	var out bytes.Buffer
	if err := NewProgram(s).Rewrap(&out, 1, func(w io.Writer) error { _, err := w.Write(b); return err }); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out.Bytes(), file) {
		t.Error("another file came back")
	}
	// The same, as the package and the plain bytes show it.
	again, err := NewProgram(s).Stream(ctx, bytes.NewReader(b), nil)
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	s.PlainLeaves(func(l Leaf) { want = append(want, l.Path) })
	again.PlainLeaves(func(l Leaf) { got = append(got, l.Path) })
	if len(want) != len(got) || len(want) != 5 {
		t.Fatalf("leaves %q, %q", want, got)
	}
	for i := range want {
		if want[i] != got[i] {
			t.Errorf("leaf %q, not %q", got[i], want[i])
		}
	}
}

// Damaged ELF files are cut in a sound way, or not at all.
func TestDamagedELF(t *testing.T) {
	file := elfFile(t, []byte("code"), manyWords(1, 3000), manyWords(2, 2000))
	for at := 0; at < 64*6; at++ {
		for _, v := range []byte{0, 1, 0x7f, 0xff} {
			bad := bytes.Clone(file)
			bad[at] = v
			n := &Node{Kind: Content, Path: "x", Len: int64(len(bad))}
			end := int64(0)
			for _, p := range cutELF(bytes.NewReader(bad), n) {
				if p.Off != end || p.Len <= 0 {
					t.Fatalf("byte %d is %#x: a part of %d bytes at %d, not %d", at, v, p.Len, p.Off, end)
				}
				end = p.End()
			}
			if end != 0 && end != n.Len {
				t.Fatalf("byte %d is %#x: parts of %d of %d bytes", at, v, end, n.Len)
			}
		}
	}
}

// manyWords makes text that compresses.
func manyWords(seed uint64, n int) []byte {
	var b []byte
	for x := seed*77777 + 1; len(b) < n; x = x*6364136223846793005 + 1442695040888963407 {
		b = append(b, "line info unit type name addr "[(x>>33)%6*5:][:5]...)
		b = append(b, byte(x>>50))
	}
	return b[:n]
}
