package predict

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// findfunctab as the linker makes it (cmd/link/internal/ld/pcln.go).
func findfunctab(entries []int64, size int64) []byte {
	first := make([]int64, (size+findSubbucket-1)/findSubbucket)
	for s := range first {
		for i, e := range entries {
			if e <= int64(s)*findSubbucket {
				first[s] = int64(i)
			}
		}
	}
	var out []byte
	for s, i := range first {
		if s%subbuckets == 0 {
			out = binary.LittleEndian.AppendUint32(out, uint32(i))
		}
		out = append(out, byte(i-first[s/subbuckets*subbuckets]))
	}
	return out
}

func TestFindfunc(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var entries []int64
	var functab []byte
	size := int64(0)
	for range 500 {
		entries = append(entries, size)
		functab = binary.LittleEndian.AppendUint64(functab, uint64(size))
		size += 32 + r.Int64N(900)
	}
	functab = binary.LittleEndian.AppendUint32(functab, uint32(size))
	want := findfunctab(entries, size)
	l := &layout{regions: []region{
		{kindFunctab, span{0, int64(len(functab)), 0x1000}, span{0, int64(len(functab)), 0x1000}, 0},
		{kindFindfunc, span{5000, int64(len(want)), 0x9000}, span{5000, int64(len(want)), 0x9000}, 0},
	}}
	m, err := New(l.marshal(), nil)
	if err != nil {
		t.Fatal(err)
	}
	drive := func(old, actual []byte, oldOff, newOff int64) []byte {
		var out []byte
		for at := 0; at < len(actual); at += 100 {
			n := min(100, len(actual)-at)
			dst := make([]byte, n)
			m.Predict(dst, old[at:], oldOff+int64(at), newOff+int64(at))
			m.Update(actual[at : at+n])
			out = append(out, dst...)
		}
		return out
	}
	drive(make([]byte, len(functab)), functab, 0, 0)
	got := drive(make([]byte, len(want)), want, 5000, 5000)
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("byte %d: got %d, want %d", i, got[i], want[i])
		}
	}
}
