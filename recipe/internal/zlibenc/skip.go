package zlibenc

// The search below finds what walking the chain finds, faster.
//
// A candidate that is longer than the best match so far, of L bytes, equals the
// L+1 bytes at strStart. So it is also found k bytes earlier than the members
// of the hash chain of the string at strStart+k, for every k up to L-2; and
// some of those chains are much sparser. (The idea of following another chain
// is Jakub Jelinek's and Mark Adler's; zlib-ng uses it and accepts
// other matches.)
//
// To find exactly the same match, two things are needed. Every string before
// strStart must be hashed, which holds for lazy evaluation away from the end.
// And the number of candidates on the first chain that zlib would have looked at
// must be known: e.order numbers the members of each chain, so the number of a
// candidate among the candidates is a subtraction.

// maxOffsets bounds how many chains are considered after a match.
const maxOffsets = 32

// skipping does the search that starts at cur.
func (s *search) skipping(cur int) {
	prev, order := s.e.prev, s.e.order
	m := len(prev) - 1
	first := order[cur&m] // number of the first candidate
	left := s.left        // candidates that may be looked at from cur on

	if s.best >= 4 {
		// Lazy evaluation: something longer than the last match is wanted.
		k := s.best - 2
		p := int(s.e.head[s.e.hash(s.scan+k)])
		// Candidates less than k away are not on that chain yet.
		for cur > s.scan-k {
			if (load64(s.w, cur+s.off)^s.want)&s.mask == 0 && s.take(cur) {
				if s.best < s.nice {
					s.goOn(cur, first)
				}
				return
			}
			left--
			cur = int(prev[cur&m])
			if cur <= s.limit || left == 0 {
				return
			}
		}
		if p-k < cur {
			switch s.follow(p, k, first, left) {
			case done:
				return
			case found:
				s.goOn(s.e.matchStart, first)
				return
			}
		}
	}
	if hit, _ := s.walk(cur, left); hit != 0 && s.best < s.nice {
		s.goOn(hit, first)
	}
}

// goOn continues the search after the match at cur, where first is the number of
// the first candidate.
func (s *search) goOn(cur int, first uint16) {
	prev, order := s.e.prev, s.e.order
	m := len(prev) - 1
	for cur != 0 && s.best < s.nice {
		left := s.left - 1 - int(first-order[cur&m])
		k, p := s.sparsest(cur)
		if p-k <= s.limit {
			return
		}
		if k > 0 {
			switch s.follow(p, k, first, left) {
			case done:
				return
			case found:
				cur = s.e.matchStart
				continue
			}
		}
		cur, _ = s.walk(int(prev[cur&m]), left)
	}
}

// sparsest picks, among the chains of the strings of the match at cur, the one
// whose next candidate is farthest. It returns the offset of the string and the
// next position on its chain.
func (s *search) sparsest(cur int) (k, p int) {
	prev := s.e.prev
	m := len(prev) - 1
	p = int(prev[cur&m])
	far := p
	last := min(s.best-3, s.scan-cur)
	for i := max(1, last-maxOffsets); i <= last; i++ {
		q := int(prev[(cur+i)&m])
		if q-i < far {
			k, p, far = i, q, q-i
		}
	}
	// The string that ends in the first byte after the match, if the latest of
	// its kind is far enough away.
	if i := s.best - 2; i <= s.scan-cur {
		q := int(s.e.head[s.e.hash(s.scan+i)])
		if q-i < far {
			k, p = i, q
		}
	}
	return k, p
}

// Outcomes of follow.
const (
	done   = iota // no candidate is left
	found         // a longer match, and the search goes on from it
	giveUp        // this chain is no shorter than the first
)

// follow looks at the candidates k before the members of a chain, from p on,
// and at no more than steps of them.
func (s *search) follow(p, k int, first uint16, steps int) int {
	prev, w := s.e.prev, s.w
	m := len(prev) - 1
	limit := s.limit + k
	d := s.off - k
	want, mask := s.want, s.mask
	for ; p > limit; steps-- {
		if steps < 0 {
			return giveUp
		}
		if (load64(w, p+d)^want)&mask == 0 {
			c := p - k
			if n := matchLen(w, s.scan, c); n > s.best {
				if int(first-s.e.order[c&m]) >= s.left {
					return done
				}
				s.e.matchStart, s.best = c, n
				if n >= s.nice {
					return done
				}
				s.aim()
				return found
			}
		}
		p = int(prev[p&m])
	}
	return done
}
