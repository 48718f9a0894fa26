package diff

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
)

// holey is data of which some cannot be read.
type holey struct {
	data     []byte
	from, to int64
	reads    int
}

var errHole = errors.New("a hole")

func (h *holey) ReadAt(p []byte, off int64) (int, error) {
	h.reads++
	n, err := bytes.NewReader(h.data).ReadAt(p, off)
	if end := off + int64(n); off < h.to && end > h.from {
		return int(max(h.from-off, 0)), errHole
	}
	return n, err
}

func TestWindow(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	h := &holey{data: make([]byte, 5*windowSize+777), from: 2*windowSize + 100, to: 2*windowSize + 200}
	for i := range h.data {
		h.data[i] = byte(rng.Uint32())
	}
	size := int64(len(h.data))
	w := newWindow(h, size)
	for range 20_000 {
		n := rng.Int64N(300)
		if rng.IntN(50) == 0 {
			n = rng.Int64N(2 * windowSize)
		}
		off := rng.Int64N(size - n + 1)
		p := make([]byte, n)
		got, err := w.ReadAt(p, off)
		if off < h.to && off+n > h.from {
			if n > 0 && !errors.Is(err, errHole) {
				t.Fatalf("%d bytes at %d are not all there, but: %v", n, off, err)
			}
			continue
		}
		if err != nil && err != io.EOF || got != len(p) || !bytes.Equal(p, h.data[off:off+n]) {
			t.Fatalf("%d bytes at %d: %d, %v", n, off, got, err)
		}
	}
	if n, err := w.ReadAt(make([]byte, 10), size-5); n != 5 || err == nil {
		t.Errorf("over the end: %d, %v", n, err)
	}
	h.reads = 0
	for off := int64(0); off < windowSize; off += 64 {
		if _, err := w.ReadAt(make([]byte, 64), 3*windowSize+off); err != nil {
			t.Fatal(err)
		}
	}
	if h.reads > 1 {
		t.Errorf("one block was read in %d parts", h.reads)
	}
}
