package kpflate

import (
	"encoding/binary"
	"math/bits"
)

const (
	// history is the size of what blocks are appended to. Before a block that does
	// not fit, all but the last maxOffset bytes of it are dropped.
	history = 5 * maxStored

	// rebase bounds positions, so that they fit an int32.
	rebase = 1 << 30

	// Matches end, and are looked for, this far before the end of a block.
	inputMargin = 12 - 1
)

// An encoder makes the tokens of a block of the levels 1 to 6: what is in w from
// from on. Where it finds no match at all it leaves t empty.
type encoder interface {
	encode(t *tokens, w *window, from int)
	// shift lowers all positions by delta, to 0 at least.
	shift(delta int32)
}

// fast is the compressor of levels 1 to 6: blocks of maxStored bytes, with hash
// tables instead of chains, matches reaching back over several blocks.
type fast struct {
	out *blockWriter
	enc encoder
	win window
	t   tokens
	n   int // bytes waiting at the end of win
}

// window is what matches may refer to.
type window struct {
	cur int                           // added to positions in the tables
	end int                           // of data
	buf [history + maxStored + 8]byte // and a block that waits, and room for loads
}

func newFast(out *blockWriter, r *rules, level int) *fast {
	f := &fast{out: out}
	f.win.cur = maxStored
	switch level {
	case 1:
		f.enc = &level1{h: newHasher(r.hash5, 15, 0x1e35a7bd), cut258: r.cut258}
	case 2:
		f.enc = &level2{h: newHasher(r.hash5, 17, prime4), cut258: r.cut258}
	case 3:
		f.enc = newLevel3(r)
	case 4:
		f.enc = &level4{rules: r}
	case 5:
		f.enc = &level5{rules: r}
	case 6:
		f.enc = &level6{rules: r}
	}
	return f
}

func (f *fast) write(p []byte) {
	for len(p) > 0 {
		if f.n == maxStored {
			f.block(false)
		}
		n := copy(f.win.buf[f.win.end+f.n:f.win.end+maxStored], p)
		f.n += n
		p = p[n:]
	}
}

// room makes room for the block that waits.
func (f *fast) room() {
	w := &f.win
	if w.end+f.n <= history {
		return
	}
	drop := w.end - maxOffset
	copy(w.buf[:], w.buf[drop:w.end+f.n])
	w.cur += drop
	w.end = maxOffset
	if w.cur >= rebase {
		f.enc.shift(int32(w.cur - maxOffset))
		w.cur = maxOffset
	}
}

func (f *fast) sync() {
	block := f.win.buf[f.win.end : f.win.end+f.n]
	switch {
	case f.n == 0:
		return
	case f.n >= 128:
		f.block(true)
		return
	case f.n <= 32:
		f.out.writeStored(block)
	default:
		f.out.writeLiterals(block, true)
	}
	f.forget()
}

// block writes the waiting bytes.
func (f *fast) block(sync bool) {
	n := f.n
	f.encode()
	plain := f.win.buf[f.win.end-n : f.win.end]
	switch {
	case f.t.n == 0:
		f.out.writeStored(plain)
	case f.t.n > n-n>>4: // hardly a match
		f.out.writeLiterals(plain, sync)
	default:
		f.out.writeDynamic(&f.t, plain, sync)
	}
	f.t.reset()
}

func (f *fast) encode() {
	f.room()
	n := f.n
	f.n = 0
	f.win.end += n
	if n >= inputMargin+2 {
		f.enc.encode(&f.t, &f.win, f.win.end-n)
	}
}

// forget puts everything so far out of reach.
func (f *fast) forget() {
	f.n = 0
	f.win.cur += maxOffset + f.win.end
	f.win.end = 0
	if f.win.cur >= rebase {
		f.enc.shift(int32(f.win.cur))
		f.win.cur = maxStored
	}
}

func (f *fast) reset(dict []byte) {
	f.t.reset()
	f.forget()
	if len(dict) > 0 {
		f.n = copy(f.win.buf[:], dict[max(0, len(dict)-maxOffset):])
		f.encode()
		f.t.reset()
	}
}

func (w *window) load32(i int) uint32 { return binary.LittleEndian.Uint32(w.buf[i:]) }
func (w *window) load64(i int) uint64 { return binary.LittleEndian.Uint64(w.buf[i:]) }

// matchLen returns the number of equal bytes at s and t, where t < s, up to limit.
func (w *window) matchLen(s, t, limit int) int {
	a := w.buf[s:limit]
	b := w.buf[t : t+len(a)]
	n := 0
	for len(a) >= 8 {
		if x := binary.LittleEndian.Uint64(a) ^ binary.LittleEndian.Uint64(b); x != 0 {
			return n + bits.TrailingZeros64(x)>>3
		}
		a, b = a[8:], b[8:]
		n += 8
	}
	b = b[:len(a)]
	for i := range a {
		if a[i] != b[i] {
			return n + i
		}
	}
	return n + len(a)
}

const (
	prime4 = 2654435761
	prime5 = 889523592379
	prime7 = 58295818150454627
)

// hasher hashes the first four or five bytes of a value.
type hasher struct {
	prime uint64
	shift uint8 // drops the other bytes
	drop  uint8 // 64 less the bits of the hash
}

func newHasher(five bool, tableBits uint8, prime uint64) hasher {
	if five {
		return hasher{prime5, 64 - 40, 64 - tableBits}
	}
	return hasher{prime, 32, 64 - tableBits}
}

func (h hasher) hash(v uint64) uint32 {
	return uint32(v << (h.shift & 63) * h.prime >> (h.drop & 63))
}

const tableBits = 15

func hash4(v uint64) uint32 { return uint32(v) * prime4 >> (32 - tableBits) }
func hash7(v uint64) uint32 { return uint32(v << 8 * prime7 >> (64 - tableBits)) }

func shift(table []int32, delta int32) {
	for i, v := range table {
		table[i] = max(v-delta, 0)
	}
}

func shiftPairs(table []pair, delta int32) {
	for i, v := range table {
		table[i] = pair{max(v.cur-delta, 0), max(v.prev-delta, 0)}
	}
}

// A pair has the last two positions with one hash.
type pair struct{ cur, prev int32 }

func (p *pair) push(pos int32) { p.cur, p.prev = pos, p.cur }
