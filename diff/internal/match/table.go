package match

import (
	"encoding/binary"
	"math/bits"
	"sort"
)

// seedLen is the number of bytes that two places must share to be found.
const seedLen = 8

// table finds the places of a text where eight given bytes may stand. The
// places of one hash value lie together and in rising order, so that the one
// nearest to an expected place is a binary search away, however common the
// bytes are: runs of zeros cost no more than anything else.
type table struct {
	text  []byte
	shift uint
	head  []uint32 // places of hash h are at[head[h]:head[h+1]]
	at    []uint32
}

const seedFactor = 0x9E3779B185EBCA87

func hashAt(b []byte, shift uint) uint32 {
	return uint32(binary.LittleEndian.Uint64(b) * seedFactor >> shift)
}

// newTable indexes text, every step-th place of it.
func newTable(text []byte, step int) *table {
	n := len(text) - seedLen + 1
	if n < 1 {
		return &table{text: text}
	}
	width := bits.Len(uint(n/step)) - 1
	width = min(max(width, 8), 24)
	t := &table{text: text, shift: uint(64 - width)}
	t.head = make([]uint32, 1<<width+2)
	count := t.head[2:] // counts, then starts, then (shifted down by one) ends
	for i := 0; i < n; i += step {
		h := hashAt(text[i:], t.shift)
		if int(h) < len(count) {
			count[h]++
		}
	}
	// The last value's count would lie behind the slice: nothing needs it.
	sum := uint32(0)
	for h := range count {
		sum += count[h]
		count[h] = sum
	}
	t.at = make([]uint32, (n+step-1)/step)
	next := t.head[1:]
	for i := 0; i < n; i += step {
		h := hashAt(text[i:], t.shift)
		t.at[next[h]] = uint32(i)
		next[h]++
	}
	return t
}

// places returns where b, of at least seedLen bytes, may stand.
func (t *table) places(b []byte) []uint32 {
	if t.head == nil {
		return nil
	}
	h := hashAt(b, t.shift)
	return t.at[t.head[h]:t.head[h+1]]
}

// nearest returns the index in places of the first one not below want.
func nearest(places []uint32, want int) int {
	return sort.Search(len(places), func(i int) bool { return int(places[i]) >= want })
}

// common returns the length of the common prefix of a and b.
func common(a, b []byte) int {
	n := min(len(a), len(b))
	i := 0
	for ; i+8 <= n; i += 8 {
		if x := binary.LittleEndian.Uint64(a[i:]) ^ binary.LittleEndian.Uint64(b[i:]); x != 0 {
			return i + bits.TrailingZeros64(x)>>3
		}
	}
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}

// equalCount returns how many bytes of a equal those of b at the same index.
func equalCount(a, b []byte) int {
	n := min(len(a), len(b))
	s := 0
	for i := range n {
		if a[i] == b[i] {
			s++
		}
	}
	return s
}
