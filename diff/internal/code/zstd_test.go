package code

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// What an encoder makes must not depend on what it made before, however long
// that was.
func TestZstdEncodersAreUsedAgain(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 3))
	text := mutate(rnd, bytes.Repeat(sample(rnd, 30_000), 20), 50)
	first := map[string][]byte{}
	for round := range 6 {
		coder := []Coder{Zstd, Quick}[round%2]
		for _, n := range []int{0, 1, zstdSmall, zstdSmall + 1, 300_000, len(text)} {
			for _, cut := range []int{0, 1000, 100_000} {
				var out bytes.Buffer
				z := newZstdWriter(&out, coder)
				for at := 0; at < n; at += 777 {
					if _, err := z.Write(text[at:min(at+777, n)]); err != nil {
						t.Fatal(err)
					}
					if cut > 0 && at/cut != (at+777)/cut {
						if err := z.Flush(); err != nil {
							t.Fatal(err)
						}
					}
				}
				if err := z.Close(); err != nil {
					t.Fatal(err)
				}
				name := fmt.Sprintf("coder %d, %d bytes, cut at %d", coder, n, cut)
				if round < 2 {
					first[name] = out.Bytes()
				} else if !bytes.Equal(out.Bytes(), first[name]) {
					t.Errorf("round %d, %s: other bytes than at first", round, name)
				}
				if n == 0 {
					continue // a frame of nothing is no bytes
				}
				r, err := newZstdReader(&out)
				if err != nil {
					t.Fatal(err)
				}
				var back bytes.Buffer
				if _, err := r.WriteTo(&back); err != nil || !bytes.Equal(back.Bytes(), text[:n]) {
					t.Errorf("%s: decoded to %d bytes, %v", name, back.Len(), err)
				}
			}
		}
	}
}
