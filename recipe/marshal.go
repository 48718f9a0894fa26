package recipe

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"

	"github.com/docker-delta/docker-delta/internal/limit"
)

// The serialized form, all numbers being uvarints:
//
//	recipe  = version<<4|format (one byte), size, part*
//	part    = 0 n byte*n               bytes as they are
//	        | 1 n                      n zero bytes
//	        | 2 n plain*n              n streams like the stream before
//	        | 3+flags [n byte*n] [coding] plain [n byte*n]
//	coding  = encoder, level+64, shape, [arg], [opts]   level and shape: one byte each
//
// Flags of the last form: 4 header as before, 8 coding as before, 16 with
// corrections (the last byte string). There is exactly one way to write a recipe.
const (
	version = 0

	tagLiteral = 0
	tagZeros   = 1
	tagAgain   = 2
	tagStream  = 3

	flagHeader = 4
	flagCoding = 8
	flagFix    = 16
)

// shape bits of a serialized coding
const (
	shapeFraming = 0x0f
	shapeArg     = 0x10
	shapeOpts    = 0x20
)

// maxSize keeps sums of sizes far from overflow.
const maxSize = math.MaxInt64 / 4

// AppendBinary appends the serialized recipe to b. The error is always nil.
func (r *Recipe) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, version<<4|byte(r.format))
	b = binary.AppendUvarint(b, uint64(r.size))
	var last *part
	for i := 0; i < len(r.parts); {
		p := &r.parts[i]
		if !p.stream {
			if p.zeros > 0 {
				b = append(b, tagZeros)
				b = binary.AppendUvarint(b, uint64(p.zeros))
			} else {
				b = append(b, tagLiteral)
				b = appendBytes(b, p.literal)
			}
			i++
			continue
		}
		n := 0
		for last != nil && i+n < len(r.parts) && r.parts[i+n].like(last) {
			n++
		}
		if n > 0 {
			b = append(b, tagAgain)
			b = binary.AppendUvarint(b, uint64(n))
			for _, q := range r.parts[i : i+n] {
				b = binary.AppendUvarint(b, uint64(q.plain))
			}
			i += n
			continue
		}
		b = p.append(b, last)
		last = p
		i++
	}
	return b, nil
}

// like tells whether p differs from q, a stream, in nothing but its length.
func (p *part) like(q *part) bool {
	return p.stream && p.fix == nil && q.fix == nil && p.coding == q.coding && bytes.Equal(p.literal, q.literal)
}

// append serializes a stream that follows the stream last.
func (p *part) append(b []byte, last *part) []byte {
	tag := byte(tagStream)
	if last != nil && bytes.Equal(p.literal, last.literal) {
		tag |= flagHeader
	}
	if last != nil && p.coding == last.coding {
		tag |= flagCoding
	}
	if p.fix != nil {
		tag |= flagFix
	}
	b = append(b, tag)
	if tag&flagHeader == 0 {
		b = appendBytes(b, p.literal)
	}
	if tag&flagCoding == 0 {
		b = p.coding.append(b)
	}
	b = binary.AppendUvarint(b, uint64(p.plain))
	if p.fix != nil {
		b = appendBytes(b, p.fix)
	}
	return b
}

func (c coding) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(c.encoder))
	shape := byte(c.framing)
	if c.arg != 0 {
		shape |= shapeArg
	}
	if c.opts != 0 {
		shape |= shapeOpts
	}
	b = append(b, byte(c.level+64), shape)
	if c.arg != 0 {
		b = binary.AppendUvarint(b, c.arg)
	}
	if c.opts != 0 {
		b = binary.AppendUvarint(b, uint64(c.opts))
	}
	return b
}

func appendBytes(b, s []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// Parse reads a serialized recipe, all of b. It keeps no reference to b.
// The error wraps [ErrInvalid], or is an [UnknownError].
//
// The recipe takes no more than what is left of mem, since a byte may stand for a whole
// stream. A nil mem sets no limit.
func Parse(b []byte, mem *limit.Memory) (*Recipe, error) {
	d := decoder{b: b, mem: mem}
	head := d.byte()
	r := &Recipe{format: Format(head & 15)}
	if d.err == nil && head>>4 != version {
		return nil, fmt.Errorf("%w: version %d", ErrInvalid, head>>4)
	}
	if d.err == nil && (r.format == Unknown || r.format > Zstd) {
		return nil, fmt.Errorf("%w: format %d", ErrInvalid, r.format)
	}
	r.size = d.size()
	var literal int64
	for d.err == nil && len(d.b) > 0 {
		at := len(r.parts)
		r.parts = d.parts(r.parts, r.format)
		for _, p := range r.parts[at:] {
			d.take(int64(len(p.literal) + len(p.fix)))
			r.plain += p.plain
			literal += int64(len(p.literal)) + p.zeros
			if r.plain > maxSize || literal > r.size {
				d.fail("sizes do not add up")
				break
			}
		}
	}
	d.take(int64(unsafe.Sizeof(*r)))
	if d.err == nil && r.format == Deflate && (len(r.parts) == 0 || !r.parts[0].stream) {
		d.fail("no stream")
	}
	if d.err != nil {
		return nil, d.err
	}
	// One way to write it: what reads back otherwise was not written by us.
	if again, _ := r.AppendBinary(make([]byte, 0, len(b))); !bytes.Equal(again, b) {
		return nil, fmt.Errorf("%w: not in canonical form", ErrInvalid)
	}
	return r, nil
}

// decoder takes values off b until the first error.
type decoder struct {
	b    []byte
	last *part
	mem  *limit.Memory
	err  error
}

// partMemory is what a part takes in a list that grows: half of what was made room
// for may be empty, and the list before it is not given up yet.
const partMemory = 2 * int64(unsafe.Sizeof(part{}))

func (d *decoder) take(n int64) {
	if err := d.mem.Take(n); err != nil && d.err == nil {
		d.err, d.b = err, nil
	}
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
	}
	d.b = nil
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail("truncated number")
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) byte() byte {
	if len(d.b) == 0 {
		d.fail("truncated")
		return 0
	}
	c := d.b[0]
	d.b = d.b[1:]
	return c
}

func (d *decoder) size() int64 {
	v := d.uvarint()
	if v > maxSize {
		d.fail("size %d", v)
		return 0
	}
	return int64(v)
}

func (d *decoder) bytes() []byte {
	n := d.uvarint()
	if n > uint64(len(d.b)) {
		d.fail("%d bytes announced, %d left", n, len(d.b))
		return nil
	}
	s := bytes.Clone(d.b[:n])
	d.b = d.b[n:]
	return s
}

// parts reads one serialized part, which may stand for several streams.
func (d *decoder) parts(to []part, f Format) []part {
	tag := d.byte()
	d.take(partMemory)
	switch {
	case tag == tagLiteral:
		p := part{literal: d.bytes()}
		if len(p.literal) == 0 {
			d.fail("empty literal")
		}
		return append(to, p)
	case tag == tagZeros:
		return append(to, part{zeros: d.size()})
	case tag == tagAgain:
		if d.last == nil || d.last.fix != nil {
			d.fail("nothing to repeat")
			return to
		}
		n := d.uvarint()
		if n > uint64(len(d.b)) {
			d.fail("%d streams announced", n)
			return to
		}
		for d.take(partMemory * int64(n)); n > 0 && d.err == nil; n-- {
			p := *d.last
			p.plain = d.size()
			to = append(to, p)
		}
		return to
	case tag&^(flagHeader|flagCoding|flagFix) == tagStream:
		p := part{stream: true}
		if d.last == nil && tag&(flagHeader|flagCoding) != 0 {
			d.fail("nothing to repeat")
			return to
		}
		if tag&flagHeader != 0 {
			p.literal = d.last.literal
		} else {
			p.literal = d.bytes()
		}
		if tag&flagCoding != 0 {
			p.coding = d.last.coding
		} else {
			p.coding = d.coding(f)
		}
		p.plain = d.size()
		if tag&flagFix != 0 {
			p.fix = d.bytes()
			if p.fix == nil {
				p.fix = []byte{}
			}
		}
		if d.err == nil {
			d.err = p.check(f)
		}
		d.last = &p
		return append(to, p)
	}
	d.fail("tag %d", tag)
	return to
}

func (d *decoder) coding(f Format) coding {
	id := d.uvarint()
	c := coding{level: int8(d.byte()) - 64}
	shape := d.byte()
	c.framing = framing(shape & shapeFraming)
	if shape&shapeArg != 0 {
		c.arg = d.uvarint()
	}
	if shape&shapeOpts != 0 {
		opts := d.uvarint()
		if opts > math.MaxUint32 {
			d.fail("settings")
		}
		c.opts = uint32(opts)
	}
	if d.err != nil {
		return coding{}
	}
	if id > math.MaxUint16 {
		d.err = unknown("encoder number %d", id)
		return coding{}
	}
	c.encoder = encoderID(id)
	d.err = c.check(f)
	return c
}
