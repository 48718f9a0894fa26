package kpflate

// level6 is like level5, and tries harder.
type level6 struct {
	rules *rules
	table [1 << tableBits]int32
	long  [1 << tableBits]pair
}

func (e *level6) shift(delta int32) {
	shift(e.table[:], delta)
	shiftPairs(e.long[:], delta)
}

func (e *level6) encode(dst *tokens, w *window, s int) {
	src := w.buf[:w.end]
	cur := w.cur
	limit := len(src) - inputMargin
	emitted := s
	cv := w.load64(s)
	repeat := 1 // the distance of the last match
	for {
		nextS := s
		var l, t int
		for {
			h, hl := hash4(cv), hash7(cv)
			s = nextS
			nextS = s + 1 + (s-emitted)>>7
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

				t2 := s - repeat + 1
				if w.load32(t2) == uint32(cv>>8) {
					if l2 := w.matchLen258(s+1, t2, len(src)); l2 > l {
						t, l = t2, l2
						s++
						break
					}
				}
				if t2 = int(long.cur) - cur; nextS-t2 < maxOffset {
					if w.load32(t2) == uint32(next) {
						if l2 := w.matchLen258(nextS, t2, len(src)); l2 > l {
							t, s, l = t2, nextS, l2
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
		if at := s + l; e.rules.endMatch && at < limit {
			skip := e.rules.endSkip
			long := e.long[hash7(w.load64(at))]
			s2 := s + skip
			t2 := int(long.cur) - cur - l + skip
			if off := s2 - t2; off < maxOffset {
				if off > 0 && t2 >= 0 {
					if l2 := w.matchLen(s2, t2, len(src)); l2 > l {
						t, l, s = t2, l2, s2
					}
				}
				t2 = int(long.prev) - cur - l + skip
				if off := s2 - t2; off > 0 && off < maxOffset && t2 >= 0 {
					if l2 := w.matchLen(s2, t2, len(src)); l2 > l {
						t, l, s = t2, l2, s2
					}
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
		repeat = s - t
		s += l
		emitted = s
		if nextS >= s {
			s = nextS + 1
		}
		if s >= limit {
			for i := nextS + 1; i < len(src)-8; i += 2 {
				cv := w.load64(i)
				e.table[hash4(cv)] = int32(i + cur)
				e.long[hash7(cv)].push(int32(i + cur))
			}
			goto rest
		}
		for i := nextS + 1; i < s-1; i += 2 {
			cv := w.load64(i)
			e.table[hash4(cv)] = int32(i + cur)
			e.long[hash7(cv)].push(int32(i + cur))
			e.long[hash7(cv>>8)].push(int32(i + cur + 1))
		}
		cv = w.load64(s)
	}
rest:
	if emitted < len(src) && dst.n > 0 {
		dst.literals(src[emitted:])
	}
}
