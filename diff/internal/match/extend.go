package match

// copyRun is a copy of new[from:to] under one alignment.
type copyRun struct{ from, to, delta int }

// minCopy is the least number of equal bytes, less mismatches, for which a
// copy is worth its operation.
const minCopy = 8

// cover turns anchors into copies, settles their borders, drops those that do
// not earn their operation, and lists operations for the whole new text.
func (s *scanner) cover(list []anchor) []Op {
	var runs []copyRun
	for i, a := range list {
		end := len(s.new)
		if i+1 < len(list) {
			end = list[i+1].at
		}
		r := copyRun{from: a.at, delta: a.delta}
		r.to = a.at + s.forward(a.at, end, a.delta)
		floor := 0
		if len(runs) > 0 {
			floor = runs[len(runs)-1].from
		}
		r.from = a.at - s.backward(floor, a.at, a.delta)
		if len(runs) > 0 {
			prev := &runs[len(runs)-1]
			if r.from < prev.to {
				cut := s.border(r.from, prev.to, prev.delta, r.delta)
				prev.to, r.from = cut, cut
			}
			if prev.to-prev.from == 0 {
				runs = runs[:len(runs)-1]
			}
		}
		if r.to > r.from {
			runs = append(runs, r)
		}
	}
	return s.ops(runs)
}

// forward returns how far the alignment holds from at, at most to end: the
// length with the most equal bytes less differing ones.
func (s *scanner) forward(at, end, delta int) int {
	o := s.under(at, delta)
	n := min(end-at, len(o))
	score, best, length := 0, 0, 0
	for i := range n {
		if o[i] == s.new[at+i] {
			score++
			if score > best {
				best, length = score, i+1
			}
		} else {
			score--
		}
	}
	return length
}

// backward is forward in the other direction, at least to floor.
func (s *scanner) backward(floor, at, delta int) int {
	n := min(at-floor, at+delta)
	score, best, length := 0, 0, 0
	for i := 1; i <= n; i++ {
		if s.old[at+delta-i] == s.new[at-i] {
			score++
			if score > best {
				best, length = score, i
			}
		} else {
			score--
		}
	}
	return length
}

// border returns the place in new[from:to], which two alignments claim, where
// the first should end and the second begin.
func (s *scanner) border(from, to, first, second int) int {
	a, b := s.under(from, first), s.under(from, second)
	score, best, cut := 0, 0, from
	for i := 0; i < to-from; i++ {
		c := s.new[from+i]
		if a[i] == c {
			score++
		}
		if b[i] == c {
			score--
		}
		if score > best {
			best, cut = score, from+i+1
		}
	}
	return cut
}

// ops lists the operations for runs in order.
func (s *scanner) ops(runs []copyRun) []Op {
	var list []Op
	at := 0
	lit := func(n int) {
		if n == 0 {
			return
		}
		if len(list) == 0 {
			list = append(list, Op{})
		}
		list[len(list)-1].Lit += n
	}
	for _, r := range runs {
		n := r.to - r.from
		equal := equalCount(s.under(r.from, r.delta), s.new[r.from:r.to])
		if equal-(n-equal) < minCopy && !s.continues(list, at, r) {
			continue
		}
		lit(r.from - at)
		list = append(list, Op{Len: n, Old: r.from + r.delta})
		at = r.to
	}
	lit(len(s.new) - at)
	return list
}

// continues tells whether the run follows the last operation without a jump.
func (s *scanner) continues(list []Op, at int, r copyRun) bool {
	if len(list) == 0 || at != r.from {
		return false
	}
	last := list[len(list)-1]
	return last.Lit == 0 && last.Old+last.Len == r.from+r.delta
}
