package diff

import (
	"bytes"
	"io"
	"sort"
	"sync/atomic"
)

// frame is a run of the target on its way through encoder or decoder.
type frame struct {
	segs   []segment
	start  int64
	actual []byte   // the target's bytes
	pred   []byte   // what copies predict, at the same indexes
	look   []byte   // old bytes behind the copies of groups, one after another
	hints  []byte   // the reference behind copies, one after another
	before []byte   // the target before the frame
	equal  []Extent // see layout

	// When encoding:
	last  int          // of the frame that ends a section, how many frames it has
	users atomic.Int32 // who still need the frame
}

// eachShown calls visit for the parts of a run of the target that are not listed as
// equal, and passed, if not nil, for the others.
func eachShown(equal []Extent, run Extent, visit func(Extent) error, passed func(n int64) error) error {
	i := sort.Search(len(equal), func(i int) bool { return equal[i].End() > run.Off })
	for run.Len > 0 {
		n := run.Len
		if i < len(equal) && equal[i].Off <= run.Off {
			n = min(n, equal[i].End()-run.Off)
			if passed != nil {
				if err := passed(n); err != nil {
					return err
				}
			}
			i++
		} else {
			if i < len(equal) {
				n = min(n, equal[i].Off-run.Off)
			}
			if err := visit(Extent{run.Off, n}); err != nil {
				return err
			}
		}
		run.Off, run.Len = run.Off+n, run.Len-n
	}
	return nil
}

// loadCopy reads what a segment copies from, except where it is known to be equal.
func (f *frame) loadCopy(s io.ReaderAt, pred []byte, g segment) error {
	return eachShown(f.equal, Extent{g.at, g.n}, func(e Extent) error {
		i := e.Off - f.start
		return readFull(s, pred[i:i+e.Len], g.old+e.Off-g.at)
	}, nil)
}

// loadActual reads the target, except where it is known to be equal.
func (f *frame) loadActual(target io.ReaderAt) error {
	return eachShown(f.equal, Extent{f.start, int64(len(f.actual))}, func(e Extent) error {
		i := e.Off - f.start
		return readFull(target, f.actual[i:i+e.Len], e.Off)
	}, nil)
}

// load reads what the segments copy from, and what is shown beside.
func (f *frame) load(s io.ReaderAt, pred []byte) error {
	f.look, f.hints = f.look[:0], f.hints[:0]
	for _, g := range f.segs {
		if g.literal() {
			var err error
			if f.hints, err = appendRead(f.hints, s, g.hint); err != nil {
				return err
			}
			continue
		}
		if err := f.loadCopy(s, pred, g); err != nil {
			return err
		}
		if g.group != nil {
			var err error
			if f.look, err = appendRead(f.look, s, Extent{g.old + g.n, g.look}); err != nil {
				return err
			}
		}
	}
	return nil
}

func appendRead(b []byte, r io.ReaderAt, e Extent) ([]byte, error) {
	n := len(b)
	b = append(b, make([]byte, e.Len)...)
	return b, readFull(r, b[n:], e.Off)
}

// beforeOf returns the target before index i of a frame.
func beforeOf(before, frame []byte, i int64) []byte {
	if i >= beforeLen || len(before) == 0 {
		return frame[max(i-beforeLen, 0):i]
	}
	b := append(bytes.Clone(before), frame[:i]...)
	return b[max(len(b)-beforeLen, 0):]
}
