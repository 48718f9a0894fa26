package diff

import (
	"bytes"
	"context"
	"encoding/binary"
	"math/bits"
)

const (
	// sectionWeight is the number of literal and differing bytes after which a
	// section ends. A decoder holds one, coded: mostly less than half of that.
	sectionWeight = 16 << 20
	// framesAhead is the number of frames that are in memory when coding.
	framesAhead = 8
)

// loader reads the frames of a target for those who code them.
type loader struct {
	walk   walker
	space  space
	free   chan *frame
	loaded [2]chan *frame // for each who codes
}

func newLoader(l *layout, s space) *loader {
	r := &loader{walk: walker{l: l}, space: s.windowed(l.target), free: make(chan *frame, framesAhead)}
	for range framesAhead {
		r.free <- &frame{equal: l.equal}
	}
	for i := range r.loaded {
		r.loaded[i] = make(chan *frame, framesAhead)
	}
	return r
}

// done says that one of those who code needs the frame no more.
func (l *loader) done(f *frame) {
	if f.users.Add(-1) == 0 {
		l.free <- f
	}
}

// load hands out all frames, and tells of how many each section consists.
func (l *loader) load(ctx context.Context, sections chan<- int) error {
	defer close(sections)
	for _, c := range l.loaded {
		defer close(c)
	}
	frames, weight := 0, int64(0)
	tail := make([]byte, 0, beforeLen)
	for l.walk.at < l.walk.l.target {
		var f *frame
		select {
		case f = <-l.free:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := l.fill(f); err != nil {
			return err
		}
		f.before = tail
		tail = bytes.Clone(f.actual[max(len(f.actual)-beforeLen, 0):])
		frames, weight = frames+1, weight+f.weight()
		if f.last = 0; weight >= sectionWeight || l.walk.at == l.walk.l.target {
			f.last = frames
			select {
			case sections <- frames:
			case <-ctx.Done():
				return ctx.Err()
			}
			frames, weight = 0, 0
		}
		f.users.Store(int32(len(l.loaded)))
		for _, c := range l.loaded {
			c <- f // there is room for all frames
		}
	}
	return nil
}

// fill reads the next frame.
func (l *loader) fill(f *frame) error {
	f.start = l.walk.at
	f.segs = append(f.segs[:0], l.walk.frame()...)
	n := int(l.walk.at - f.start)
	if cap(f.actual) < n {
		f.actual, f.pred = make([]byte, n), make([]byte, n)
	}
	f.actual, f.pred = f.actual[:n], f.pred[:n]
	if err := f.loadActual(l.space.target); err != nil {
		return err
	}
	return f.load(l.space, f.pred)
}

// weight is the number of bytes of the frame that are literals or differ from
// what is copied.
func (f *frame) weight() (n int64) {
	for _, g := range f.segs {
		if g.literal() {
			n += g.n
			continue
		}
		_ = eachShown(f.equal, Extent{g.at, g.n}, func(e Extent) error {
			i := e.Off - f.start
			n += differing(f.pred[i:i+e.Len], f.actual[i:i+e.Len])
			return nil
		}, nil)
	}
	return n
}

// differing counts the bytes of a that are not those of b, which is as long.
func differing(a, b []byte) (n int64) {
	const low = 0x7f7f7f7f7f7f7f7f
	for len(a) >= 8 {
		if x := binary.LittleEndian.Uint64(a) ^ binary.LittleEndian.Uint64(b); x != 0 {
			n += int64(bits.OnesCount64((x&low + low | x) &^ low))
		}
		a, b = a[8:], b[8:]
	}
	for i, c := range a {
		if c != b[i] {
			n++
		}
	}
	return n
}
