package layer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unsafe"

	"github.com/docker-delta/docker-delta/internal/limit"
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

// LayerAt is the address of a layer.
func (ref *Reference) LayerAt(i int) int64 { return ref.streams[i].addr }

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

// ParseReference reads the coded form for layers of the given sizes, which may take
// what is left of mem.
func ParseReference(b []byte, layers []int64, mem *limit.Memory) (*Reference, error) {
	ref := &Reference{layers: len(layers)}
	for _, size := range layers {
		if size < 0 || size > spool.MaxSpan-ref.size {
			return nil, fmt.Errorf("%w: layers of over %d bytes", ErrReference, int64(spool.MaxSpan))
		}
		ref.add(size, derived{parent: -1})
	}
	d := &decoder{b: b, mem: mem}
	parent, end := int64(0), int64(0)
	ends := make(map[int]int64) // of the last stream unwrapped from each
	for n := d.uint(int64(len(b))); n > 0 && d.err == nil; n-- {
		d.take(spanMemory)
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
		if !errors.Is(d.err, limit.ErrMemory) {
			d.err = fmt.Errorf("%w: %v", ErrReference, d.err)
		}
		return nil, d.err
	}
	return ref, nil
}

// spanMemory is what a stream takes, in a list that grows and among the ends.
const spanMemory = 2*int64(unsafe.Sizeof(span{})) + 64

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
