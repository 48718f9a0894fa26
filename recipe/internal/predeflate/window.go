package predeflate

import (
	"encoding/binary"
	"math/bits"
)

const (
	windowSize = 32 << 10
	maxMatch   = 258
	tooFar     = 4096 // see zlib
	// need is how many bytes from the current position on must be known to code a
	// token, unless the plain bytes end before.
	need       = 2*maxMatch + 16
	bufferSize = 8 * windowSize
	slack      = 16 // zero bytes after the data, so that words can be read
)

// window holds the plain bytes around the current position, and the hash chains
// over those before it. Indexes are into buf; slide changes them all.
type window struct {
	p     params
	buf   []byte
	pos   int // current position
	end   int // end of the bytes
	added int // positions before this one are hashed, or were skipped
	base  int64

	head []int32
	prev []uint16 // distance to the next in the chain, 0 if there is none
}

func newWindow(p params) *window {
	w := &window{p: p, buf: make([]byte, bufferSize+slack)}
	w.head = make([]int32, 1<<p.hashBits)
	for i := range w.head {
		w.head[i] = -1
	}
	w.prev = make([]uint16, windowSize)
	return w
}

// fill takes as much of b as there is room for, and returns how much.
func (w *window) fill(b []byte) int {
	if w.end == bufferSize && w.pos > 2*windowSize {
		w.slide()
	}
	n := copy(w.buf[w.end:bufferSize], b)
	w.end += n
	clear(w.buf[w.end:min(w.end+slack, len(w.buf))])
	return n
}

func (w *window) slide() {
	by := w.pos - windowSize
	copy(w.buf, w.buf[by:w.end])
	w.pos -= by
	w.end -= by
	w.added = max(w.added-by, 0)
	w.base += int64(by)
	for i, h := range w.head {
		w.head[i] = max(h-int32(by), -1)
	}
	// prev is indexed by position modulo the window.
	w.rotate(by)
}

// rotate moves prev's entries to where they are looked for after a slide.
func (w *window) rotate(by int) {
	if by &= windowSize - 1; by != 0 {
		t := append([]uint16(nil), w.prev...)
		n := copy(w.prev, t[by:])
		copy(w.prev[n:], t[:by])
	}
}

func (s search) none() bool { return s.chain == 0 }

func (w *window) hash(i int) uint32 {
	v := binary.LittleEndian.Uint32(w.buf[i:])
	if w.p.minMatch == 4 {
		return v * 0x9e3779b1 >> (32 - uint(w.p.hashBits))
	}
	step := uint(w.p.hashBits+2) / 3
	return (v<<(2*step) ^ v>>8&255<<step ^ v>>16&255) & (1<<w.p.hashBits - 1)
}

// add hashes the positions before to. It needs the bytes after them; near the
// end of the data zeros stand for them.
func (w *window) add(to int) {
	for i := w.added; i < to; i++ {
		h := w.hash(i)
		d := i - int(w.head[h])
		if w.head[h] < 0 || d > windowSize {
			d = 0
		}
		w.prev[i&(windowSize-1)] = uint16(d & 0xffff)
		w.head[h] = int32(i)
	}
	w.added = max(w.added, to)
}

// match is a match, or none if its length is 0.
type match struct{ length, dist int }

// find looks for a match at position at that is longer than best, trying at most
// chain candidates as zlib would.
func (w *window) find(at, best, chain int) match {
	var m match
	rest := min(maxMatch, w.end-at)
	if rest < w.p.minMatch || best >= rest {
		return m
	}
	nice := min(w.p.search.nice, rest)
	cur := int(w.head[w.hash(at)])
	for first := true; cur >= 0 && cur < at; first = false {
		d := at - cur
		if d > w.p.maxDist || !first && d == w.p.maxDist && d < windowSize {
			break
		}
		if w.buf[cur+best] == w.buf[at+best] {
			if n := w.equal(cur, at, rest); n > best && n >= w.p.minMatch {
				best = n
				m = match{n, d}
				if n >= nice {
					break
				}
			}
		}
		if chain--; chain == 0 {
			break
		}
		step := int(w.prev[cur&(windowSize-1)])
		if step == 0 {
			break
		}
		cur -= step
	}
	return m
}

// equal is the number of equal bytes at a and b, at most most.
func (w *window) equal(a, b, most int) int {
	n := 0
	for ; n+8 <= most; n += 8 {
		if x := binary.LittleEndian.Uint64(w.buf[a+n:]) ^ binary.LittleEndian.Uint64(w.buf[b+n:]); x != 0 {
			return n + bits.TrailingZeros64(x)>>3
		}
	}
	for n < most && w.buf[a+n] == w.buf[b+n] {
		n++
	}
	return n
}

// maxHops bounds the search for the distance of a known length.
const maxHops = 4096

// hops walks along the chain of the current position over the candidates whose
// match is at least length long. Called with a distance it returns the number of
// those before it, or -1; called with dist 0, the distance of number n, or 0.
func (w *window) hops(length, dist, n int) int {
	cur := int(w.head[w.hash(w.pos)])
	if length < w.p.minMatch || w.end-w.pos < length {
		cur = -1
	}
	for i, seen := 0, 0; i < maxHops && cur >= 0; i++ {
		d := w.pos - cur
		if d > windowSize {
			break
		}
		// The current position itself may be hashed already.
		if d > 0 && w.buf[cur+length-1] == w.buf[w.pos+length-1] && w.equal(cur, w.pos, length) >= length {
			if dist == 0 && seen == n {
				return d
			}
			if d == dist {
				return seen
			}
			seen++
		}
		step := int(w.prev[cur&(windowSize-1)])
		if step == 0 {
			break
		}
		cur -= step
	}
	if dist == 0 {
		return 0
	}
	return -1
}
