// Package xxhash is XXH64 with seed 0 (http://cyan4973.github.io/xxHash/), which
// zstd frames use as their checksum. It is cut down from cespare/xxhash (see LICENSE).
package xxhash

import (
	"encoding/binary"
	"math/bits"
)

const (
	prime1 uint64 = 11400714785074694791
	prime2 uint64 = 14029467366897019727
	prime3 uint64 = 1609587929392839161
	prime4 uint64 = 9650029242287828579
	prime5 uint64 = 2870177450012600261
)

// Digest is a running hash. Start with New or Reset.
type Digest struct {
	v     [4]uint64
	total uint64
	mem   [32]byte
	n     int // how much of mem is used
}

// New returns an empty Digest.
func New() *Digest {
	d := new(Digest)
	d.Reset()
	return d
}

// Reset empties the Digest.
func (d *Digest) Reset() {
	p := prime1 // not constant, so that it may overflow
	d.v = [4]uint64{p + prime2, prime2, 0, -p}
	d.total, d.n = 0, 0
}

// Write adds b to the hash.
func (d *Digest) Write(b []byte) (int, error) {
	n := len(b)
	d.total += uint64(n)
	if d.n > 0 {
		c := copy(d.mem[d.n:], b)
		d.n += c
		b = b[c:]
		if d.n < len(d.mem) {
			return n, nil
		}
		d.blocks(d.mem[:])
		d.n = 0
	}
	whole := len(b) &^ 31
	d.blocks(b[:whole])
	d.n = copy(d.mem[:], b[whole:])
	return n, nil
}

func (d *Digest) blocks(b []byte) {
	v1, v2, v3, v4 := d.v[0], d.v[1], d.v[2], d.v[3]
	for ; len(b) >= 32; b = b[32:] {
		v1 = round(v1, binary.LittleEndian.Uint64(b))
		v2 = round(v2, binary.LittleEndian.Uint64(b[8:]))
		v3 = round(v3, binary.LittleEndian.Uint64(b[16:]))
		v4 = round(v4, binary.LittleEndian.Uint64(b[24:]))
	}
	d.v = [4]uint64{v1, v2, v3, v4}
}

// Sum64 returns the hash of all that was written.
func (d *Digest) Sum64() uint64 {
	h := d.v[2] + prime5
	if d.total >= 32 {
		h = bits.RotateLeft64(d.v[0], 1) + bits.RotateLeft64(d.v[1], 7) +
			bits.RotateLeft64(d.v[2], 12) + bits.RotateLeft64(d.v[3], 18)
		for _, v := range d.v {
			h = (h^round(0, v))*prime1 + prime4
		}
	}
	h += d.total
	b := d.mem[:d.n]
	for ; len(b) >= 8; b = b[8:] {
		h = bits.RotateLeft64(h^round(0, binary.LittleEndian.Uint64(b)), 27)*prime1 + prime4
	}
	if len(b) >= 4 {
		h = bits.RotateLeft64(h^uint64(binary.LittleEndian.Uint32(b))*prime1, 23)*prime2 + prime3
		b = b[4:]
	}
	for _, c := range b {
		h = bits.RotateLeft64(h^uint64(c)*prime5, 11) * prime1
	}
	h = (h ^ h>>33) * prime2
	h = (h ^ h>>29) * prime3
	return h ^ h>>32
}

func round(acc, input uint64) uint64 {
	return bits.RotateLeft64(acc+input*prime2, 31) * prime1
}
