package kpflate

// level1 has one candidate for each hash, and looks at every second byte or fewer.
type level1 struct {
	h      hasher
	cut258 bool
	table  [1 << 15]int32
}

func (e *level1) shift(delta int32) { shift(e.table[:], delta) }

func (e *level1) encode(dst *tokens, w *window, s int) {
	src := w.buf[:w.end]
	table := &e.table
	cur := w.cur
	limit := len(src) - inputMargin
	emitted := s
	cv := w.load64(s)
	for {
		nextS := s
		var t int
		for {
			h := e.h.hash(cv) & (1<<15 - 1)
			cand := int(table[h])
			nextS = s + 2 + (s-emitted)>>5
			if nextS > limit {
				goto rest
			}
			now := w.load64(nextS)
			table[h] = int32(s + cur)
			h = e.h.hash(now) & (1<<15 - 1)
			t = cand - cur
			if s-t < maxOffset && uint32(cv) == w.load32(t) {
				table[h] = int32(nextS + cur)
				break
			}

			// The byte after is cheap, as its hash is there.
			cv = now
			s = nextS
			nextS++
			cand = int(table[h])
			now >>= 8
			table[h] = int32(s + cur)
			t = cand - cur
			if s-t < maxOffset && uint32(cv) == w.load32(t) {
				table[h] = int32(nextS + cur)
				break
			}
			cv = now
			s = nextS
		}

		for {
			// Four bytes match here.
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
				// Such a hash, at the end, can only matter to a later block.
				if s+l+e.lookahead() < len(src) {
					table[e.h.hash(w.load64(s))&(1<<15-1)] = int32(s + cur)
				}
				goto rest
			}
			x := w.load64(s - 2)
			table[e.h.hash(x)&(1<<15-1)] = int32(cur + s - 2)
			x >>= 16
			h := e.h.hash(x) & (1<<15 - 1)
			t = int(table[h]) - cur
			table[h] = int32(cur + s)
			if s-t > maxOffset || uint32(x) != w.load32(t) {
				cv = x >> 8
				s++
				break
			}
		}
	}
rest:
	if emitted < len(src) && dst.n > 0 {
		dst.literals(src[emitted:])
	}
}

// lookahead is the number of bytes that were loaded for a hash.
func (e *level1) lookahead() int {
	if e.h.prime == prime5 {
		return 8
	}
	return 4
}
