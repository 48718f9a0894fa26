package spool

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"testing"
)

func TestFileLeavesNothingBehind(t *testing.T) {
	tmp := t.TempDir()
	d := NewDir(tmp, 10)
	f, err := d.Create()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("0123456789")); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("x")); !errors.Is(err, ErrLimit) {
		t.Fatalf("write over the limit: %v", err)
	}
	got, err := io.ReadAll(f.Section(3, 4))
	if err != nil || string(got) != "3456" {
		t.Fatalf("section: %q, %v", got, err)
	}
	if entries, _ := os.ReadDir(tmp); len(entries) != 0 {
		t.Errorf("an open spool is visible: %v", entries)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func TestPagesKeepWhatIsWanted(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const size = 3*64*pageSize + 777
	all := make([]byte, size)
	for i := range all {
		all[i] = byte(rng.Uint32())
	}
	p, err := NewPages(NewDir(t.TempDir(), 0), size)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	type span struct{ off, n int64 }
	spans := []span{{0, 1}, {size - 1, 1}, {64*pageSize - 1, 2}, {70 * pageSize, 100 * pageSize}, {5, 0}}
	for range 20 {
		off := rng.Int64N(size)
		spans = append(spans, span{off, rng.Int64N(min(size-off, 9000) + 1)})
	}
	for _, s := range spans {
		if err := p.Want(s.off, s.n); err != nil {
			t.Fatal(err)
		}
	}
	if p.Want(size-1, 2) == nil || p.Want(-1, 1) == nil {
		t.Error("a span outside was accepted")
	}
	if err := p.Seal(); err != nil {
		t.Fatal(err)
	}
	for off := int64(0); off < size; { // odd steps cross pages
		n := min(int64(rng.IntN(10000)), size-off)
		if err := p.Put(all[off:off+n], off); err != nil {
			t.Fatal(err)
		}
		off += n
	}
	for _, s := range spans {
		got := make([]byte, s.n)
		if _, err := p.ReadAt(got, s.off); err != nil || !bytes.Equal(got, all[s.off:s.off+s.n]) {
			t.Errorf("span %v: %v", s, err)
		}
		if s.n > 0 && !p.WantsAny(s.off, s.n) {
			t.Errorf("span %v is not wanted", s)
		}
	}
}

func TestPagesRefuseUnkept(t *testing.T) {
	p, err := NewPages(NewDir(t.TempDir(), 0), 10*pageSize)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Want(0, 10); err != nil {
		t.Fatal(err)
	}
	if err := p.Seal(); err != nil {
		t.Fatal(err)
	}
	if p.WantsAny(pageSize, 9*pageSize) {
		t.Error("unwanted pages are wanted")
	}
	if _, err := p.ReadAt(make([]byte, 1), 2*pageSize); !errors.Is(err, ErrNotKept) {
		t.Errorf("hole: %v", err)
	}
	if _, err := p.ReadAt(make([]byte, 1), 0); !errors.Is(err, ErrNotKept) {
		t.Errorf("wanted but never put: %v", err)
	}
	if _, err := NewPages(NewDir(t.TempDir(), 0), MaxSpan+1); err == nil {
		t.Error("an address space over the limit was accepted")
	}
}
