package predict

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// An executable without its end is read as the whole one is, once it has the
// names of its sections.
func TestNames(t *testing.T) {
	whole := makeProgram(machAMD64, 60, 30, 0)
	// Headers at the front, names last, as Go's linker puts them.
	h, ok := namesHeader(whole)
	if !ok {
		t.Fatal("the program has no names")
	}
	le := binary.LittleEndian
	off, size := le.Uint64(h[24:]), le.Uint64(h[32:])
	names := bytes.Clone(whole[off : off+size])
	whole = append(whole, make([]byte, 100)...)
	le.PutUint64(h[24:], 1<<20) // far behind
	h, _ = namesHeader(whole)
	le.PutUint64(h[24:], 1<<20)

	if _, ok := parseELF(whole); ok {
		t.Fatal("a file without names was understood")
	}
	at, n, ok := NamesAt(whole)
	if !ok || at != 1<<20 || n != int64(len(names)) {
		t.Fatalf("names are at %d+%d, %v", at, n, ok)
	}
	f, ok := parseELF(WithNames(whole, names))
	if !ok || f.find(".text") == nil {
		t.Errorf("with names it was not understood either")
	}
	for _, other := range [][]byte{nil, names[1:], append(bytes.Clone(names), 0)} {
		if got := WithNames(whole, other); len(got) != len(whole) {
			t.Errorf("took %q as names", other)
		}
	}
	if _, _, ok := NamesAt(makeProgram(machAMD64, 60, 30, 0)); ok {
		t.Error("a whole file has no names")
	}
	for n := range 64 {
		NamesAt(whole[:n]) // must not panic
	}
}
