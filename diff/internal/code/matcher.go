package code

// A ring remembers the last bytes, as many as its size.
type ring struct {
	b    []byte
	mask int
	n    int // bytes ever put; starts with 1, so that 0 is no position
}

func newRing(bits uint) *ring {
	return &ring{b: make([]byte, 1<<bits), mask: 1<<bits - 1, n: 1}
}

func (r *ring) put(b byte) {
	r.b[r.n&r.mask] = b
	r.n++
}

func (r *ring) at(i int) byte { return r.b[i&r.mask] }

// A matcher finds an earlier place with the same last bytes, and guesses that
// it goes on as it did there.
type matcher struct {
	min    uint // least number of bytes that have to be the same, at most 8
	index  []uint32
	place  int // what is expected next, 0 for none
	length int
}

func (m *matcher) stop() { m.place, m.length = 0, 0 }

// find looks for a place unless there is one, after a byte was put.
func (m *matcher) find(r *ring, last uint64) {
	h := hash(last<<(64-8*m.min), 0)
	slot := &m.index[h>>32&uint64(len(m.index)-1)]
	e := *slot
	// An entry is a position modulo the ring's size, and above it as many bits
	// of the hash as fit, which save most looks into the ring.
	check := uint32(h) &^ uint32(r.mask)
	*slot = check | uint32(r.n&r.mask)
	if m.place != 0 || e&^uint32(r.mask) != check {
		return
	}
	back := (r.n - int(e)) & r.mask
	place := r.n - back
	if back == 0 || place <= 0 || back > r.mask-32 {
		return
	}
	n := 0
	for n < 32 && n < place && r.at(place-1-n) == r.at(r.n-1-n) {
		n++
	}
	if n >= int(m.min) {
		m.place, m.length = place, n
	}
}

// guess tells the byte expected, or -1, and the confidence, less than 32.
func (m *matcher) guess(r *ring) (sym, conf int) {
	if m.place == 0 {
		return -1, 0
	}
	return int(r.at(m.place)), matchConf(m.length)
}

// matchConf is the confidence in a match by its length.
func matchConf(n int) int {
	switch {
	case n < 16:
		return n
	case n < 32:
		return 16 + (n-16)>>2
	case n < 512:
		return 20 + n>>6
	}
	return 28
}

// check goes on where the guess was right.
func (m *matcher) check(right bool) {
	if m.place == 0 {
		return
	}
	if !right {
		m.stop()
		return
	}
	m.place++
	m.length++
}

// A follower goes along old bytes that the new ones may resemble.
type follower struct {
	old    []byte
	at     int // what is expected next
	length int // right guesses in a row
	misses int
}

// reach is how far a follower looks for its place when it has lost it.
const reach = 32

func (f *follower) guess() (sym, conf int) {
	if f.at >= len(f.old) {
		return -1, 0
	}
	return int(f.old[f.at]), min(f.length, 15)<<3 | min(f.misses, 7)
}

// follow moves on after a byte, or to the nearest place where the old bytes
// are the same as the last three.
func (f *follower) follow(last uint64) {
	right := f.at < len(f.old) && f.old[f.at] == byte(last)
	f.at++
	if right {
		f.length++
		return
	}
	f.length = 0
	f.misses++
	for d := range reach {
		if f.fits(f.at+d, last) {
			f.at, f.length = f.at+d, 3
			return
		}
		if f.fits(f.at-d, last) {
			f.at, f.length = f.at-d, 3
			return
		}
	}
}

func (f *follower) fits(at int, last uint64) bool {
	return at >= 3 && at <= len(f.old) &&
		f.old[at-1] == byte(last) && f.old[at-2] == byte(last>>8) && f.old[at-3] == byte(last>>16)
}
