package layer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/docker-delta/docker-delta/internal/spool"
	"github.com/docker-delta/docker-delta/recipe"
)

// Reference is the address space of what a delta may copy from: the base's
// layers one after the other, then the streams unwrapped from them.
type Reference struct {
	layers  int
	streams []span
	size    int64
	raw     Concat // at creation only
}

// span is one stream of a reference.
type span struct {
	addr, size int64
	derived
}

// derived says from where in which other stream a stream is unwrapped.
type derived struct {
	parent   int
	off, len int64
	wrapping Wrapping
}

// ErrReference reports a description of a reference that makes no sense.
var ErrReference = errors.New("malformed description of the reference")

// NewReference lays out the given layers, and everything unwrapped from them.
// addr, when called, gives the address of each stream's first byte.
func NewReference(layers []*Stream) (ref *Reference, addr map[*Stream]int64) {
	ref = &Reference{layers: len(layers)}
	addr = make(map[*Stream]int64)
	for _, s := range layers {
		addr[s] = ref.add(s.Size, derived{parent: -1})
		ref.raw.Add(s.Raw, 0, s.Size)
	}
	for i, s := range layers {
		ref.derive(s, i, addr)
	}
	return ref, addr
}

func (ref *Reference) derive(s *Stream, index int, addr map[*Stream]int64) {
	_ = s.Leaves(func(n *Node) error {
		if n.Inner == nil {
			return nil
		}
		child := len(ref.streams)
		addr[n.Inner] = ref.add(n.Inner.Size, derived{index, n.Off, n.Len, n.Wrapping})
		ref.raw.Add(n.Inner.Raw, 0, n.Inner.Size)
		ref.derive(n.Inner, child, addr)
		return nil
	})
}

func (ref *Reference) add(size int64, d derived) int64 {
	at := ref.size
	ref.streams = append(ref.streams, span{at, size, d})
	ref.size += size
	return at
}

// Size is the number of bytes in the reference.
func (ref *Reference) Size() int64 { return ref.size }

// ReadAt reads from the streams themselves, which only the creating side has.
func (ref *Reference) ReadAt(p []byte, off int64) (int, error) { return ref.raw.ReadAt(p, off) }

// AppendBinary appends the coded form of what is unwrapped. The sizes of the
// layers are not part of it.
func (ref *Reference) AppendBinary(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(ref.streams)-ref.layers))
	parent, end := 0, int64(0)
	for _, s := range ref.streams[ref.layers:] {
		if s.parent != parent {
			end = 0
		}
		b = binary.AppendVarint(b, int64(s.parent-parent))
		b = binary.AppendVarint(b, s.off-end)
		b = binary.AppendUvarint(b, uint64(s.len))
		b = binary.AppendUvarint(b, uint64(s.size))
		b = append(b, byte(s.wrapping.Format))
		b = appendChunks(b, s.wrapping.Chunks)
		parent, end = s.parent, s.off+s.len
	}
	return b
}

// ParseReference reads the coded form for layers of the given sizes.
func ParseReference(b []byte, layers []int64) (*Reference, error) {
	ref := &Reference{layers: len(layers)}
	for _, size := range layers {
		if size < 0 || size > spool.MaxSpan-ref.size {
			return nil, fmt.Errorf("%w: layers of over %d bytes", ErrReference, int64(spool.MaxSpan))
		}
		ref.add(size, derived{parent: -1})
	}
	d := &decoder{b: b}
	parent, end := int64(0), int64(0)
	ends := make(map[int]int64) // of the last stream unwrapped from each
	for n := d.uint(int64(len(b))); n > 0 && d.err == nil; n-- {
		step := d.int()
		if step != 0 {
			end = 0
		}
		parent += step
		s := derived{off: end + d.int(), len: d.uint(spool.MaxSpan)}
		size := d.uint(spool.MaxSpan)
		s.wrapping = Wrapping{Format: recipe.Format(d.byte()), Chunks: d.chunks()}
		if d.err != nil {
			break
		}
		if parent < 0 || parent >= int64(len(ref.streams)) || s.off < ends[int(parent)] || s.off > ref.streams[parent].size-s.len || size > spool.MaxSpan-ref.size {
			d.fail("stream %d, %d bytes unwrapped from %d+%d of stream %d", len(ref.streams), size, s.off, s.len, parent)
			break
		}
		s.parent = int(parent)
		end = s.off + s.len
		ends[s.parent] = end
		ref.add(size, s)
	}
	if d.err == nil && len(d.b) > 0 {
		d.fail("bytes after the end")
	}
	if d.err != nil {
		return nil, fmt.Errorf("%w: %v", ErrReference, d.err)
	}
	return ref, nil
}

func (d *decoder) int() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 || v > math.MaxInt64/4 || v < math.MinInt64/4 {
		d.fail("a number is missing or too large")
		d.b = nil
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) byte() byte {
	if len(d.b) == 0 {
		d.fail("a byte is missing")
		return 0
	}
	c := d.b[0]
	d.b = d.b[1:]
	return c
}

// Gather passes over the base's layers once and puts what pages wants of the
// reference into it. open gives the decompressed tar of a layer; layers of
// which nothing is wanted are not opened.
func (ref *Reference) Gather(ctx context.Context, pages *spool.Pages, open func(layer int) (io.ReadCloser, error)) error {
	g := &gatherer{ref: ref, pages: pages, children: make(map[int][]int)}
	used := ref.used(pages)
	for i := len(ref.streams) - 1; i >= ref.layers; i-- {
		if parent := ref.streams[i].parent; used[i] {
			g.children[parent] = append(g.children[parent], i)
		}
	}
	for i := range ref.layers {
		if !used[i] {
			continue
		}
		if err := g.layer(ctx, i, open); err != nil {
			return err
		}
	}
	return nil
}

// Used tells which layers Gather would open.
func (ref *Reference) Used(pages *spool.Pages) []bool { return ref.used(pages)[:ref.layers] }

// used tells which streams hold something wanted, or something that is unwrapped
// for it.
func (ref *Reference) used(pages *spool.Pages) []bool {
	used := make([]bool, len(ref.streams))
	for i := len(ref.streams) - 1; i >= 0; i-- { // children stand behind parents
		s := ref.streams[i]
		if used[i] = used[i] || pages.WantsAny(s.addr, s.size); used[i] && s.parent >= 0 {
			used[s.parent] = true
		}
	}
	return used
}

type gatherer struct {
	ref      *Reference
	pages    *spool.Pages
	children map[int][]int // wanted ones, in reverse order
	buf      [64 << 10]byte
}

func (g *gatherer) layer(ctx context.Context, i int, open func(int) (io.ReadCloser, error)) error {
	r, err := open(i)
	if err != nil {
		return err
	}
	defer r.Close()
	c := &capture{ctx: ctx, r: r, pages: g.pages, at: g.ref.streams[i].addr, left: g.ref.streams[i].size}
	if err := g.stream(c, i); err != nil {
		return err
	}
	// The reader proves the digest at its end, so that end must be reached.
	if n, err := r.Read(g.buf[:1]); n > 0 || err != io.EOF {
		if n > 0 || err == nil {
			err = fmt.Errorf("longer than the %d bytes it should have", g.ref.streams[i].size)
		}
		return fmt.Errorf("base layer %d: %w", i, err)
	}
	return r.Close()
}

func (g *gatherer) stream(c *capture, i int) error {
	start := c.at
	children := g.children[i]
	for k := len(children) - 1; k >= 0; k-- {
		s := g.ref.streams[children[k]]
		if err := g.pass(io.LimitReader(c, start+s.off-c.at)); err != nil {
			return err
		}
		wrapped := io.LimitReader(c, s.len)
		inner, err := s.wrapping.Open(wrapped)
		if err != nil {
			return fmt.Errorf("unwrapping %d bytes at %d of the base: %w", s.len, s.addr, err)
		}
		err = g.stream(&capture{ctx: c.ctx, r: inner, pages: g.pages, at: s.addr, left: s.size}, children[k])
		if cerr := inner.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return fmt.Errorf("unwrapping %d bytes at %d of the base: %w", s.len, s.addr, err)
		}
		if err := g.pass(wrapped); err != nil {
			return err
		}
	}
	if err := g.pass(c); err != nil {
		return err
	}
	if c.left > 0 {
		return fmt.Errorf("%d bytes are missing: %w", c.left, io.ErrUnexpectedEOF)
	}
	return nil
}

func (g *gatherer) pass(r io.Reader) error {
	for {
		_, err := r.Read(g.buf[:])
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
