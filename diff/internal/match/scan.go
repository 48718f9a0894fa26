package match

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

const (
	// calm is the length of an undisturbed run of a known alignment that makes
	// it pointless to look for another.
	calm = 16
	// crowd is the largest number of alignments that compete at one place.
	crowd = 16
	// maxBack bounds how far an alignment is followed backward.
	maxBack = 2048
	// patience is how many more bytes may differ than are equal until an
	// alignment is thought to have ended.
	patience = 16
	// bridge is the distance over which an alignment is tried on.
	bridge = 1024
	// despair is the number of places in a row where nothing was found, after which
	// one place more is passed over each time, up to longStride: of what is new as a
	// whole, not every byte is looked for. What is found is followed backward.
	despair    = 1 << 16
	longStride = 32
	// newGain is how many more bytes than the known alignments a new one has to
	// explain at first sight.
	newGain = 4
	// What may be looked at to see how far alignments are of use: so many bytes for
	// each of the new text, and firstLooks. Then they are followed no further than
	// lastReach, so that a text that is made to promise much costs no quadratic time.
	looksPerByte = 64
	firstLooks   = 1 << 16
	lastReach    = 256
)

// interval is a part of the new text where an alignment may be of use.
type interval struct {
	from, to int
	delta    int // old place minus new place
}

// scanner proposes alignments for one new text.
type scanner struct {
	old, new []byte
	table    *table
	opt      Options
	active   []interval // those that reach behind the present place
	list     []interval
	looks    int // bytes that forward and backward have looked at
}

// reach bounds how far an alignment is followed, out of n bytes.
func (s *scanner) reach(n int) int {
	if s.looks > looksPerByte*len(s.new)+firstLooks {
		return min(n, lastReach)
	}
	return n
}

// under returns the old text that the alignment puts against new[at:].
func (s *scanner) under(at, delta int) []byte {
	o := at + delta
	if o < 0 || o >= len(s.old) {
		return nil
	}
	return s.old[o:]
}

// propose walks over the new text and notes alignments worth a trial, in the
// order of their beginnings. The first one puts its start against a place of old.
func (s *scanner) propose(at int) []interval {
	s.add(0, at, 1)
	last, misses := at, 0
	for i := 0; i+seedLen <= len(s.new); {
		run := 0
		s.active = slices.DeleteFunc(s.active, func(a interval) bool { return a.to <= i })
		for _, a := range s.active {
			if n := common(s.under(i, a.delta), s.new[i:]); n > run {
				run, last = n, a.delta
			}
		}
		if run >= calm {
			i += run
			misses = 0
			continue
		}
		if to, n := s.longest(i, last); n >= seedLen && n > run {
			s.add(i, to, n)
			misses = 0
		} else if run == 0 {
			misses++
			if misses < despair {
				s.shift(i, last)
			}
		}
		i += min(1+misses/despair, longStride)
	}
	return bridged(s.list)
}

// shift proposes small shifts of an alignment under which the bytes at a place
// are equal, though too few for a seed: code and tables that grew by little.
func (s *scanner) shift(i, delta int) {
	const reach, enough = 64, 6
	lo, hi := i+delta-reach, i+delta+reach
	if lo < 0 || hi+8 > len(s.old) {
		return
	}
	want := binary.LittleEndian.Uint64(s.new[i:])
	best, length := 0, enough-1
	for o := lo; o <= hi; o++ {
		x := binary.LittleEndian.Uint64(s.old[o:]) ^ want
		if n := bits.TrailingZeros64(x) >> 3; n > length {
			best, length = o-i, n
		}
	}
	if length >= enough {
		s.add(i, best, length)
	}
}

// add proposes an alignment under which n bytes at a place are equal, unless a
// known one explains them nearly as well.
func (s *scanner) add(at, delta, n int) {
	worst, least := -1, n
	for k, a := range s.active {
		equal := equalCount(s.under(at, a.delta), s.new[at:at+n])
		if a.delta == delta || n < equal+newGain {
			return
		}
		if equal < least {
			worst, least = k, equal
		}
	}
	if len(s.active) >= crowd {
		s.active = slices.Delete(s.active, worst, worst+1)
	}
	v := interval{from: at - s.backward(at, delta), to: at + s.forward(at, delta), delta: delta}
	if v.to-v.from < seedLen {
		return
	}
	s.active = append(s.active, v)
	s.list = append(s.list, v)
}

// forward returns how far the alignment is of use from a place on: to where
// most bytes have differed for a while.
func (s *scanner) forward(at, delta int) int {
	o := s.under(at, delta)
	n := s.reach(min(len(s.new)-at, len(o)))
	score, best, length, i := 0, 0, 0, 0
	for i < n {
		if k := common(o[i:n], s.new[at+i:]); k > 0 {
			i += k
			if score += k; score > best {
				best, length = score, i
			}
			continue
		}
		i++
		if score--; score < best-patience {
			break
		}
	}
	s.looks += i
	return length
}

// backward is forward in the other direction.
func (s *scanner) backward(at, delta int) int {
	n := s.reach(min(at, at+delta, maxBack))
	score, best, length, i := 0, 0, 0, 1
	for ; i <= n; i++ {
		if s.old[at+delta-i] == s.new[at-i] {
			if score++; score > best {
				best, length = score, i
			}
		} else if score--; score < best-patience {
			break
		}
	}
	s.looks += i
	return length
}

// bridged sorts intervals by their beginnings, and joins those of one
// alignment that are not far apart.
func bridged(list []interval) []interval {
	slices.SortStableFunc(list, func(a, b interval) int { return a.from - b.from })
	last := make(map[int]int) // alignment to index in out
	out := list[:0]
	for _, v := range list {
		if k, ok := last[v.delta]; ok && v.from <= out[k].to+bridge {
			out[k].to = max(out[k].to, v.to)
			continue
		}
		last[v.delta] = len(out)
		out = append(out, v)
	}
	return out
}

// longest returns the alignment with the longest exact match at new[i:] among
// those that the table proposes, nearest to a known one first.
func (s *scanner) longest(i, delta int) (best, length int) {
	places := s.table.places(s.new[i:])
	if len(places) == 0 {
		return 0, 0
	}
	lo, hi := s.around(places, i+delta)
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

// around chooses which places are tried: as many as may be, near the wanted one.
func (s *scanner) around(places []uint32, want int) (lo, hi int) {
	hi = len(places)
	if hi > s.opt.Tries {
		lo = max(nearest(places, want)-s.opt.Tries/2, 0)
		hi = min(lo+s.opt.Tries, len(places))
		lo = max(hi-s.opt.Tries, 0)
	}
	return lo, hi
}
