package diff

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

func TestDiffering(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 31))
	for n := range 100 {
		a, b := randomBytes(r, n), randomBytes(r, n)
		want := int64(0)
		for i := range a {
			if r.IntN(3) > 0 {
				b[i] = a[i]
			} else if b[i] == a[i] {
				b[i] ^= 0x80
			}
			if a[i] != b[i] {
				want++
			}
		}
		if got := differing(a, b); got != want {
			t.Errorf("%d of %d bytes differ, not %d", want, n, got)
		}
	}
}

// A target with much to code has several sections, whose streams each start
// afresh: here the last has no literals, and the first no copies.
func TestSections(t *testing.T) {
	r := rand.New(rand.NewPCG(33, 33))
	ref := randomBytes(r, 1<<20)
	target := append(randomBytes(r, sectionWeight), ref...)
	pieces := []Piece{{Len: sectionWeight, Same: -1}, {Len: int64(len(ref)), Same: 0}}
	_, st := roundTrip(t, ref, target, pieces, Options{Level: Fast})
	if st.Equal != int64(len(ref)) || st.Literal != sectionWeight {
		t.Errorf("%+v", st)
	}
	l := &layout{refSize: int64(len(ref)), target: int64(len(target)), ops: []op{{Lit: sectionWeight}, {Len: int64(len(ref))}}}
	load := newLoader(l, space{bytes.NewReader(ref), bytes.NewReader(target), l.refSize})
	sections := make(chan int, 8)
	go func() {
		for f := range load.loaded[0] {
			load.done(f)
		}
	}()
	go func() {
		for f := range load.loaded[1] {
			load.done(f)
		}
	}()
	if err := load.load(t.Context(), sections); err != nil {
		t.Fatal(err)
	}
	if a, b := <-sections, <-sections; a != sectionWeight/frameSize || b != 1 {
		t.Errorf("sections of %d and %d frames", a, b)
	}
}
