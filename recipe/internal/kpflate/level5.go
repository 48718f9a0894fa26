package kpflate

// level5, the default, is like level4 with two candidates for seven bytes.
type level5 struct {
	rules *rules
	table [1 << tableBits]int32
	long  [1 << tableBits]pair
}

func (e *level5) shift(delta int32) {
	shift(e.table[:], delta)
	shiftPairs(e.long[:], delta)
}

func (e *level5) encode(dst *tokens, w *window, s int) {
	src := w.buf[:w.end]
	cur := w.cur
	limit := len(src) - inputMargin
	emitted := s
	cv := w.load64(s)
	for {
		nextS := s
		var l, t int
		for {
			h, hl := hash4(cv), hash7(cv)
			s = nextS
			nextS = s + 1 + (s-emitted)>>6
			if nextS > limit {
				goto rest
			}
			cand, long := int(e.table[h]), e.long[hl]
			next := w.load64(nextS)
			e.table[h] = int32(s + cur)
			e.long[hl] = pair{int32(s + cur), long.cur}
			h, hl = hash4(next), hash7(next)

			if t = int(long.cur) - cur; s-t < maxOffset {
				t2 := int(long.prev) - cur
				if uint32(cv) == w.load32(t) {
					e.table[h] = int32(nextS + cur)
					e.long[hl].push(int32(nextS + cur))
					if s-t2 < maxOffset && uint32(cv) == w.load32(t2) {
						l = w.matchLen258(s, t, len(src))
						if l2 := w.matchLen258(s, t2, len(src)); l2 > l {
							t, l = t2, l2
						}
					}
					break
				}
				t = t2
				if s-t < maxOffset && uint32(cv) == w.load32(t) {
					e.table[h] = int32(nextS + cur)
					e.long[hl].push(int32(nextS + cur))
					break
				}
			}

			if t = cand - cur; s-t < maxOffset && uint32(cv) == w.load32(t) {
				// Four bytes match: see whether the next byte does better.
				l = w.matchLen258(s, t, len(src))
				long = e.long[hl]
				e.table[h] = int32(nextS + cur)
				e.long[hl].push(int32(nextS + cur))
				if t2 := int(long.cur) - cur; nextS-t2 < maxOffset {
					if w.load32(t2) == uint32(next) {
						if l2 := w.matchLen258(nextS, t2, len(src)); l2 > l {
							t, s, l = t2, nextS, l2
							break
						}
					}
					t2 = int(long.prev) - cur
					if nextS-t2 < maxOffset && w.load32(t2) == uint32(next) {
						if l2 := w.matchLen258(nextS, t2, len(src)); l2 > l {
							t, s, l = t2, nextS, l2
						}
					}
				}
				break
			}
			cv = next
		}

		if l == 0 {
			l = w.matchLen(s+4, t+4, len(src)) + 4
		} else if l == maxLength {
			l += w.matchLen(s+l, t+l, len(src))
		}
		if at := s + l; e.rules.endMatch && l < 30 && at < limit {
			// Look for a longer match from the end of this one. Its first bytes
			// may differ; if they do not, they are won back below.
			s2 := s + e.rules.endSkip
			t2 := int(e.long[hash7(w.load64(at))].cur) - cur - l + e.rules.endSkip
			if off := s2 - t2; t2 >= 0 && off < maxOffset && off > 0 {
				if l2 := w.matchLen(s2, t2, len(src)); l2 > l {
					t, l, s = t2, l2, s2
				}
			}
		}
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
			goto rest
		}

		if i := s - l + 1; i < s-1 {
			cv := w.load64(i)
			p := int32(i + cur)
			e.table[hash4(cv)] = p
			e.long[hash7(cv)].push(p)
			e.long[hash7(cv>>8)].push(p + 1)
			e.table[hash4(cv>>16)] = p + 2
			for i += 4; i < s-1; i += 3 {
				cv := w.load64(i)
				e.long[hash7(cv)].push(int32(i + cur))
				e.table[hash4(cv>>8)] = int32(i + cur + 1)
			}
		}
		x := w.load64(s - 1)
		e.table[hash4(x)] = int32(cur + s - 1)
		e.long[hash7(x)].push(int32(cur + s - 1))
		cv = x >> 8
	}
rest:
	if emitted < len(src) && dst.n > 0 {
		dst.literals(src[emitted:])
	}
}

// matchLen258 returns the length of a match, of which four bytes are known to be
// equal, up to maxLength.
func (w *window) matchLen258(s, t, end int) int {
	return w.matchLen(s+4, t+4, min(s+maxLength, end)) + 4
}
