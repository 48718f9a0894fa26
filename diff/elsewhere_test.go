package diff

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// What is found does not depend on the order of notes: it is the lowest address.
func TestElsewhereKeepsTheLowest(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 21))
	for range 20 {
		e := newElsewhere(0)
		lowest := map[uint64]int64{}
		for i := range 300 { // more than there is room for
			a := anchor{r.Uint64N(1 << 10), int64(1000 + i)}
			e.want(a)
			if e.find(a.hash) >= 0 && lowest[a.hash] == 0 {
				lowest[a.hash] = a.at
			}
		}
		if len(lowest) < 100 {
			t.Fatalf("only %d anchors are looked for", len(lowest))
		}
		for range 3000 {
			a := anchor{r.Uint64N(1 << 11), int64(1 + r.IntN(2000))}
			e.note(a)
			if was, ok := lowest[a.hash]; ok {
				lowest[a.hash] = min(was, a.at)
			}
		}
		for hash := range uint64(1 << 11) {
			want, ok := lowest[hash]
			if !ok {
				want = -1
			}
			if got := e.find(hash); got != want {
				t.Fatalf("anchor %d is found at %d, not %d", hash, got, want)
			}
		}
	}
}

// A run without candidates is found wherever it stands in what is searched, and
// nowhere else.
func TestFoundElsewhere(t *testing.T) {
	r := rand.New(rand.NewPCG(23, 23))
	ref := randomBytes(r, 5*elsewhereChunk)
	for _, at := range []int{0, 777, elsewhereChunk - 2000, 3*elsewhereChunk + 5, len(ref) - 6000} {
		target := ref[at : at+6000]
		_, st := roundTrip(t, ref, target, []Piece{{Len: 6000, Same: -1}}, Options{Level: Fast})
		if st.Equal != 6000 {
			t.Errorf("at %d: only %d bytes are copied", at, st.Equal)
		}
	}
	var coded bytes.Buffer
	st, err := Encode(t.Context(), &coded, bytes.NewReader(ref[:6000]), []Piece{{Len: 6000, Same: -1}},
		bytes.NewReader(ref), int64(len(ref)), []Extent{{6000, 6000}, {20000, 50000}}, Options{Level: Fast})
	if err != nil || st.Equal > 0 {
		t.Errorf("%d bytes are copied from where nothing was to be looked for (%v)", st.Equal, err)
	}
}
