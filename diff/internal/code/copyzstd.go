package code

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

// The plain form of copies inside zstd is a sequence of blocks. A block is the
// number of its gaps, its gaps, and as many differences. A gap is the number of
// equal bytes before the next difference; a difference is the actual byte minus
// the predicted one, modulo 256. Numbers are unsigned varints. The last block
// has one gap more than differences: the equal bytes at the end. Gaps run on
// over the borders of copies. Zstd blocks are cut between gaps and differences,
// so that each gets statistics of its own.

// zstdBlock is the largest number of differences in a block.
const zstdBlock = 1 << 16

// maxGap bounds the equal bytes of one gap, so that sums cannot overflow.
const maxGap = 1 << 62

type zstdCopyEncoder struct {
	z    *zstdWriter
	gap  uint64
	gaps []byte // of this block, as varints
	diff []byte
}

func newZstdCopyEncoder(w io.Writer, coder Coder) *zstdCopyEncoder {
	return &zstdCopyEncoder{z: newZstdWriter(w, coder)}
}

func (e *zstdCopyEncoder) write(_ int64, pred, actual []byte) error {
	for i := 0; ; {
		n := equalPrefix(pred[i:], actual[i:])
		e.gap += uint64(n)
		if i += n; i == len(pred) {
			return nil
		}
		e.gaps = binary.AppendUvarint(e.gaps, e.gap)
		e.diff = append(e.diff, actual[i]-pred[i])
		e.gap = 0
		i++
		if len(e.diff) == zstdBlock {
			if err := e.flush(len(e.diff)); err != nil {
				return err
			}
		}
	}
}

func (e *zstdCopyEncoder) equal(n int64) error {
	e.gap += uint64(n)
	return nil
}

func (e *zstdCopyEncoder) flush(gaps int) error {
	if _, err := e.z.Write(binary.AppendUvarint(nil, uint64(gaps))); err != nil {
		return err
	}
	for _, b := range [][]byte{e.gaps, e.diff} {
		if _, err := e.z.Write(b); err != nil {
			return err
		}
		if err := e.z.Flush(); err != nil {
			return err
		}
	}
	e.gaps, e.diff = e.gaps[:0], e.diff[:0]
	return nil
}

func (*zstdCopyEncoder) bits() float64 { return -1 }

func (e *zstdCopyEncoder) close() error {
	e.gaps = binary.AppendUvarint(e.gaps, e.gap)
	if err := e.flush(len(e.diff) + 1); err != nil {
		return err
	}
	return e.z.Close()
}

type zstdCopyDecoder struct {
	r    *bufio.Reader
	gaps []uint64 // still to come in this block
	next []uint64 // backing store of gaps
	gap  uint64   // equal bytes before the next difference
	more bool     // gap is valid
}

func newZstdCopyDecoder(r io.Reader) (*zstdCopyDecoder, error) {
	z, err := newZstdReader(r)
	if err != nil {
		return nil, err
	}
	return &zstdCopyDecoder{r: bufio.NewReaderSize(z, 1<<16)}, nil
}

func (d *zstdCopyDecoder) decode(_ int64, pred, dst []byte) error {
	for i := 0; i < len(dst); {
		if !d.more {
			if err := d.nextGap(); err != nil {
				return corrupt(err)
			}
		}
		n := min(uint64(len(dst)-i), d.gap)
		predicted(dst[i:i+int(n)], pred[i:])
		d.gap -= n
		if i += int(n); i == len(dst) {
			return nil
		}
		b, err := d.r.ReadByte()
		if err != nil {
			return corrupt(err)
		}
		dst[i] = pred[i] + b
		d.more = false
		i++
	}
	return nil
}

func (*zstdCopyDecoder) bits() float64 { return -1 }

func (d *zstdCopyDecoder) nextGap() error {
	if len(d.gaps) == 0 {
		n, err := binary.ReadUvarint(d.r)
		if err != nil {
			return err
		}
		if n == 0 || n > zstdBlock {
			return fmt.Errorf("%w: block of %d gaps", ErrCorrupt, n)
		}
		d.next = d.next[:0]
		for range n {
			g, err := binary.ReadUvarint(d.r)
			if err != nil {
				return err
			}
			if g > maxGap {
				return fmt.Errorf("%w: gap of %d", ErrCorrupt, g)
			}
			d.next = append(d.next, g)
		}
		d.gaps = d.next
	}
	d.gap, d.gaps, d.more = d.gaps[0], d.gaps[1:], true
	return nil
}

// predicted copies pred to dst, unless they are the same bytes already.
func predicted(dst, pred []byte) {
	if len(dst) > 0 && &dst[0] != &pred[0] {
		copy(dst, pred)
	}
}

// equalPrefix is the number of bytes up to the first difference.
func equalPrefix(a, b []byte) int {
	n := 0
	for len(a)-n >= 8 && len(b)-n >= 8 {
		if binary.LittleEndian.Uint64(a[n:]) != binary.LittleEndian.Uint64(b[n:]) {
			break
		}
		n += 8
	}
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
