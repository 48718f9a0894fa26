package match

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// half makes two texts with zeros at even places. Each ten bytes of the new one stand
// somewhere in the old one, and there what follows is half equal up to the end,
// or gain bytes in a hundred more.
func half(n, gain int) (old, new []byte) {
	r := rand.New(rand.NewPCG(11, 11))
	old, new = make([]byte, n), make([]byte, n)
	for i := 1; i < n; i += 2 {
		old[i] = byte(r.Uint32())
		if r.IntN(50) < gain {
			old[i] = 1
		}
	}
	for i := 0; i+10 <= n; i += 10 {
		p := 2 * r.IntN((n-10)/2)
		copy(new[i:], old[p:p+10])
	}
	return old, new
}

// Texts that make each alignment look as if it went on for ever are gone over a
// bounded number of times.
func TestHostileAlignments(t *testing.T) {
	const n = 1 << 17
	for _, gain := range []int{0, 3, 10} {
		old, new := half(n, gain)
		s := scanner{old: old, new: new, table: newTable(old, 1), opt: Options{Step: 1, Tries: 8}}
		list := s.propose(0)
		if most := (looksPerByte+1)*n + firstLooks + 2*lastReach*len(s.new)/seedLen; s.looks > most || s.looks < n {
			t.Errorf("%d bytes were looked at for a text of %d, with %d alignments", s.looks, n, len(list))
		}
		check(t, old, new, s.cover(list))
	}
}

// sameBucket makes a text of seeds that differ and fall into one bucket of its table,
// one in 1<<24 by chance.
func sameBucket(n int) []byte {
	inverse := uint64(seedFactor)
	for range 5 {
		inverse *= 2 - seedFactor*inverse
	}
	b := make([]byte, 0, n)
	for i := uint64(0); len(b) < n; i++ {
		b = binary.LittleEndian.AppendUint64(b, inverse*(i*0x9E3779B1&(1<<40-1)))
	}
	return b[:n]
}

// Of places in a crowded bucket a bounded number is compared.
func TestHostileBucket(t *testing.T) {
	text := sameBucket(1 << 16)
	table := newTable(text, 8)
	if places := table.places(text); len(places) < len(text)/8 {
		t.Fatalf("%d places are in one bucket of %d", len(places), len(text)/8)
	}
	// Each seed is there, and nothing after it: with the places turned round, no two
	// neighbours stay so.
	var new []byte
	for i := len(text) - 8; i >= 0; i -= 8 {
		new = append(new, text[i:i+8]...)
	}
	s := scanner{old: text, new: new, table: table, opt: Options{Step: 8, Tries: 8}}
	tried := 0
	for i := 0; i+seedLen <= len(new); i++ {
		lo, hi := s.around(table.places(new[i:]), i)
		tried += hi - lo
	}
	if tried > 8*len(new) || tried < len(new)/8 {
		t.Errorf("%d places were tried for %d bytes", tried, len(new))
	}
	for _, greedy := range []bool{false, true} {
		check(t, text, new, Match(text, new, Options{Step: 8, Greedy: greedy}))
	}
	if !bytes.Equal(new[:8], text[len(text)-8:]) {
		t.Error("the texts are not what this test means")
	}
}
