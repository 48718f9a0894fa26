// Package corpus makes deterministic data to compress in tests.
package corpus

import "fmt"

// rng is a xorshift generator (Marsaglia, 2003): its numbers will never change,
// which those of the standard library might.
type rng uint64

func (r *rng) next() uint64 {
	x := *r
	x ^= x << 13
	x ^= x >> 7
	x ^= x << 17
	*r = x
	return uint64(x)
}

func (r *rng) below(n int) int { return int(r.next()>>11) % n }

// Kinds are the kinds of data that Data makes.
var Kinds = []string{"text", "binary", "zeros", "random", "repeats", "mixed"}

// Data returns size bytes of the given kind. Other seeds give other bytes.
func Data(kind string, size int, seed uint64) []byte {
	r := rng(seed*0x9e3779b97f4a7c15 + 0x1234567)
	b := make([]byte, 0, size+512)
	for len(b) < size {
		b = chunk(b, kind, &r)
	}
	return b[:size]
}

// chunk appends some bytes.
func chunk(b []byte, kind string, r *rng) []byte {
	switch kind {
	case "text":
		return append(b, word(r)...)
	case "binary":
		return record(b, r)
	case "zeros":
		return append(b, make([]byte, 512)...)
	case "random":
		for range 64 {
			b = append(b, byte(r.next()>>32))
		}
		return b
	case "repeats":
		return repeat(b, r)
	case "mixed":
		k := Kinds[r.below(5)]
		for n := len(b) + 1<<(4+r.below(13)); len(b) < n; {
			b = chunk(b, k, r)
		}
		return b
	}
	panic("corpus: unknown kind " + kind)
}

// word makes words of which few are frequent and many rare, and lines of them.
func word(r *rng) string {
	n := r.below(1 << (2 + r.below(12)))
	w := rng(uint64(n)*2862933555777941757 + 3037000493)
	s := ""
	for range 1 + w.below(4) {
		s += string("bcdfghklmnprstvw"[w.below(16)]) + string("aeiou"[w.below(5)])
	}
	switch r.below(12) {
	case 0:
		return s + ",\n"
	case 1:
		return fmt.Sprintf("%s=%d\n\t", s, r.below(5000))
	}
	return s + " "
}

// record looks like machine code and tables: small fields, mostly alike.
func record(b []byte, r *rng) []byte {
	v := r.next()
	switch v >> 60 {
	case 0, 1, 2, 3:
		return append(b, 0x48, 0x8b, byte(v&7)<<3|0x45, byte(v>>8)&0xf8)
	case 4, 5, 6:
		return append(b, 0xe8, byte(v>>8), byte(v>>16)&0x3f, 0, 0)
	case 7, 8:
		return append(b, 0x0f, 0x85, byte(v>>8)&0x1c, 0, 0, 0)
	case 9, 10:
		return append(b, byte(len(b)), byte(len(b)>>8), byte(len(b)>>16), 0, byte(v)&3, 0, 0, 0)
	case 11:
		return append(b, make([]byte, v&31)...)
	}
	return append(b, byte(v>>8), byte(v>>16)&0x0f)
}

// repeat copies from what is there, near and far, and breaks the copies.
func repeat(b []byte, r *rng) []byte {
	if len(b) < 16 || r.below(6) == 0 {
		v := r.next()
		return append(b, byte(v), byte(v>>8), byte(v>>16))
	}
	d := 1 + r.below(min(len(b), 1<<(1+r.below(16))))
	for range 2 + r.below(1<<(1+r.below(9))) {
		b = append(b, b[len(b)-d])
	}
	return b
}
