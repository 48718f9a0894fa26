package diff

import (
	"bufio"
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/docker-delta/docker-delta/diff/internal/code"
)

// Level default codes by mixing while that is little work for the size of the
// target, else by zstd.
func TestBudgetOfWork(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, c := range []struct {
		name          string
		size, literal int // of the target, and how much of it is new
		coder         code.Coder
	}{
		{"little is new", 1 << 20, 8 << 10, code.Lean},
		{"all is new", 1 << 18, 1 << 18, code.Zstd},
	} {
		ref := randomBytes(r, c.size)
		target := bytes.Clone(ref)
		for i, last := 0, byte(0); i < c.literal; i++ {
			last = last*5 + 1 + byte(r.IntN(2))*64 // one bit, if the byte before is looked at
			target[i] = last
		}
		pieces := []Piece{{Len: int64(c.size), Same: -1, Candidates: []Extent{{0, int64(c.size)}}}}
		coded, _ := roundTrip(t, ref, target, pieces, Options{Level: Default})
		in := bufio.NewReader(bytes.NewReader(coded))
		if _, _, err := readHead(in, Limits{}, nil); err != nil {
			t.Fatal(err)
		}
		var f decFrame
		if _, err := f.readSection(in); err != nil {
			t.Fatal(err)
		}
		if got := code.Coder(f.lits[0] & 15); got != c.coder {
			t.Errorf("%s: literals by coder %d, want %d", c.name, got, c.coder)
		}
	}
}
