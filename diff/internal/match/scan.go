package match

const (
	// switchGain is how many more bytes another alignment must explain than
	// the running one before it takes over.
	switchGain = 8
	// calm is the length of an undisturbed run of the running alignment that
	// makes it pointless to look for another.
	calm = 16
)

type scanner struct {
	old, new []byte
	table    *table
	opt      Options
}

// under returns the old text that the alignment puts against new[at:].
func (s *scanner) under(at, delta int) []byte {
	o := at + delta
	if o < 0 || o >= len(s.old) {
		return nil
	}
	return s.old[o:]
}

// anchors walks over the new text and notes each change of alignment.
func (s *scanner) anchors() []anchor {
	list := []anchor{{0, 0}}
	delta := 0
	for i := 0; i+seedLen <= len(s.new); {
		run := common(s.under(i, delta), s.new[i:])
		if run >= calm {
			i += run
			continue
		}
		to, n := s.longest(i, delta)
		if n < seedLen || to == delta {
			i++
			continue
		}
		if n <= equalCount(s.under(i, delta), s.new[i:i+n])+switchGain {
			i++
			continue
		}
		delta = to
		list = append(list, anchor{i, delta})
		i += n
	}
	return list
}

// longest returns the alignment with the longest exact match at new[i:] among
// those that the table proposes, nearest to the running one first.
func (s *scanner) longest(i, delta int) (best, length int) {
	places := s.table.places(s.new[i:])
	if len(places) == 0 {
		return 0, 0
	}
	lo, hi := 0, len(places)
	if hi > s.opt.Tries {
		mid := nearest(places, i+delta)
		lo = max(mid-s.opt.Tries/2, 0)
		hi = min(lo+s.opt.Tries, len(places))
		lo = max(hi-s.opt.Tries, 0)
	}
	for _, p := range places[lo:hi] {
		n := common(s.old[p:], s.new[i:])
		d := int(p) - i
		if n > length || n == length && abs(d-delta) < abs(best-delta) {
			best, length = d, n
		}
	}
	return best, length
}

func abs(x int) int {
	if x < 0 {
		return -x
	}
	return x
}
