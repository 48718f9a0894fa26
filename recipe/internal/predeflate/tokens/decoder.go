package tokens

import (
	"fmt"

	"github.com/docker-delta/docker-delta/recipe/internal/zlibenc/trees"
)

// fastBits is how many bits one look into the table decodes.
const fastBits = 10

// decoder decodes a canonical Huffman code: by table, or bit by bit where the
// code is long.
type decoder struct {
	fast   [1 << fastBits]uint16 // symbol<<4 | length, or 0
	count  [trees.MaxBits + 1]int
	symbol [288]uint16
}

// init prepares for the code of the given lengths. A code may be incomplete, but
// not overfull.
func (d *decoder) init(lens []uint8) error {
	d.fast = [1 << fastBits]uint16{}
	d.count = [trees.MaxBits + 1]int{}
	for _, l := range lens {
		d.count[l]++
	}
	left := 1
	for l := 1; l <= trees.MaxBits; l++ {
		if left = left<<1 - d.count[l]; left < 0 {
			return fmt.Errorf("%w: overfull code", ErrCorrupt)
		}
	}
	var at [trees.MaxBits + 2]int
	for l := 1; l <= trees.MaxBits; l++ {
		at[l+1] = at[l] + d.count[l]
	}
	var codes [288]uint16
	trees.Codes(lens, codes[:])
	for s, l := range lens {
		if l == 0 {
			continue
		}
		d.symbol[at[l]] = uint16(s)
		at[l]++
		if l <= fastBits {
			for c := int(codes[s]); c < 1<<fastBits; c += 1 << l {
				d.fast[c] = uint16(s)<<4 | uint16(l)
			}
		}
	}
	return nil
}

func (r *Reader) symbol(d *decoder) (int, error) {
	// Near the end of the stream there may be fewer bits than a code can have.
	for {
		if e := d.fast[r.acc&(1<<fastBits-1)]; e != 0 && uint(e&15) <= r.n {
			r.acc >>= e & 15
			r.n -= uint(e & 15)
			return int(e >> 4), nil
		}
		if r.n >= trees.MaxBits {
			break
		}
		if s, n := d.slow(r.acc, r.n); n > 0 {
			r.acc >>= n
			r.n -= n
			return s, nil
		}
		if err := r.need(r.n + 1); err != nil {
			return 0, err
		}
	}
	s, n := d.slow(r.acc, r.n)
	if n == 0 {
		return 0, fmt.Errorf("%w: bad code", ErrCorrupt)
	}
	r.acc >>= n
	r.n -= n
	return s, nil
}

// slow decodes one symbol of the have bits in acc, bit by bit. It returns its
// length, 0 if there is none.
func (d *decoder) slow(acc uint64, have uint) (sym int, n uint) {
	code, first, index := 0, 0, 0
	for l := 1; l <= trees.MaxBits && uint(l) <= have; l++ {
		code |= int(acc & 1)
		acc >>= 1
		c := d.count[l]
		if code-c < first {
			return int(d.symbol[index+code-first]), uint(l)
		}
		index += c
		first = (first + c) << 1
		code <<= 1
	}
	return 0, 0
}
