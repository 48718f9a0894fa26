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

// Anchors that all want one slot make no long walks, and those that found room
// are still found.
func TestHostileAnchors(t *testing.T) {
	inverse := uint64(0x9E3779B97F4A7C15)
	for range 5 {
		inverse *= 2 - 0x9E3779B97F4A7C15*inverse
	}
	e := newElsewhere(1 << 20)
	const n = 20_000
	for i := range uint64(n) {
		a := anchor{(i + 1) * inverse, int64(i)}
		e.want(a)
		if at := e.find(a.hash); at != int64(i) && i < maxProbes || at >= 0 && i >= maxProbes {
			t.Fatalf("anchor %d is found at %d", i, at)
		}
	}
	for i, h := range e.hashes {
		home := int(h * 0x9E3779B97F4A7C15 >> e.shift)
		if h != 0 && (i-home)&(len(e.hashes)-1) >= maxProbes {
			t.Fatalf("an anchor is %d slots from its own", i-home)
		}
	}
	if e.used != maxProbes {
		t.Errorf("%d of %d anchors are looked for", e.used, n)
	}
}

// Data of which every byte ends an anchor gives a bounded list.
func TestHostileDensity(t *testing.T) {
	const rate, n = anchorRate, 1 << 16
	r := rand.New(rand.NewPCG(29, 29))
	mask := uint64(1<<rate-1) << (32 - rate)
	b, h := make([]byte, 0, n), uint64(0)
	dense := 0
	for len(b) < n {
		c := byte(r.Uint32())
		for range 2000 {
			if (h<<1+gear[c])&mask == 0 {
				break
			}
			c = byte(r.Uint32())
		}
		if h = h<<1 + gear[c]; h&mask == 0 {
			dense++
		}
		b = append(b, c)
	}
	if dense < n/2 {
		t.Fatalf("%d of %d places are anchors, which is not what this test means", dense, n)
	}
	if got := len(appendAnchors(nil, b, 0, rate)); got > maxDense*(n>>rate)+minDense || got == 0 {
		t.Errorf("%d anchors of %d bytes", got, n)
	}
}
