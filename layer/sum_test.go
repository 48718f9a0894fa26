package layer

import (
	"bytes"
	"testing"
)

// The sum of a content does not depend on where it stands and how it is read.
func TestSumsAgree(t *testing.T) {
	for _, n := range []int{1, 511, sumChunk - 1, sumChunk, sumChunk + 1, 3*sumChunk + 7} {
		b := text(uint64(n), n)
		want := sumOf(b)
		r := takeReader(bytes.NewReader(append(b, "more"...)))
		m, got, err := sumFrom(r, int64(n))
		putReader(r)
		if err != nil || m != int64(n) || got != want {
			t.Errorf("%d bytes of a longer stream: %x of %d, want %x (%v)", n, got, m, want, err)
		}
		s := scanned(t, b)
		if len(s.Nodes) != 1 || s.Nodes[0].Sum != want {
			t.Errorf("%d bytes, scanned: %+v", n, s.Nodes)
		}
		node := &Node{Off: 3, Len: int64(n)}
		if err := node.sum(bytes.NewReader(append([]byte("abc"), b...))); err != nil || node.Sum != want {
			t.Errorf("%d bytes, as a part: %x, want %x (%v)", n, node.Sum, want, err)
		}
		for _, i := range []int{0, n / 2, n - 1} {
			other := bytes.Clone(b)
			other[i]++
			if sumOf(other) == want {
				t.Errorf("byte %d of %d makes no difference", i, n)
			}
		}
		if sumOf(b[:n-1]) == want || sumOf(append(b, 0)) == want {
			t.Errorf("the length %d makes no difference", n)
		}
	}
}

// sumOf returns the sum of a content.
func sumOf(b []byte) Sum {
	var s summer
	for len(b) > 0 {
		n := min(len(b), sumChunk)
		s.add(b[:n])
		b = b[n:]
	}
	return s.sum()
}
