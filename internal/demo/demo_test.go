package demo

import (
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"io"
	"testing"
)

func TestSameBytesEveryTime(t *testing.T) {
	for version := 1; version <= 2; version++ {
		var sums [2][sha256.Size]byte
		for i := range sums {
			h := sha256.New()
			if err := WriteImage(h, version); err != nil {
				t.Fatal(err)
			}
			h.Sum(sums[i][:0])
		}
		if sums[0] != sums[1] {
			t.Errorf("version %d: other bytes the second time", version)
		}
	}
}

func TestProgramIsELF(t *testing.T) {
	f, err := elf.NewFile(bytes.NewReader(Program("x", 50, 1)))
	if err != nil {
		t.Fatal(err)
	}
	text := f.Section(".text")
	if f.Machine != elf.EM_X86_64 || text == nil || text.Size == 0 {
		t.Errorf("no code: %v, %v", f.Machine, f.Sections)
	}
}

func BenchmarkWriteImage(b *testing.B) {
	for b.Loop() {
		if err := WriteImage(io.Discard, 2); err != nil {
			b.Fatal(err)
		}
	}
}
