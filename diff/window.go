package diff

import "io"

// window reads small runs through blocks that it keeps: what a target copies
// lies close together, and a call of the system costs more than a block of bytes.
// It belongs to one goroutine, and what it reads must not change.
type window struct {
	r      io.ReaderAt
	size   int64 // of r
	blocks [windowBlocks]windowBlock
}

const (
	windowBlocks = 64
	windowSize   = 32 << 10 // bytes of a block
	// windowLong is the length from which on a run is read by itself.
	windowLong = 16 << 10
)

// windowBlock is a block that was read. Where not all of a block can be read,
// since the receiver has kept only what it needs, there are no bytes.
type windowBlock struct {
	start int64
	bytes []byte
	isSet bool
}

func newWindow(r io.ReaderAt, size int64) *window { return &window{r: r, size: size} }

// ReadAt implements [io.ReaderAt].
func (w *window) ReadAt(p []byte, off int64) (int, error) {
	if len(p) >= windowLong || off < 0 || off > w.size-int64(len(p)) {
		return w.r.ReadAt(p, off)
	}
	done := 0
	for done < len(p) {
		at := off + int64(done)
		b := w.block(at - at%windowSize)
		if len(b.bytes) == 0 {
			n, err := w.r.ReadAt(p[done:min(len(p), done+int(b.start+windowSize-at))], at)
			if done += n; err != nil && done < len(p) {
				return done, err
			}
			continue
		}
		done += copy(p[done:], b.bytes[at-b.start:])
	}
	return done, nil
}

// block gives the block that begins at start.
func (w *window) block(start int64) *windowBlock {
	b := &w.blocks[start/windowSize%windowBlocks]
	if b.isSet && b.start == start {
		return b
	}
	n := min(windowSize, w.size-start)
	if cap(b.bytes) == 0 {
		b.bytes = make([]byte, windowSize)
	}
	b.start, b.bytes, b.isSet = start, b.bytes[:n], true
	if readFull(w.r, b.bytes, start) != nil {
		b.bytes = b.bytes[:0]
	}
	return b
}
