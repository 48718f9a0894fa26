package diff

import (
	"errors"
	"fmt"
	"io"
	"math/bits"
	"unsafe"

	"github.com/docker-delta/docker-delta/diff/internal/code"
	"github.com/docker-delta/docker-delta/diff/internal/predict"
	"github.com/docker-delta/docker-delta/internal/limit"
)

// The fields of the integers that describe a layout. Where there are two in a
// row, the second is for operations that follow a literal.
const (
	fieldCount = iota
	fieldLen
	fieldLit
	fieldRecent
	_
	fieldNear // distance from the alignment just used
	_
	fieldFar // distance from another one
	fieldSign
	fieldGroup
)

// recent are the alignments, addresses less target offsets, that were used
// last. An address is coded by the alignment nearest to its own, and the
// distance from that.
type recent [16]int64

// nearest returns the index of the alignment from which the distance costs
// least.
func (r *recent) nearest(alignment int64) int {
	best, least := 0, 1<<10
	for i, a := range r {
		d := uint64(max(alignment-a, a-alignment))
		if cost := 2*bits.Len64(d) + bits.Len(uint(i)); cost < least {
			best, least = i, cost
		}
	}
	return best
}

// use makes an alignment the first, in place of the one with index i.
func (r *recent) use(i int, alignment int64) {
	copy(r[1:i+1], r[:i])
	r[0] = alignment
}

// jumpFields returns the fields of an address.
func jumpFields(afterLiteral bool, index int) (which, distance int) {
	which, distance = fieldRecent, fieldNear
	if afterLiteral {
		which, distance = which+1, distance+1
	}
	if index > 0 {
		distance = fieldFar
	}
	return which, distance
}

// appendOps codes operations and groups.
func appendOps(e *code.IntEncoder, l *layout, notes *ledger) error {
	err := e.Write(fieldCount, uint64(len(l.ops)))
	var last recent
	at, lit := int64(0), false
	var made meter
	for _, o := range l.ops {
		alignment := o.Old - at
		i := last.nearest(alignment)
		which, distance := jumpFields(lit, i)
		err = errors.Join(err, e.Write(which, uint64(i)))
		if d := alignment - last[i]; d >= 0 {
			err = errors.Join(err, e.Write(distance, uint64(d)))
			if d > 0 {
				err = errors.Join(err, e.Write(fieldSign, 0))
			}
		} else {
			err = errors.Join(err, e.Write(distance, uint64(-d)), e.Write(fieldSign, 1))
		}
		last.use(i, alignment)
		err = errors.Join(err, e.Write(fieldLen, uint64(o.Len)), e.Write(fieldLit, uint64(o.Lit)))
		notes.operation(at, made.step(e.Bits()))
		at += o.Len + o.Lit
		lit = o.Lit > 0
	}
	at = 0
	err = errors.Join(err, e.Write(fieldCount, uint64(len(l.groups))))
	for _, g := range l.groups {
		err = errors.Join(err,
			e.WriteSigned(fieldGroup, g.new.Off-at),
			e.Write(fieldGroup+1, uint64(g.new.Len)),
			e.WriteSigned(fieldGroup+2, g.old.Off-at),
			e.Write(fieldGroup+3, uint64(g.old.Len)),
			e.Write(fieldGroup+4, uint64(len(g.params))))
		at = g.new.End()
	}
	return err
}

// A few coded bytes can stand for any number of operations and groups. What they
// take is therefore bounded by the bytes that they give: operations of fewer bytes
// do not pay, and executables are not so small.
const (
	someOps       = 1 << 10
	bytesPerOp    = 4
	someGroups    = 16
	bytesPerGroup = 512
)

// opMemory and groupMemory are what one takes, in bytes: in a list that grows, and
// when a model is made of it.
const (
	opMemory    = 2*int64(unsafe.Sizeof(op{})) + 3*int64(unsafe.Sizeof(predict.Op{}))
	groupMemory = 2 * int64(unsafe.Sizeof(group{}))
)

// readOps reads what appendOps wrote into l, whose sizes are known.
func readOps(r io.Reader, l *layout, mem *limit.Memory, notes *ledger) error {
	d, err := code.NewIntDecoder(r)
	if err != nil {
		return err
	}
	n, err := d.Read(fieldCount)
	if err != nil {
		return err
	}
	if n > uint64(someOps+l.target/bytesPerOp) {
		return fmt.Errorf("%w: %d operations for %d bytes", ErrCorrupt, n, l.target)
	}
	if err := mem.Take(int64(n) * opMemory); err != nil {
		return err
	}
	var last recent
	at, lit := int64(0), false
	var made meter
	for range n {
		alignment, err := readAlignment(d, &last, lit)
		if err != nil {
			return err
		}
		size, err1 := d.Read(fieldLen)
		follow, err2 := d.Read(fieldLit)
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		if size > uint64(l.target-at) || follow > uint64(l.target-at)-size {
			return fmt.Errorf("%w: operation of %d and %d bytes", ErrCorrupt, size, follow)
		}
		o := op{Len: int64(size), Old: at + alignment, Lit: int64(follow)}
		l.ops = append(l.ops, o)
		if notes != nil {
			notes.operation(at, made.step(d.Bits()))
		}
		at += o.Len + o.Lit
		lit = o.Lit > 0
	}
	return readGroups(d, l, mem)
}

// readAlignment reads where an operation copies from. Sums may overflow; what
// comes of it is refused like any other address out of range.
func readAlignment(d *code.IntDecoder, last *recent, lit bool) (int64, error) {
	which, _ := jumpFields(lit, 0)
	i, err := d.Read(which)
	if err != nil {
		return 0, err
	}
	if i >= uint64(len(last)) {
		return 0, fmt.Errorf("%w: alignment %d", ErrCorrupt, i)
	}
	_, distance := jumpFields(lit, int(i))
	v, err := d.Read(distance)
	if err != nil {
		return 0, err
	}
	if v > 0 {
		sign, err := d.Read(fieldSign)
		if err != nil {
			return 0, err
		}
		if sign > 0 {
			v = -v
		}
	}
	alignment := last[i] + int64(v)
	last.use(int(i), alignment)
	return alignment, nil
}

func readGroups(d *code.IntDecoder, l *layout, mem *limit.Memory) error {
	n, err := d.Read(fieldCount)
	if err != nil {
		return err
	}
	if n > uint64(someGroups+l.target/bytesPerGroup) {
		return fmt.Errorf("%w: %d groups for %d bytes", ErrCorrupt, n, l.target)
	}
	if err := mem.Take(int64(n) * groupMemory); err != nil {
		return err
	}
	at, total := int64(0), uint64(0)
	for range n {
		newOff, err1 := d.ReadSigned(fieldGroup)
		newLen, err2 := d.Read(fieldGroup + 1)
		oldOff, err3 := d.ReadSigned(fieldGroup + 2)
		oldLen, err4 := d.Read(fieldGroup + 3)
		params, err5 := d.Read(fieldGroup + 4)
		if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
			return err
		}
		if total += params; params > maxParams || total > maxSection {
			return fmt.Errorf("%w: %d bytes of parameters", ErrCorrupt, params)
		}
		g := group{
			new:  Extent{at + newOff, int64(newLen)},
			old:  Extent{at + oldOff, int64(oldLen)},
			size: int(params),
		}
		l.groups = append(l.groups, g)
		at = g.new.End()
	}
	return nil
}
