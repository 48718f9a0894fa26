package layer

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sort"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/docker-delta/docker-delta/internal/spool"
)

// Usage tells which streams of a reference are used.
type Usage struct {
	ref  *Reference
	used []bool
}

// NewUsage uses nothing yet.
func (ref *Reference) NewUsage() *Usage { return &Usage{ref, make([]bool, len(ref.streams))} }

// Add uses what lies of [off, off+n) in the reference, and all that it is
// unwrapped from.
func (u *Usage) Add(off, n int64) {
	streams := u.ref.streams
	i := sort.Search(len(streams), func(i int) bool { return streams[i].addr+streams[i].size > off })
	for ; i < len(streams) && streams[i].addr < off+n; i++ {
		if streams[i].size == 0 {
			continue
		}
		for k := i; k >= 0 && !u.used[k]; k = streams[k].parent {
			u.used[k] = true
		}
	}
}

// Layer tells whether a layer is used.
func (u *Usage) Layer(i int) bool { return u.used[i] }

// Gather passes over the base's layers once and puts what pages wants of the
// reference into it; u has to use all of that. open gives the decompressed tar
// of a layer; layers that are not used are not opened, and of a layer that is
// lent to pages only the streams that must be unwrapped are read. It works on up
// to cores streams at once.
func (ref *Reference) Gather(ctx context.Context, pages *spool.Pages, u *Usage, cores int, open func(layer int) (io.ReadCloser, error)) error {
	g := &gatherer{ref: ref, pages: pages, children: make(map[int][]int)}
	for i := len(ref.streams) - 1; i >= ref.layers; i-- {
		if parent := ref.streams[i].parent; u.used[i] {
			g.children[parent] = append(g.children[parent], i)
		}
	}
	g.work, g.ctx = errgroup.WithContext(ctx)
	g.work.SetLimit(max(cores, 1))
	err := g.layers(u.used, open)
	if werr := g.work.Wait(); werr != nil {
		return werr
	}
	return err
}

type gatherer struct {
	ref      *Reference
	pages    *spool.Pages
	children map[int][]int // wanted ones, in reverse order
	work     *errgroup.Group
	ctx      context.Context // of work
}

// readAhead is the largest stream that is read into memory to be unwrapped
// while its parent is read on.
const readAhead = 4 << 20

func (g *gatherer) layers(used []bool, open func(layer int) (io.ReadCloser, error)) error {
	for i := range g.ref.layers {
		var err error
		if r := g.pages.Lent(g.ref.streams[i].addr); r != nil {
			g.lent(r, i)
		} else if used[i] {
			err = g.layer(i, open)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// lent unwraps the streams of a layer that can be read anywhere.
func (g *gatherer) lent(r io.ReaderAt, i int) {
	children := g.children[i]
	for k := len(children) - 1; k >= 0 && g.ctx.Err() == nil; k-- {
		s := g.ref.streams[children[k]]
		g.work.Go(func() error { return g.unwrap(io.NewSectionReader(r, s.off, s.len), children[k]) })
	}
}

func (g *gatherer) layer(i int, open func(int) (io.ReadCloser, error)) error {
	r, err := open(i)
	if err != nil {
		return err
	}
	defer r.Close()
	c := &capture{ctx: g.ctx, r: r, pages: g.pages, at: g.ref.streams[i].addr, left: g.ref.streams[i].size}
	if err := g.stream(c, i, true); err != nil {
		return err
	}
	// The reader proves the digest at its end, so that end must be reached.
	var b [1]byte
	if n, err := r.Read(b[:]); n > 0 || err != io.EOF {
		if n > 0 || err == nil {
			err = fmt.Errorf("longer than the %d bytes it should have", g.ref.streams[i].size)
		}
		return fmt.Errorf("base layer %d: %w", i, err)
	}
	return r.Close()
}

// stream reads all of a stream and unwraps what is wanted inside. Where that may
// be done aside, small streams are left to other goroutines.
func (g *gatherer) stream(c *capture, i int, aside bool) error {
	start := c.at
	children := g.children[i]
	for k := len(children) - 1; k >= 0; k-- {
		child := children[k]
		s := g.ref.streams[child]
		if err := pass(io.LimitReader(c, start+s.off-c.at)); err != nil {
			return err
		}
		if aside && s.len <= readAhead {
			wrapped := make([]byte, s.len)
			if n, err := io.ReadFull(c, wrapped); err != nil {
				return fmt.Errorf("%d bytes are missing: %w", s.len-int64(n), err)
			}
			g.work.Go(func() error { return g.unwrap(bytes.NewReader(wrapped), child) })
			continue
		}
		wrapped := io.LimitReader(c, s.len)
		if err := g.unwrap(wrapped, child); err != nil {
			return err
		}
		if err := pass(wrapped); err != nil {
			return err
		}
	}
	if err := pass(c); err != nil {
		return err
	}
	if c.left > 0 {
		return fmt.Errorf("%d bytes are missing: %w", c.left, io.ErrUnexpectedEOF)
	}
	return nil
}

// unwrap reads stream i of the reference out of its compressed form.
func (g *gatherer) unwrap(wrapped io.Reader, i int) error {
	s := g.ref.streams[i]
	inner, err := s.wrapping.Open(wrapped)
	if err == nil {
		err = g.stream(&capture{ctx: g.ctx, r: inner, pages: g.pages, at: s.addr, left: s.size}, i, false)
		if cerr := inner.Close(); err == nil {
			err = cerr
		}
	}
	if err != nil {
		return fmt.Errorf("unwrapping %d bytes at %d of the base: %w", s.len, s.addr, err)
	}
	return nil
}

var passBuffers = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// pass reads r to its end.
func pass(r io.Reader) error {
	buf := passBuffers.Get().(*[64 << 10]byte)
	defer passBuffers.Put(buf)
	for {
		_, err := r.Read(buf[:])
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// capture is a stream of the reference that leaves what is wanted of it in the
// pages, whoever reads it.
type capture struct {
	ctx      context.Context
	r        io.Reader
	pages    *spool.Pages
	at, left int64
}

func (c *capture) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	if c.left == 0 {
		return 0, io.EOF
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	if n > 0 {
		if perr := c.pages.Put(p[:n], c.at); perr != nil {
			return n, perr
		}
		c.at += int64(n)
		c.left -= int64(n)
	}
	return n, err
}
