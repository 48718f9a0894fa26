// Package golden has the proof of the encoders in this module: data that any
// machine can generate, and the hashes of what the real encoders made of it.
//
// The hashes are in golden.json, which recipe/golden/gen writes by running older
// Go toolchains and older versions of klauspost/compress and klauspost/pgzip. Only
// tests use this package.
package golden

import "encoding/binary"

// An Item is one input. If Flush is positive, the encoder is flushed after so
// many bytes.
type Item struct {
	Name  string
	Flush int
	Data  []byte
}

// Items returns all inputs. They depend on nothing but this code.
func Items() []Item {
	text, elf, tar := Text(1, 420_000), ELF(2, 400_000), Tar(3, 700_000)
	return []Item{
		{Name: "empty"},
		{Name: "one", Data: []byte("x")},
		{Name: "text-30", Data: text[:30]},
		{Name: "text-100", Data: text[100:200]},
		{Name: "text-1000", Data: text[1000:2000]},
		{Name: "text-65535", Data: text[:65535]},
		{Name: "text-65536", Data: text[:65536]},
		{Name: "text", Data: text},
		{Name: "text-flush", Flush: 150_000, Data: text[:300_000]},
		{Name: "elf", Data: elf},
		{Name: "elf-flush", Flush: 70_000, Data: elf[:70_020]},
		{Name: "tar", Data: tar},
		{Name: "zeros-300", Data: make([]byte, 300)},
		{Name: "zeros", Data: make([]byte, 300_000)},
		{Name: "random-65536", Data: Random(4, 65536)},
		{Name: "random", Data: Random(5, 150_000)},
		{Name: "few", Data: Few(6, 150_000)},
		{Name: "far", Data: Far(7, 200_000)},
		{Name: "rare", Data: Rare(8, 300_000)},
		{Name: "skewed", Data: Skewed(9, 200_000)},
	}
}

// PgzipItems returns the inputs of the pgzip streams: around multiples of the
// block sizes, and none at all.
func PgzipItems() []Item {
	tar := Tar(10, 3<<20)
	return []Item{
		{Name: "empty"},
		{Name: "one", Data: []byte("x")},
		{Name: "tar-2MiB", Data: tar[:2<<20]},
		{Name: "tar-2MiB+1", Data: tar[:2<<20+1]},
		{Name: "tar", Data: tar[1<<20 : 2<<20+345_678]},
	}
}

// rng is splitmix64 (Steele, Lea, Flood 2014).
type rng uint64

func (r *rng) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	z := uint64(*r)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below returns a number from 0 to n-1.
func (r *rng) below(n int) int { return int(r.next() >> 1 % uint64(n)) }

// Random returns n bytes that do not compress.
func Random(seed uint64, n int) []byte {
	r := rng(seed)
	b := make([]byte, 0, n+8)
	for len(b) < n {
		b = binary.LittleEndian.AppendUint64(b, r.next())
	}
	return b[:n]
}

// Text returns n bytes of lines of words, some words much more frequent than others.
func Text(seed uint64, n int) []byte {
	r := rng(seed)
	words := make([][]byte, 3000)
	for i := range words {
		w := make([]byte, 2+r.below(9))
		for j := range w {
			w[j] = "etaoinshrdlucmfwypvbgkjqxz"[min(r.below(26), r.below(26))]
		}
		words[i] = w
	}
	b := make([]byte, 0, n+16)
	for line := 0; len(b) < n; {
		w := words[min(r.below(len(words)), r.below(len(words)), r.below(len(words)))]
		b = append(b, w...)
		if line += len(w) + 1; line > 72 {
			b = append(b, '\n')
			line = r.below(8)
			for range line {
				b = append(b, ' ')
			}
		} else {
			b = append(b, " ,.;"[r.below(40)/39*r.below(4)])
		}
	}
	return b[:n]
}

// ELF returns n bytes like those of an executable: code with offsets, tables of
// addresses, names, and padding.
func ELF(seed uint64, n int) []byte {
	r := rng(seed)
	ops := make([][]byte, 200)
	for i := range ops {
		ops[i] = Random(r.next(), 1+r.below(5))
	}
	b := append(make([]byte, 0, n+64), "\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00"...)
	addr := uint64(0x400000)
	for len(b) < n {
		switch r.below(8) {
		case 0:
			for range r.below(100) {
				addr += uint64(r.below(256))
				b = binary.LittleEndian.AppendUint64(b, addr)
			}
		case 1:
			b = append(b, Text(r.next(), r.below(600))...)
		case 2:
			b = append(b, make([]byte, r.below(300))...)
		default:
			for range 40 + r.below(400) {
				b = append(b, ops[min(r.below(len(ops)), r.below(len(ops)))]...)
				if r.below(4) == 0 {
					b = binary.LittleEndian.AppendUint32(b, uint32(r.below(1<<14)))
				}
			}
		}
	}
	return b[:n]
}

// Tar returns n bytes like those of an image layer: 512-byte headers and
// files of all kinds, padded.
func Tar(seed uint64, n int) []byte {
	r := rng(seed)
	b := make([]byte, 0, n+1<<16)
	for len(b) < n {
		size := r.below(1 << (4 + r.below(14)))
		var h [512]byte
		copy(h[:], "usr/share/"+string(Text(uint64(r.below(50)), 20+r.below(30))))
		copy(h[100:], "0000644\x000000000\x000000000\x00")
		for i, v := 0, size; i < 11; i++ {
			h[134-i] = '0' + byte(v&7)
			v >>= 3
		}
		copy(h[136:], "14371573412\x00")
		copy(h[257:], "ustar\x0000root")
		b = append(b, h[:]...)
		switch r.below(6) {
		case 0:
			b = append(b, Random(r.next(), size)...)
		case 1:
			b = append(b, make([]byte, size)...)
		case 2, 3:
			b = append(b, ELF(uint64(r.below(4)), size)...)
		default:
			b = append(b, Text(uint64(r.below(6)), size)...)
		}
		b = append(b, make([]byte, -size&511)...)
	}
	return b[:n]
}

// Few returns n bytes of four values.
func Few(seed uint64, n int) []byte {
	b := Random(seed, n)
	for i := range b {
		b[i] = "ACGT"[b[i]&3]
	}
	return b
}

// Far returns n bytes that repeat at distances around the size of the window.
func Far(seed uint64, n int) []byte {
	r := rng(seed)
	b := Random(seed, 33_000)
	for len(b) < n {
		from := len(b) - 32768 - 40 + r.below(80)
		b = append(b, b[from:from+3+r.below(300)]...)
		b = append(b, Random(r.next(), r.below(6))...)
	}
	return b[:n]
}

// Rare returns n bytes in which matches are short and few.
func Rare(seed uint64, n int) []byte {
	r := rng(seed)
	b := Random(seed, 200)
	for len(b) < n {
		b = append(b, Random(r.next(), 20+r.below(400))...)
		from := r.below(len(b) - 20)
		from = max(from, len(b)-30_000)
		b = append(b, b[from:from+4+r.below(5)]...)
	}
	return b[:n]
}

// Skewed returns n bytes without repetitions whose values change in frequency as
// they go.
func Skewed(seed uint64, n int) []byte {
	r := rng(seed)
	b := make([]byte, n)
	for i := range b {
		k := 2 + i>>14&7
		v := 255
		for range k {
			v = min(v, r.below(256))
		}
		b[i] = byte(v + i>>16*40)
	}
	return b
}
