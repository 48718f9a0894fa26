package diff

import (
	"io"
	"sort"
)

// space reads the one address space of operations: the reference, and behind
// it the target.
type space struct {
	ref, target io.ReaderAt
	refSize     int64
}

// ReadAt reads len(b) bytes at an address; runs do not cross from the
// reference into the target.
func (s space) ReadAt(b []byte, addr int64) (int, error) {
	if addr >= s.refSize {
		return s.target.ReadAt(b, addr-s.refSize)
	}
	return s.ref.ReadAt(b, addr)
}

// windowed reads the space, and a target of so many bytes, through windows.
func (s space) windowed(target int64) space {
	return space{newWindow(s.ref, s.refSize), newWindow(s.target, target), s.refSize}
}

// text is bytes collected from several places of the space.
type text struct {
	bytes []byte
	parts []part
}

// part is a run of a text and its address.
type part struct {
	start int // in the text
	ext   Extent
}

// collect reads extents into one text, at most limit bytes of it. Extents that
// touch or overlap become one part.
func (s space) collect(extents []Extent, limit int) (*text, error) {
	var t text
	size := 0
	for _, e := range extents {
		if e.Len <= 0 || covered(t.parts, e) {
			continue
		}
		e.Len = min(e.Len, int64(limit-size))
		if e.Len == 0 {
			break
		}
		t.parts = append(t.parts, part{size, e})
		size += int(e.Len)
	}
	t.bytes = make([]byte, size)
	for _, p := range t.parts {
		if err := readFull(s, t.bytes[p.start:p.start+int(p.ext.Len)], p.ext.Off); err != nil {
			return nil, err
		}
	}
	return &t, nil
}

func covered(parts []part, e Extent) bool {
	for _, p := range parts {
		if p.ext.Off <= e.Off && e.End() <= p.ext.End() {
			return true
		}
	}
	return false
}

// ops translates a copy of text bytes into copies of addresses, cut where
// parts meet.
func (t *text) ops(list *opList, old, n int) {
	for n > 0 {
		i := sort.Search(len(t.parts), func(i int) bool { return t.parts[i].start > old }) - 1
		p := t.parts[i]
		k := min(n, p.start+int(p.ext.Len)-old)
		list.copy(p.ext.Off+int64(old-p.start), int64(k))
		old += k
		n -= k
	}
}
