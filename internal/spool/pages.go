package spool

import (
	"errors"
	"fmt"
	"io"
	"math/bits"
	"slices"
	"sort"
)

const (
	pageSize = 4096
	// MaxSpan is the largest address space that Pages covers: its bitmap is
	// then 32 MiB.
	MaxSpan = 1 << 40
)

// ErrNotKept reports a read of bytes that nobody had asked to keep.
var ErrNotKept = errors.New("these bytes were not kept")

// Pages keeps chosen parts of a large address space, at the grain of a page:
// first [Pages.Want] what will be read, then [Pages.Put] everything as it
// streams by, then read. Memory is a bit for each page; the bytes lie in a
// temporary file, except those that can be read where they are ([Pages.Lend]).
type Pages struct {
	dir  *Dir
	f    *File
	size int64
	want []uint64 // one bit a page
	keep []uint64 // the wanted pages that are not lent
	rank []int64  // pages kept before word i
	lent []lent   // in the order of their addresses
}

// lent is a run of addresses whose bytes lie elsewhere.
type lent struct {
	off, end int64
	r        io.ReaderAt
}

// PagesMemory is what [Pages] of size bytes hold in memory, in bytes.
func PagesMemory(size int64) int64 { return size / (64 * pageSize) * 24 }

// NewPages covers the addresses [0,size).
func NewPages(dir *Dir, size int64) (*Pages, error) {
	if size < 0 || size > MaxSpan {
		return nil, fmt.Errorf("an address space of %d bytes is over the limit of %d", size, int64(MaxSpan))
	}
	f, err := dir.Create()
	if err != nil {
		return nil, err
	}
	words := (size + 64*pageSize - 1) / (64 * pageSize)
	return &Pages{dir: dir, f: f, size: size, want: make([]uint64, words)}, nil
}

// Want marks [off, off+n) to be kept. It must not follow Seal.
func (p *Pages) Want(off, n int64) error {
	if off < 0 || n < 0 || off > p.size-n {
		return fmt.Errorf("bytes %d+%d lie outside of the reference of %d bytes", off, n, p.size)
	}
	if n == 0 {
		return nil
	}
	for first, last := off/pageSize, (off+n-1)/pageSize; first <= last; {
		if first%64 == 0 && last-first >= 63 {
			p.want[first/64] = ^uint64(0)
			first += 64
			continue
		}
		p.want[first/64] |= 1 << (first % 64)
		first++
	}
	return nil
}

// Lend says that [off, off+n) can be read from r at any time, where its first
// byte has the offset 0. These bytes need not be put. Runs come in the order of
// their addresses and do not overlap; no call may follow Seal.
func (p *Pages) Lend(off, n int64, r io.ReaderAt) {
	if n > 0 {
		p.lent = append(p.lent, lent{off, off + n, r})
	}
}

// Lent returns what was lent of a run that starts at off, or nil.
func (p *Pages) Lent(off int64) io.ReaderAt {
	if i := p.lentAfter(off); i < len(p.lent) && p.lent[i].off == off {
		return p.lent[i].r
	}
	return nil
}

// lentAfter is the index of the first lent run that ends behind off.
func (p *Pages) lentAfter(off int64) int {
	return sort.Search(len(p.lent), func(i int) bool { return p.lent[i].end > off })
}

// Seal ends the marking and reserves the space. Putting and reading may then
// go on at the same time, in different places.
func (p *Pages) Seal() error {
	p.keep = p.want
	if len(p.lent) > 0 {
		p.keep = slices.Clone(p.want)
	}
	for _, l := range p.lent {
		// A page of which only a part is lent is kept.
		for page := (l.off + pageSize - 1) / pageSize; page < l.end/pageSize; page++ {
			p.keep[page/64] &^= 1 << (page % 64)
		}
	}
	p.rank = make([]int64, len(p.keep)+1)
	for i, w := range p.keep {
		p.rank[i+1] = p.rank[i] + int64(bits.OnesCount64(w))
	}
	p.f.size = p.Kept()
	return p.dir.reserve(p.Kept())
}

// Kept is the number of bytes that the kept pages hold, before any is put.
func (p *Pages) Kept() int64 { return p.rank[len(p.keep)] * pageSize }

// WantsAny tells whether any page in [off, off+n) is marked.
func (p *Pages) WantsAny(off, n int64) bool {
	if n <= 0 {
		return false
	}
	first, last := off/pageSize, (off+n-1)/pageSize
	for first <= last && first/64 < int64(len(p.want)) {
		if w := p.want[first/64] >> (first % 64); w != 0 {
			return first+int64(bits.TrailingZeros64(w)) <= last
		}
		first = (first/64 + 1) * 64
	}
	return false
}

// slot is the place in the file of a page, or -1.
func (p *Pages) slot(page int64) int64 {
	w := p.keep[page/64]
	bit := uint(page % 64)
	if w>>bit&1 == 0 {
		return -1
	}
	return (p.rank[page/64] + int64(bits.OnesCount64(w&(1<<bit-1)))) * pageSize
}

// run finds the kept run of adjoining file bytes that starts at off, at most
// n bytes long; a hole gives slot -1 and the length of the hole.
func (p *Pages) run(off, n int64) (at, length int64) {
	page := off / pageSize
	at = p.slot(page)
	length = (page+1)*pageSize - off
	if at >= 0 {
		at += off % pageSize
	}
	for length < n {
		page++
		if (p.slot(page) >= 0) != (at >= 0) {
			break
		}
		length += pageSize
	}
	return at, min(length, n)
}

// Put offers b, which lies at off; what is to be kept of it is stored.
func (p *Pages) Put(b []byte, off int64) error {
	if off < 0 || off > p.size-int64(len(b)) {
		return fmt.Errorf("bytes %d+%d lie outside of the reference of %d bytes", off, len(b), p.size)
	}
	for len(b) > 0 {
		at, n := p.run(off, int64(len(b)))
		if at >= 0 {
			if err := p.f.writeAt(b[:n], at); err != nil {
				return err
			}
		}
		b, off = b[n:], off+n
	}
	return nil
}

// ReadAt reads bytes that were kept or lent.
func (p *Pages) ReadAt(b []byte, off int64) (int, error) {
	done := 0
	next := p.lentAfter(off)
	for done < len(b) {
		if off < 0 || off >= p.size {
			return done, io.EOF
		}
		end := min(off+int64(len(b)-done), p.size)
		if next < len(p.lent) && p.lent[next].off <= off {
			l := p.lent[next]
			n := min(end, l.end) - off
			m, err := l.r.ReadAt(b[done:done+int(n)], off-l.off)
			done += m
			off += int64(m)
			if int64(m) < n {
				return done, err
			}
			next++
			continue
		}
		if next < len(p.lent) {
			end = min(end, p.lent[next].off)
		}
		at, n := p.run(off, end-off)
		if at < 0 {
			return done, fmt.Errorf("offset %d: %w", off, ErrNotKept)
		}
		m, err := p.f.ReadAt(b[done:done+int(n)], at)
		done += m
		off += int64(m)
		if err == io.EOF {
			return done, fmt.Errorf("offset %d: %w", off, ErrNotKept)
		}
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// Close gives the space back.
func (p *Pages) Close() error { return p.f.Close() }

// writeAt writes inside the file's size.
func (f *File) writeAt(b []byte, off int64) error {
	if _, err := f.f.WriteAt(b, off); err != nil {
		return fmt.Errorf("temporary file in %s (choose another place with --temp-dir): %w", f.dir.path, err)
	}
	return nil
}
