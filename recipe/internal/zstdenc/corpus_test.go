package zstdenc

import (
	"bytes"
	"fmt"
	"math/rand/v2"
)

// corpus makes the data of the golden sums: what layers are made of, and what the
// releases are known to treat differently (runs, few literals, no matches).
func corpus() map[string][]byte {
	rnd := rand.New(rand.NewPCG(20, 3))
	var text bytes.Buffer
	words := make([]string, 800)
	for i := range words {
		words[i] = fmt.Sprintf("%x", rnd.Uint64N(1<<(8+rnd.UintN(40))))
	}
	for text.Len() < 700_000 {
		switch n := text.Len(); {
		case rnd.UintN(60) == 0:
			for range rnd.UintN(300) {
				text.WriteByte(byte(rnd.Uint32()))
			}
		case rnd.UintN(50) == 0:
			text.Write(make([]byte, rnd.UintN(2000)))
		case rnd.UintN(30) == 0 && n > 20_000:
			from := rnd.IntN(n - 10_000)
			text.Write(bytes.Clone(text.Bytes()[from : from+rnd.IntN(9000)]))
		default:
			text.WriteString(words[rnd.IntN(1+rnd.IntN(len(words)))])
			text.WriteByte(" \n/"[rnd.IntN(3)])
		}
	}
	noise := make([]byte, 200_000)
	few := make([]byte, 200_000)
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
		few[i] = byte(rnd.UintN(1 + rnd.UintN(30)))
	}
	mixed := append(append(append(bytes.Clone(text.Bytes()[:150_000]), make([]byte, 400_000)...), noise...), text.Bytes()[100_000:300_000]...)
	all := map[string][]byte{
		"text": text.Bytes(), "noise": noise, "few": few, "zeros": make([]byte, 300_000), "mixed": mixed, "empty": nil,
	}
	for _, n := range []int{1, 20, 40, 200, 1024, 1025, 5000, 64 << 10, 128 << 10, 128<<10 + 1} {
		all[fmt.Sprintf("text%d", n)] = text.Bytes()[1000:][:n]
	}
	return all
}
