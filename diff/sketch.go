package diff

import "encoding/binary"

// Anchors are places that are chosen by their content alone, so that the same
// content is noticed wherever it stands. The hash is the gear hash of FastCDC
// (Xia et al., USENIX ATC 2016): h = h<<1 + gear[b], whose low 32 bits depend
// on just the last 32 bytes.

// anchorSpan is the number of bytes that an anchor's hash covers.
const anchorSpan = 32

// What bounds the anchors of a run: a multiple of what is expected, and a few more.
const (
	maxDense = 8
	minDense = 64
)

var gear = func() (t [256]uint64) {
	x := uint64(0x243F6A8885A308D3)
	for i := range t { // splitmix64 (Vigna, public domain)
		x += 0x9E3779B97F4A7C15
		z := x
		z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
		z = (z ^ z>>27) * 0x94D049BB133111EB
		t[i] = z ^ z>>31
	}
	return t
}()

// anchor is a chosen place: its span ends just before at.
type anchor struct {
	hash uint64 // of the span
	at   int64
}

// appendAnchors notes the anchors of b, whose first byte has the offset base:
// one in 1<<rate places on average. In repetitive data a hash that comes again
// at once is skipped. Of data that is made to have more anchors than maxDense times
// that, only so many are noted.
func appendAnchors(list []anchor, b []byte, base int64, rate uint) []anchor {
	if len(b) < anchorSpan {
		return list
	}
	mask := uint64(1)<<rate - 1
	mask <<= 32 - rate
	var h uint64
	for _, c := range b[:anchorSpan-1] {
		h = h<<1 + gear[c]
	}
	room := len(list) + maxDense*(len(b)>>rate) + minDense
	last, lastAt := uint64(0), -1
	for i, c := range b[anchorSpan-1:] {
		h = h<<1 + gear[c]
		if h&mask != 0 {
			continue
		}
		v := spanHash(b[i : i+anchorSpan])
		if v == last && i-lastAt < 4*anchorSpan && lastAt >= 0 {
			lastAt = i
			continue
		}
		if len(list) == room {
			break
		}
		last, lastAt = v, i
		list = append(list, anchor{v, base + int64(i) + anchorSpan})
	}
	return list
}

// spanHash tells spans apart. The gear hash cannot: among anchors, 27 of its bits
// are left, and in a gigabyte many are equal by chance.
func spanHash(b []byte) uint64 {
	h := uint64(0)
	for k := 0; k < anchorSpan; k += 8 {
		h = (h ^ binary.LittleEndian.Uint64(b[k:])) * 0x9E3779B97F4A7C15
		h ^= h >> 29
	}
	return h
}
