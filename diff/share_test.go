package diff

import (
	"bytes"
	"context"
	"math"
	"math/rand/v2"
	"testing"
)

// Shares name the places that cost something, add up, and are the same when
// reading.
func TestShares(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	ref := randomBytes(r, 3<<20)
	target := bytes.Clone(ref)
	copy(target[1_000_000:], randomBytes(r, 20_000)) // as long as what it replaces
	for at := 2_000_000; at < 2_000_100; at += 3 {
		target[at] ^= 0x5a
	}
	for _, level := range []Level{Fast, Default, Max} {
		pieces := []Piece{{Len: int64(len(target)), Same: -1, Candidates: []Extent{{0, int64(len(ref))}}}}
		coded, st := roundTrip(t, ref, target, pieces, Options{Level: level, Shares: true})
		within := func(from, to int64) (sum float64) {
			for _, s := range st.Shares {
				if s.Off < 0 || s.Len <= 0 || s.Off+s.Len > int64(len(target)) {
					t.Fatalf("a share of %+v", s)
				}
				if from <= s.Off && s.Off+s.Len <= to {
					sum += s.Bytes
				}
			}
			return sum
		}
		if all := within(0, int64(len(target))); math.Abs(all-float64(st.Coded)) > 32 {
			t.Errorf("level %d: %.0f bytes of %d", level, all, st.Coded)
		}
		if n := within(1_000_000, 1_020_000); n < 19_500 || n > 21_500 {
			t.Errorf("level %d: new bytes cost %.0f", level, n)
		}
		if n := within(2_000_000, 2_000_100); n < 3 || n > 200 {
			t.Errorf("level %d: edits cost %.0f", level, n)
		}
		d, err := Open(bytes.NewReader(coded), int64(len(coded)), Limits{Shares: true})
		if err != nil {
			t.Fatal(err)
		}
		s := &sink{ref: ref, base: d.ReferenceSize()}
		if err := d.Decode(context.Background(), s, &wholeSink{s}); err != nil {
			t.Fatal(err)
		}
		got := d.Shares()
		if len(got) != len(st.Shares) {
			t.Fatalf("level %d: %d shares when read, %d when written", level, len(got), len(st.Shares))
		}
		for i, g := range got {
			w := st.Shares[i]
			if g.Off != w.Off || g.Len != w.Len || math.Abs(g.Bytes-w.Bytes) > 1e-6*(1+w.Bytes) {
				t.Fatalf("level %d: share %+v when read, %+v when written", level, g, w)
			}
		}
	}
}

// wholeSink lets all of the reference be read.
type wholeSink struct{ s *sink }

func (w *wholeSink) ReadAt(b []byte, off int64) (int, error) {
	if off < w.s.base {
		return copy(b, w.s.ref[off:]), nil
	}
	return w.s.ReadAt(b, off)
}
