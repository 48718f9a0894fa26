package kpflate

// level2 is like level1, with a bigger table and some hashes inside of matches.
type level2 struct {
	h      hasher
	cut258 bool
	table  [1 << 17]int32
}

func (e *level2) shift(delta int32) { shift(e.table[:], delta) }

func (e *level2) hash(v uint64) uint32 { return e.h.hash(v) & (1<<17 - 1) }

func (e *level2) encode(dst *tokens, w *window, s int) {
	src := w.buf[:w.end]
	table := &e.table
	cur := w.cur
	limit := len(src) - inputMargin
	emitted := s
	cv := w.load64(s)
	lookahead := 4
	if e.h.prime == prime5 {
		lookahead = 8
	}
	for {
		nextS := s
		var t int
		for {
			h := e.hash(cv)
			s = nextS
			nextS = s + 2 + (s-emitted)>>5
			if nextS > limit {
				goto rest
			}
			t = int(table[h]) - cur
			now := w.load64(nextS)
			table[h] = int32(s + cur)
			h = e.hash(now)
			if s-t < maxOffset && uint32(cv) == w.load32(t) {
				table[h] = int32(nextS + cur)
				break
			}

			cv = now
			s = nextS
			nextS++
			t = int(table[h]) - cur
			now >>= 8
			table[h] = int32(s + cur)
			if s-t < maxOffset && uint32(cv) == w.load32(t) {
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
				if s+l+lookahead < len(src) {
					table[e.hash(w.load64(s))] = int32(s + cur)
				}
				goto rest
			}

			for i := s - l + 2; i < s-5; i += 7 {
				x := w.load64(i)
				table[e.hash(x)] = int32(cur + i)
				table[e.hash(x>>16)] = int32(cur + i + 2)
				table[e.hash(x>>32)] = int32(cur + i + 4)
			}
			x := w.load64(s - 2)
			table[e.hash(x)] = int32(cur + s - 2)
			table[e.hash(x>>8)] = int32(cur + s - 1)
			h := e.hash(x >> 16)
			t = int(table[h]) - cur
			table[h] = int32(cur + s)
			if s-t > maxOffset || uint32(x>>16) != w.load32(t) {
				cv = x >> 24
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
