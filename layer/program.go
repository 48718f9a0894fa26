package layer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unsafe"

	"github.com/docker-delta/docker-delta/internal/limit"
	"github.com/docker-delta/docker-delta/recipe"
)

// Program turns the plain face of a stream into its raw bytes.
type Program struct {
	steps []step
	plain int64 // bytes in
	raw   int64 // bytes out
}

// step passes bytes on as they are, then rewraps what an inner program gives.
type step struct {
	skip   int64
	inner  *Program
	recipe *recipe.Recipe
	chunks []int64
}

// size is the number of raw bytes that the rewrapped part of the step gives.
func (st *step) size() int64 {
	n := st.recipe.Size()
	if len(st.chunks) > 1 {
		n += chunkFrame * int64(len(st.chunks)-1)
	}
	return n
}

// ErrProgram reports a rewrap program that makes no sense.
var ErrProgram = errors.New("malformed rewrap program")

var errTooLong = fmt.Errorf("%w: more bytes than announced", ErrProgram)

// NewProgram describes how to rewrap s, whose unwrapped nodes carry recipes.
func NewProgram(s *Stream) *Program {
	p := &Program{raw: s.Size}
	skip := int64(0)
	_ = s.Leaves(func(n *Node) error {
		if n.Inner == nil {
			skip += n.Len
			return nil
		}
		st := step{skip: skip, inner: NewProgram(n.Inner), recipe: n.Recipe, chunks: n.Wrapping.Chunks}
		p.plain += skip + st.inner.plain
		p.steps = append(p.steps, st)
		skip = 0
		return nil
	})
	p.plain += skip
	return p
}

// PlainSize is the number of bytes that the program takes.
func (p *Program) PlainSize() int64 { return p.plain }

// Size is the number of bytes that the program gives.
func (p *Program) Size() int64 { return p.raw }

// AppendBinary appends the coded form, which docs/format.md specifies.
func (p *Program) AppendBinary(b []byte) ([]byte, error) {
	b = binary.AppendUvarint(b, uint64(len(p.steps)))
	for i := range p.steps {
		st := &p.steps[i]
		b = binary.AppendUvarint(b, uint64(st.skip))
		r, err := st.recipe.AppendBinary(nil)
		if err != nil {
			return nil, err
		}
		b = binary.AppendUvarint(b, uint64(len(r)))
		b = append(b, r...)
		b = appendChunks(b, st.chunks)
		if b, err = st.inner.AppendBinary(b); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func appendChunks(b []byte, chunks []int64) []byte {
	b = binary.AppendUvarint(b, uint64(len(chunks)))
	for _, n := range chunks {
		b = binary.AppendUvarint(b, uint64(n))
	}
	return b
}

// ParseProgram reads a coded program for a stream of rawSize bytes, which may take
// what is left of mem.
func ParseProgram(b []byte, rawSize int64, mem *limit.Memory) (*Program, error) {
	d := &decoder{b: b, mem: mem}
	p := d.program(rawSize, 0)
	if d.err == nil && len(d.b) > 0 {
		d.fail("bytes after the end")
	}
	if d.err != nil {
		return nil, d.err
	}
	return p, nil
}

type decoder struct {
	b   []byte
	mem *limit.Memory
	err error
}

// take takes bytes off the memory.
func (d *decoder) take(n int64) {
	if err := d.mem.Take(n); err != nil && d.err == nil {
		d.err = err
	}
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", ErrProgram, fmt.Sprintf(format, args...))
	}
}

func (d *decoder) uint(limit int64) int64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 || v > uint64(limit) {
		d.fail("a number is missing or over %d", limit)
		d.b = nil
		return 0
	}
	d.b = d.b[n:]
	return int64(v)
}

func (d *decoder) bytes() []byte {
	n := d.uint(int64(len(d.b)))
	if n > int64(len(d.b)) {
		d.fail("bytes are missing")
		return nil
	}
	b := d.b[:n]
	d.b = d.b[n:]
	return b
}

// chunks reads the lengths of the pieces of a zlib stream; each costs a byte
// at least, which bounds the memory.
func (d *decoder) chunks() []int64 {
	n := d.uint(int64(len(d.b)))
	if n == 0 || d.err != nil {
		return nil
	}
	if d.take(8 * n); d.err != nil {
		return nil
	}
	chunks := make([]int64, 0, n)
	for ; n > 0 && d.err == nil; n-- {
		chunks = append(chunks, d.uint(math.MaxInt32))
	}
	return chunks
}

func (d *decoder) program(raw int64, depth int) *Program {
	p := &Program{raw: raw}
	d.take(int64(unsafe.Sizeof(*p)))
	if depth > MaxDepth {
		d.fail("nested too deeply")
		return p
	}
	left := raw
	for n := d.uint(int64(len(d.b))); n > 0 && d.err == nil; n-- {
		st := step{skip: d.uint(left)}
		left -= st.skip
		d.take(2 * int64(unsafe.Sizeof(st))) // in a list that grows
		r, err := recipe.Parse(d.bytes(), d.mem)
		if err != nil {
			if d.err == nil {
				d.err = err
			}
			return p
		}
		st.recipe, st.chunks = r, d.chunks()
		sum := int64(0)
		for _, c := range st.chunks {
			sum += c
		}
		if st.chunks != nil && sum != r.Size() {
			d.fail("chunks of %d bytes for %d", sum, r.Size())
		}
		if r.Size() == 0 {
			d.fail("a step that does nothing")
		}
		if st.size() > left {
			d.fail("more bytes than the stream has")
		}
		left -= st.size()
		st.inner = d.program(r.PlainSize(), depth+1)
		if p.plain > math.MaxInt64-st.skip-st.inner.plain {
			d.fail("too long")
		}
		p.plain += st.skip + st.inner.plain
		p.steps = append(p.steps, st)
	}
	p.plain += left
	return p
}
