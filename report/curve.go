package report

import "sort"

// curve tells how many bytes of a compressed layer stand for the first bytes of
// its tar. Between two points it is a straight line: a decoder gives what it has
// in steps of some ten thousand bytes, in which smaller files share by size.
type curve []point

type point struct{ plain, compressed int64 }

// curveStep is the least distance of two points in the tar, in bytes.
const curveStep = 16 << 10

// add puts a point behind the others.
func (c *curve) add(plain, compressed int64) {
	p := point{plain, compressed}
	last := len(*c) - 1
	if last > 0 && plain-(*c)[last-1].plain < curveStep || last >= 0 && plain == (*c)[last].plain {
		(*c)[last] = p
		return
	}
	*c = append(*c, p)
}

// at is the number of compressed bytes for the first n bytes of the tar.
func (c curve) at(n int64) float64 {
	i := sort.Search(len(c), func(i int) bool { return c[i].plain >= n })
	switch {
	case len(c) == 0:
		return 0
	case i == len(c):
		return float64(c[i-1].compressed)
	case i == 0 || c[i].plain == n:
		return float64(c[i].compressed)
	}
	a, b := c[i-1], c[i]
	return float64(a.compressed) + float64(b.compressed-a.compressed)*float64(n-a.plain)/float64(b.plain-a.plain)
}
