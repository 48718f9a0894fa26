package match

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// check rebuilds new from operations, taking from new what they do not copy
// exactly, and returns how many bytes they copy right.
func check(t testing.TB, old, new []byte, ops []Op) (equal int) {
	t.Helper()
	at := 0
	for i, o := range ops {
		if o.Len < 0 || o.Lit < 0 || o.Len+o.Lit == 0 || o.Len == 0 && i > 0 {
			t.Fatalf("operation %d is %+v", i, o)
		}
		if o.Len > 0 && (o.Old < 0 || o.Old+o.Len > len(old)) {
			t.Fatalf("operation %d is %+v, old has %d bytes", i, o, len(old))
		}
		if at+o.Len+o.Lit > len(new) {
			t.Fatalf("operation %d is %+v, at %d of %d", i, o, at, len(new))
		}
		equal += equalCount(old[o.Old:o.Old+o.Len], new[at:at+o.Len])
		at += o.Len + o.Lit
	}
	if at != len(new) {
		t.Fatalf("operations cover %d of %d bytes", at, len(new))
	}
	return equal
}

func random(r *rand.Rand, n, alphabet int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.IntN(alphabet))
	}
	return b
}

func TestMatchCovers(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 300 {
		alphabet := 1 + r.IntN(1<<r.IntN(9))
		old := random(r, r.IntN(5000), alphabet)
		new := bytes.Clone(old)
		for range r.IntN(8) {
			i := r.IntN(len(new) + 1)
			n := min(r.IntN(300), len(new)-i)
			switch r.IntN(3) {
			case 0:
				new = append(new[:i:i], new[i+n:]...)
			case 1:
				new = append(new[:i:i], append(random(r, n, alphabet), new[i:]...)...)
			case 2:
				copy(new[i:], random(r, n/10, alphabet))
			}
		}
		check(t, old, new, Match(old, new, Options{Step: r.IntN(5), Tries: r.IntN(10)}))
		check(t, old, new, Match(old, new, Options{Greedy: true}))
	}
}

func TestMatchSizes(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for i := range 40 * 40 {
		old, new := random(r, i/40, 2), random(r, i%40, 2)
		check(t, old, new, Match(old, new, Options{}))
		check(t, old, new, Match(old, new, Options{Greedy: true}))
	}
}

// A file with insertions, deletions and scattered changes has to be copied
// nearly as a whole, in few operations.
func TestMatchFindsEdits(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	old := random(r, 1<<20, 256)
	var new []byte
	edits := 0
	for at := 0; at < len(old); edits++ {
		n := min(500+r.IntN(5000), len(old)-at)
		new = append(new, old[at:at+n]...)
		for range n / 50 {
			new[len(new)-1-r.IntN(n)]++
		}
		at += n + r.IntN(20)
		new = append(new, random(r, r.IntN(20), 256)...)
	}
	for _, greedy := range []bool{false, true} {
		ops := Match(old, new, Options{Greedy: greedy})
		equal := check(t, old, new, ops)
		if want := len(new) * 95 / 100; equal < want {
			t.Errorf("greedy %t: %d bytes of %d are copied right, want %d", greedy, equal, len(new), want)
		}
		if len(ops) > edits+edits/4 {
			t.Errorf("greedy %t: %d operations for %d edits", greedy, len(ops), edits)
		}
	}
}

// Moved blocks are found wherever they went.
func TestMatchFindsMoves(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	old := random(r, 256<<10, 256)
	var new []byte
	for _, i := range r.Perm(64) {
		new = append(new, old[i*4096:(i+1)*4096]...)
	}
	for _, greedy := range []bool{false, true} {
		ops := Match(old, new, Options{Greedy: greedy})
		if equal := check(t, old, new, ops); equal < len(new)*99/100 || len(ops) > 64 {
			t.Errorf("greedy %t: %d of %d bytes in %d operations", greedy, equal, len(new), len(ops))
		}
	}
}

// A few bytes that happen to be equal do not make a copy.
func TestMatchLeavesNoise(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	old, new := random(r, 1<<20, 16), random(r, 1<<18, 16)
	for _, greedy := range []bool{false, true} {
		if ops := Match(old, new, Options{Greedy: greedy}); len(ops) > 8 {
			t.Errorf("greedy %t: %d operations between random texts", greedy, len(ops))
		}
	}
}

// Repetitive texts take no quadratic time: this test would not end.
func TestMatchRepetitive(t *testing.T) {
	old, new := make([]byte, 4<<20), make([]byte, 4<<20)
	for i := range new {
		if i%977 == 0 {
			new[i] = 1
		}
		if i%1009 == 0 {
			old[i] = 1
		}
	}
	check(t, old, new, Match(old, new, Options{}))
	check(t, old, new, Match(old, new, Options{Greedy: true}))
}

func FuzzMatch(f *testing.F) {
	f.Add([]byte("the quick brown fox jumps over the lazy dog"), []byte("a quick brown fox jumped over the lazy dogs"), uint8(1))
	f.Add(bytes.Repeat([]byte{0}, 200), bytes.Repeat([]byte{0, 1}, 150), uint8(4))
	f.Add([]byte("the quick brown fox jumps over the lazy dog"), []byte("a quick brown fox jumped over the lazy dogs"), uint8(128))
	f.Fuzz(func(t *testing.T, old, new []byte, step uint8) {
		check(t, old, new, Match(old, new, Options{Step: int(step % 8), Greedy: step >= 128}))
	})
}

// Of what is new as a whole, not every place is looked at; what follows is found from
// its first byte on all the same.
func TestBehindWhatIsNew(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	old := random(r, 1<<20, 256)
	for _, n := range []int{64, 1 << 15} {
		fresh := random(r, 4<<20, 256)
		new := append(fresh, old[1000:1000+n]...)
		ops := Match(old, new, Options{})
		if equal := check(t, old, new, ops); equal < n {
			t.Errorf("%d bytes behind others: %d are found", n, equal)
		}
	}
}
