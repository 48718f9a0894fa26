package kpflate

// level4 has tables for four and for seven bytes, and takes the longer match of
// this byte and the next.
type level4 struct {
	rules *rules
	table [1 << tableBits]int32
	long  [1 << tableBits]int32
}

func (e *level4) shift(delta int32) {
	shift(e.table[:], delta)
	shift(e.long[:], delta)
}

func (e *level4) encode(dst *tokens, w *window, s int) {
	src := w.buf[:w.end]
	cur := w.cur
	limit := len(src) - inputMargin
	emitted := s
	cv := w.load64(s)
	for {
		nextS := s
		var t int
		for {
			h, hl := hash4(cv), hash7(cv)
			s = nextS
			nextS = s + 1 + (s-emitted)>>6
			if nextS > limit {
				goto rest
			}
			cand := int(e.table[h])
			next := w.load64(nextS)
			t = int(e.long[hl]) - cur
			e.table[h] = int32(s + cur)
			e.long[hl] = int32(s + cur)
			if s-t < maxOffset && uint32(cv) == w.load32(t) {
				break
			}
			t = cand - cur
			if s-t < maxOffset && uint32(cv) == w.load32(t) {
				t2 := int(e.long[hash7(next)]) - cur
				if nextS-t2 < maxOffset && w.load32(t2) == uint32(next) {
					at := t2
					if e.rules.wrongPlace { // the distance was taken for a position
						at = nextS - t2
					}
					if w.matchLen(nextS+4, at+4, len(src)) > w.matchLen(s+4, t+4, len(src)) {
						s, t = nextS, t2
					}
				}
				break
			}
			cv = next
		}

		l := w.matchLen(s+4, t+4, len(src)) + 4
		for t > 0 && s > emitted && src[t-1] == src[s-1] {
			s--
			t--
			l++
		}
		dst.literals(src[emitted:s])
		dst.longMatch(l, s-t, e.rules.cut258)
		s += l
		emitted = s
		if nextS >= s {
			s = nextS + 1
		}
		if s >= limit {
			if s+8 < len(src) {
				cv := w.load64(s)
				e.table[hash4(cv)] = int32(s + cur)
				e.long[hash7(cv)] = int32(s + cur)
			}
			goto rest
		}
		for i := nextS; i < s-1; i += 3 {
			cv := w.load64(i)
			e.long[hash7(cv)] = int32(i + cur)
			e.long[hash7(cv>>8)] = int32(i + cur + 1)
			e.table[hash4(cv>>8)] = int32(i + cur + 1)
		}
		x := w.load64(s - 1)
		e.table[hash4(x)] = int32(cur + s - 1)
		e.long[hash7(x)] = int32(cur + s - 1)
		cv = x >> 8
	}
rest:
	if emitted < len(src) && dst.n > 0 {
		dst.literals(src[emitted:])
	}
}
