package layer

import (
	"errors"
	"io"
	"sort"
)

// Concat is several runs of bytes, one behind the other.
type Concat struct {
	runs []run
	size int64
}

type run struct {
	addr, size int64
	r          io.ReaderAt
	off        int64 // in r
}

// Add appends n bytes of r from off, and returns their address.
func (c *Concat) Add(r io.ReaderAt, off, n int64) (addr int64) {
	addr = c.size
	if last := len(c.runs) - 1; last >= 0 && c.runs[last].r == r && c.runs[last].off+c.runs[last].size == off {
		c.runs[last].size += n
	} else {
		c.runs = append(c.runs, run{addr, n, r, off})
	}
	c.size += n
	return addr
}

// Size is the number of bytes in all runs.
func (c *Concat) Size() int64 { return c.size }

// ReadAt implements [io.ReaderAt].
func (c *Concat) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	done := 0
	first := sort.Search(len(c.runs), func(i int) bool { return c.runs[i].addr > off }) - 1
	for i := max(first, 0); i < len(c.runs) && done < len(p); i++ {
		r := &c.runs[i]
		at := off + int64(done) - r.addr
		n := min(int64(len(p)-done), r.size-at)
		if n <= 0 {
			continue
		}
		m, err := r.r.ReadAt(p[done:done+int(n)], r.off+at)
		done += m
		if int64(m) < n {
			return done, noEOF(err)
		}
	}
	if done < len(p) {
		return done, io.EOF
	}
	return done, nil
}

// Plain is the plain face of a stream.
func Plain(s *Stream) *Concat {
	c := new(Concat)
	c.addPlain(s)
	return c
}

func (c *Concat) addPlain(s *Stream) {
	_ = s.Leaves(func(n *Node) error {
		if n.Inner != nil {
			c.addPlain(n.Inner)
		} else {
			c.Add(s.Raw, n.Off, n.Len)
		}
		return nil
	})
}
