package diff

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/docker-delta/docker-delta/diff/internal/code"
)

// maxParams bounds the parameters of one model, maxSection a section of them.
const (
	maxParams  = 1 << 16
	maxSection = 1 << 26
)

// version is the first byte of a coded delta.
const version = 1

// appendHead codes everything before the data.
func appendHead(w *bytes.Buffer, l *layout, level Level, notes *ledger) error {
	coders, budget := l.numberCoders(level)
	ops, err := newChoice(coders, budget, notes, code.NewIntEncoder)
	if err != nil {
		return err
	}
	if err := ops.each(func(w *way[*code.IntEncoder]) error { return appendOps(w.e, l, w.notes) }); err != nil {
		return err
	}
	best, err := ops.close()
	if err != nil {
		return err
	}
	notes.append(best.notes)
	var all []byte
	for _, g := range l.groups {
		all = append(all, g.params...)
		notes.add(g.new.Off, g.new.Len, 8*float64(len(g.params)))
	}
	var params []byte // none if there is nothing to code
	if len(all) > 0 {
		if mixing := int64(len(all)) * workPerByte; mixing > budget {
			coders = coders[:1]
		}
		if params, err = code.CompressBytes(all, coders[len(coders)-1]); err != nil {
			return err
		}
	}
	w.WriteByte(version)
	for _, n := range []int64{l.target, l.refSize, int64(best.out.Len()), int64(len(params))} {
		putUvarint(w, uint64(n))
	}
	w.Write(best.out.Bytes())
	w.Write(params)
	notes.settle(int64(w.Len()), l.target)
	return nil
}

// readHead reads what appendHead wrote, and checks it. It also returns its size.
func readHead(r *bufio.Reader, limits Limits, notes *ledger) (*layout, int64, error) {
	v, err := r.ReadByte()
	if err != nil {
		return nil, 0, err
	}
	if v != version {
		return nil, 0, fmt.Errorf("%w: unknown version %d", ErrCorrupt, v)
	}
	var n [4]int64
	for i := range n {
		if n[i], err = readSize(r); err != nil {
			return nil, 0, err
		}
	}
	l := &layout{target: n[0], refSize: n[1]}
	if limits.MaxTarget > 0 && l.target > limits.MaxTarget {
		return nil, 0, fmt.Errorf("%w: target of %d bytes, at most %d are allowed", ErrCorrupt, l.target, limits.MaxTarget)
	}
	if n[2] > maxSection || n[3] > maxSection {
		return nil, 0, fmt.Errorf("%w: sections of %d and %d bytes", ErrCorrupt, n[2], n[3])
	}
	ops := io.LimitReader(r, n[2])
	if err := readOps(ops, l, limits.Memory, notes); err != nil {
		return nil, 0, err
	}
	if _, err := io.Copy(io.Discard, ops); err != nil {
		return nil, 0, err
	}
	if err := l.check(); err != nil {
		return nil, 0, err
	}
	if err := readParams(r, int(n[3]), l); err != nil {
		return nil, 0, err
	}
	for _, g := range l.groups {
		notes.add(g.new.Off, g.new.Len, 8*float64(g.size))
	}
	size := headSize(n)
	notes.settle(size, l.target)
	return l, size, nil
}

// headSize is the size of what readHead reads, from the numbers at its start.
func headSize(n [4]int64) int64 {
	size := 1 + n[2] + n[3]
	for _, v := range n {
		size += int64(len(binary.AppendUvarint(nil, uint64(v))))
	}
	return size
}

// readParams reads n coded bytes with the parameters of all groups.
func readParams(r io.Reader, n int, l *layout) error {
	coded, err := io.ReadAll(io.LimitReader(r, int64(n)))
	if err != nil {
		return err
	}
	size := 0
	for _, g := range l.groups {
		size += g.size
	}
	var all []byte
	if len(coded) > 0 {
		if all, err = code.DecompressBytes(coded, size); err != nil {
			return err
		}
	}
	if len(all) != size {
		return fmt.Errorf("%w: %d bytes of parameters, not %d", ErrCorrupt, len(all), size)
	}
	for i := range l.groups {
		g := &l.groups[i]
		g.params, all = all[:g.size], all[g.size:]
	}
	return nil
}

func putUvarint(w *bytes.Buffer, v uint64) {
	for v >= 0x80 {
		w.WriteByte(byte(v) | 0x80)
		v >>= 7
	}
	w.WriteByte(byte(v))
}

// readSize reads a number that fits an int64.
func readSize(r io.ByteReader) (int64, error) {
	var v uint64
	for shift := uint(0); ; shift += 7 {
		b, err := r.ReadByte()
		if err != nil {
			return 0, err
		}
		if shift > 56 {
			return 0, fmt.Errorf("%w: size out of range", ErrCorrupt)
		}
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return int64(v), nil
		}
	}
}

// corrupt turns the errors of decoding into [ErrCorrupt].
func corrupt(err error) error {
	switch {
	case err == nil, errors.Is(err, ErrCorrupt):
		return err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: it ends too early", ErrCorrupt)
	case errors.Is(err, code.ErrCorrupt):
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return err
}
