package kpflate

// level3 has two candidates for each hash.
type level3 struct {
	h      hasher
	cut258 bool
	margin int
	skip   int // log of the distance after which steps get bigger
	every  int // inside of matches, a hash for so many bytes; 0: none
	ahead  int // bytes that were loaded for a hash
	table  [1 << 16]pair
}

func newLevel3(r *rules) *level3 {
	e := &level3{cut258: r.cut258, margin: 8 - 1, skip: 6, ahead: 4}
	switch {
	case r.hash5:
		e.h = newHasher(true, 16, 0)
		e.margin, e.skip, e.every, e.ahead = inputMargin, 7, 6, 8
	case r.level3:
		e.h = newHasher(false, 16, prime4)
		e.every = 5
	default:
		e.h = newHasher(false, 15, 0x1e35a7bd)
	}
	return e
}

func (e *level3) shift(delta int32) { shiftPairs(e.table[:], delta) }

func (e *level3) hash(v uint64) uint32 { return e.h.hash(v) & (1<<16 - 1) }

func (e *level3) encode(dst *tokens, w *window, s int) {
	src := w.buf[:w.end]
	table := &e.table
	cur := w.cur
	limit := len(src) - e.margin
	emitted := s
	cv := w.load64(s)
	for {
		nextS := s
		var t int
		for {
			h := e.hash(cv)
			s = nextS
			nextS = s + 1 + (s-emitted)>>e.skip
			if nextS > limit {
				goto rest
			}
			cand := table[h]
			now := w.load64(nextS)
			// A match of four bytes is in reach from here on.
			reach := s - (maxOffset - 4)
			table[h] = pair{int32(s + cur), cand.cur}
			t = int(cand.cur) - cur
			t2 := int(cand.prev) - cur
			if t < reach { // and t2 too
				cv = now
				continue
			}
			if uint32(cv) == w.load32(t) {
				if t2 >= reach && uint32(cv) == w.load32(t2) &&
					w.matchLen(s+4, t2+4, len(src)) > w.matchLen(s+4, t+4, len(src)) {
					t = t2
				}
				break
			}
			t = t2
			if t > reach && uint32(cv) == w.load32(t) {
				break
			}
			cv = now
		}

		for {
			l := w.matchLen(s+4, t+4, len(src)) + 4
			for t > 0 && s > emitted && src[t-1] == src[s-1] {
				s--
				t--
				l++
			}
			dst.literals(src[emitted:s])
			dst.longMatch(l, s-t, e.cut258)
			s += l
			emitted = s
			if nextS >= s {
				s = nextS + 1
			}
			if s >= limit {
				t += l
				if t+e.ahead < len(src) && t > 0 {
					table[e.hash(w.load64(t))].push(int32(cur + t))
				}
				goto rest
			}

			if e.every > 0 {
				for i := s - l + 2; i < s-5; i += e.every {
					table[e.hash(w.load64(i))].push(int32(cur + i))
				}
			} else {
				table[e.hash(w.load64(s-3))].push(int32(cur + s - 3))
			}
			x := w.load64(s - 2)
			table[e.hash(x)].push(int32(cur + s - 2))
			table[e.hash(x>>8)].push(int32(cur + s - 1))
			x >>= 16
			h := e.hash(x)
			cand := table[h]
			table[h].push(int32(cur + s))
			reach := s - (maxOffset - 4)
			if t = int(cand.cur) - cur; t > reach {
				equal := uint32(x) == w.load32(t)
				if equal && e.every > 0 {
					continue
				}
				// The oldest form drops a match of the newest candidate.
				t = int(cand.prev) - cur
				if !equal && t > reach && uint32(x) == w.load32(t) {
					continue
				}
			}
			cv = x >> 8
			s++
			break
		}
	}
rest:
	if emitted < len(src) && dst.n > 0 {
		dst.literals(src[emitted:])
	}
}
