package zlibenc

import (
	"encoding/binary"
	"math/bits"
)

// longest looks along the hash chain that starts at cur for a match at strStart
// that is longer than best bytes. It returns the length of the longest of them
// (the nearest, if several are equally long) and sets matchStart, or returns
// best. The result is never longer than the lookahead.
func (e *encoder) longest(cur, best int) int {
	s := search{e: e, w: e.window, scan: e.strStart, best: best, nice: e.nice, left: e.chain}
	s.limit = max(0, s.scan-e.maxDist)
	if best >= e.good {
		s.left >>= 2
	}
	if !e.gzipEnd && s.nice > e.lookahead {
		s.nice = e.lookahead
	}
	s.aim()
	if cur == s.limit {
		// As far as it may be: zlib's loop looks at its first candidate before it
		// compares with the limit, which itself is excluded.
		if (load64(s.w, cur+s.off)^s.want)&s.mask == 0 {
			s.take(cur)
		}
		return min(s.best, e.lookahead)
	}
	if e.order != nil && e.lookahead >= minLookahead && s.left > 8 {
		s.skipping(cur)
	} else {
		m := len(e.prev) - 1
		for left := s.left; ; {
			hit := 0
			if hit, left = s.walk(cur, left); hit == 0 || s.best >= s.nice {
				break
			}
			cur = int(e.prev[hit&m])
		}
	}
	return min(s.best, e.lookahead)
}

// search is one run of longest.
type search struct {
	e           *encoder
	w           []byte
	scan, limit int
	best, nice  int
	left        int // candidates on the first chain that may be looked at

	// A candidate c can only be longer than best if the word at c+off equals
	// want where mask has bits.
	want, mask uint64
	off        int
}

func load64(b []byte, i int) uint64 { return binary.LittleEndian.Uint64(b[i:]) }

// aim sets the word to look for from best.
func (s *search) aim() {
	if s.best < 7 {
		s.off, s.mask = 0, 1<<(8*uint(s.best+1))-1
	} else {
		s.off, s.mask = s.best-7, ^uint64(0)
	}
	s.want = load64(s.w, s.scan+s.off)
}

// matchLen is the number of equal bytes at positions a and b, at most 258.
func matchLen(w []byte, a, b int) int {
	x, y := w[a:a+maxMatch], w[b:b+maxMatch]
	n := 0
	for ; n+8 <= maxMatch; n += 8 {
		if d := load64(x, n) ^ load64(y, n); d != 0 {
			return n + bits.TrailingZeros64(d)>>3
		}
	}
	for n < maxMatch && x[n] == y[n] {
		n++
	}
	return n
}

// take makes candidate c, which passed the test of its word, the best match if
// it is longer. It reports whether it was.
func (s *search) take(c int) bool {
	n := matchLen(s.w, s.scan, c)
	if n <= s.best {
		return false
	}
	s.e.matchStart, s.best = c, n
	if n < s.nice {
		s.aim()
	}
	return true
}

// walk looks at up to n candidates from cur on, along the chain. It stops at the
// first that is longer than best, and returns it and how many it may look at
// after it; without one it returns 0.
func (s *search) walk(cur, n int) (hit, left int) {
	prev, w := s.e.prev, s.w
	m := len(prev) - 1
	off, want, mask, limit := s.off, s.want, s.mask, s.limit
	for cur > limit && n > 0 {
		n--
		if (load64(w, cur+off)^want)&mask == 0 && s.take(cur) {
			return cur, n
		}
		cur = int(prev[cur&m])
	}
	return 0, 0
}
