// Package zstdenc writes Zstandard frames (RFC 8878) byte for byte as the zstd
// package of github.com/klauspost/compress writes them in its various releases.
//
// BuildKit, containerd, podman and skopeo compress zstd layers with that
// package. Its output changed with some releases; a [Class] is a range of
// releases that write the same bytes at a given level. Start with [NewWriter].
//
// The frame depends on the [Params], the data and the places of calls to Flush,
// and on nothing else: not on the sizes of writes, nor on what the Writer did before.
//
// Not covered: dictionaries, WithConcurrentBlocks, padding, and the best
// level before release 1.17.3.
//
// The package is derived from klauspost/compress 1.20.3 (see LICENSE): its
// encoder, without what is not needed here, and with the older behaviour where
// the bytes differ.
package zstdenc

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// Level is a level of klauspost/compress/zstd.
type Level int

// The levels. The numbers are those of the original.
const (
	Fastest Level = 1 + iota
	Default
	Better
	Best
)

// Class is a range of releases of klauspost/compress, named by its last or
// only release before the next change: 1136 stands for 1.13.6 and before.
type Class int

// The classes, oldest first.
const (
	Class1_13_6 Class = iota // up to 1.13.6
	Class1_15_9              // 1.14.0 to 1.15.10
	Class1_16_3              // 1.15.11 to 1.16.4
	Class1_16_7              // 1.16.5 to 1.16.7
	Class1_17_2              // 1.17.0 to 1.17.2
	Class1_17_5              // 1.17.3 to 1.17.5
	Class1_17_7              // 1.17.6 and 1.17.7
	Class1_20_2              // 1.17.8 to 1.20.2
	Class1_20_3              // 1.20.3
)

var classes = []struct {
	version version
	levels  []Level // whose bytes differ from those of the class before
}{
	Class1_13_6: {v1_13_6, []Level{Default, Fastest, Better}},
	Class1_15_9: {v1_14_4, []Level{Default, Fastest, Better}},
	Class1_16_3: {v1_15_11, []Level{Better}},
	Class1_16_7: {v1_16_5, []Level{Default, Fastest, Better}},
	Class1_17_2: {v1_17_0, []Level{Default, Fastest, Better}},
	Class1_17_5: {v1_17_3, []Level{Better, Best}},
	Class1_17_7: {v1_17_6, []Level{Best}},
	Class1_20_2: {v1_17_8, []Level{Default, Fastest, Better, Best}},
	Class1_20_3: {v1_20_3, []Level{Default, Fastest, Better, Best}},
}

// Levels returns the levels at which c writes other bytes than the class
// before; at the other levels that class stands for c as well.
func (c Class) Levels() []Level {
	if c < 0 || int(c) >= len(classes) {
		return nil
	}
	return slices.Clone(classes[c].levels)
}

// Limits of the window, as logarithms.
const (
	MinWindowLog = 10
	MaxWindowLog = 27
)

// Params choose the encoder.
type Params struct {
	Class Class
	Level Level
	// WindowLog is the logarithm of the window size, 0 for the level's own.
	WindowLog int
	// NoChecksum leaves the checksum out.
	NoChecksum bool
}

// DefaultWindowLog returns the logarithm of the window that the level has
// unless told otherwise: some releases have 16 and 32 MiB for the levels
// better and best.
func DefaultWindowLog(l Level) int {
	if l == Fastest {
		return 22
	}
	return 23
}

type encoder interface {
	Encode(blk *blockEnc, src []byte)
	EncodeNoHist(blk *blockEnc, src []byte)
	Block() *blockEnc
	AppendCRC([]byte) []byte
	WindowSize(size int64) int32
	Reset()
	base() *fastBase
}

func (e *fastBase) base() *fastBase { return e }

// Writer compresses one frame after another.
type Writer struct {
	w       io.Writer
	p       Params
	v       version
	enc     encoder
	filling []byte // up to a block
	out     []byte
	header  bool // written
	err     error
}

var errClosed = errors.New("zstdenc: write after close")

// NewWriter returns a Writer of one frame to w. It fails if p makes no sense.
func NewWriter(w io.Writer, p Params) (*Writer, error) {
	if p.Class < 0 || int(p.Class) >= len(classes) {
		return nil, fmt.Errorf("zstdenc: unknown class %d", p.Class)
	}
	z := &Writer{p: p, v: classes[p.Class].version}
	if z.p.WindowLog == 0 {
		z.p.WindowLog = DefaultWindowLog(p.Level)
	}
	if z.p.WindowLog < MinWindowLog || z.p.WindowLog > MaxWindowLog {
		return nil, fmt.Errorf("zstdenc: window of 2^%d bytes", z.p.WindowLog)
	}
	window := int32(1) << z.p.WindowLog
	base := fastBase{maxMatchOff: window, bufferReset: math.MaxInt32 - window*2, v: z.v}
	switch p.Level {
	case Fastest:
		z.enc = &fastEncoder{fastBase: base}
	case Default:
		z.enc = &doubleFastEncoder{fastEncoder: fastEncoder{fastBase: base}}
	case Better:
		z.enc = &betterFastEncoder{fastBase: base}
	case Best:
		if z.v < v1_17_3 {
			return nil, fmt.Errorf("zstdenc: no level %d in class %d", p.Level, p.Class)
		}
		z.enc = &bestFastEncoder{fastBase: base}
	default:
		return nil, fmt.Errorf("zstdenc: no level %d", p.Level)
	}
	z.Reset(w)
	return z, nil
}

// blockSize is the number of plain bytes of a block.
func (z *Writer) blockSize() int {
	size := maxCompressedBlockSize
	if z.v < v1_14_4 || z.p.Level == Fastest && z.p.WindowLog == DefaultWindowLog(Fastest) {
		size = 64 << 10
	}
	return min(size, 1<<z.p.WindowLog)
}

// rawLiterals tells whether blocks without matches are stored.
func (z *Writer) rawLiterals() bool {
	return z.p.Level == Fastest || z.p.Level == Default && z.v >= v1_16_5
}

// Reset makes z as new, writing to w, and keeps its memory.
func (z *Writer) Reset(w io.Writer) {
	z.w, z.err, z.header = w, nil, false
	if z.filling == nil {
		z.filling = make([]byte, 0, z.blockSize())
	}
	z.filling = z.filling[:0]
	z.enc.Reset()
}

// Write compresses p.
func (z *Writer) Write(p []byte) (int, error) {
	if z.err != nil {
		return 0, z.err
	}
	n := len(p)
	for len(p) > 0 {
		add := p[:min(len(p), cap(z.filling)-len(z.filling))]
		z.filling = append(z.filling, add...)
		p = p[len(add):]
		if len(z.filling) < cap(z.filling) {
			break
		}
		if z.err = z.block(false); z.err != nil {
			return 0, z.err
		}
	}
	return n, nil
}

// Flush ends the block, as the original does when ReadFrom comes after Write.
func (z *Writer) Flush() error {
	if z.err == nil && len(z.filling) > 0 {
		z.err = z.block(false)
	}
	return z.err
}

// Close ends the frame. It does not close the underlying writer.
func (z *Writer) Close() error {
	if z.err == errClosed {
		return nil
	}
	if z.err == nil {
		z.err = z.finish()
	}
	if z.err != nil {
		return z.err
	}
	z.err = errClosed
	return nil
}

func (z *Writer) finish() error {
	if !z.header && len(z.filling) > 0 {
		return z.single()
	}
	// Before 1.18.5 a frame of no bytes is only written with WithZeroFrames.
	if err := z.block(true); err != nil {
		return err
	}
	if z.p.NoChecksum {
		return nil
	}
	_, err := z.w.Write(z.enc.AppendCRC(nil))
	return err
}

// single writes a frame of at most one block, whose size is known.
func (z *Writer) single() error {
	src := z.filling
	fh := frameHeader{
		ContentSize:   uint64(len(src)),
		WindowSize:    uint32(z.enc.WindowSize(int64(len(src)))),
		SingleSegment: len(src) <= 1<<z.p.WindowLog && len(src) > minWindowSize,
		Checksum:      !z.p.NoChecksum,
	}
	blk := z.enc.Block()
	blk.reset(nil)
	blk.last = true
	z.enc.EncodeNoHist(blk, src)
	if err := z.code(blk, src); err != nil {
		return err
	}
	z.out = append(fh.appendTo(z.out[:0]), blk.output...)
	if !z.p.NoChecksum {
		z.enc.base().crc.Write(src)
		z.out = z.enc.AppendCRC(z.out)
	}
	_, err := z.w.Write(z.out)
	return err
}

// block writes what is in filling as a block, and the frame header before the first.
func (z *Writer) block(last bool) error {
	src := z.filling
	z.filling = z.filling[:0]
	z.out = z.out[:0]
	if !z.header {
		fh := frameHeader{WindowSize: uint32(z.enc.WindowSize(0)), Checksum: !z.p.NoChecksum}
		z.out = fh.appendTo(z.out)
		z.header = true
	}
	blk := z.enc.Block()
	blk.reset(nil)
	blk.last = last
	if len(src) == 0 {
		blk.encodeRaw(nil)
	} else {
		if !z.p.NoChecksum {
			z.enc.base().crc.Write(src)
		}
		z.enc.Encode(blk, src)
		if err := z.code(blk, src); err != nil {
			return err
		}
	}
	z.out = append(z.out, blk.output...)
	_, err := z.w.Write(z.out)
	return err
}

// code codes the sequences that were found in src.
func (z *Writer) code(blk *blockEnc, src []byte) error {
	if z.v < v1_16_5 && len(src) == len(blk.literals) && len(src) == cap(z.filling) {
		blk.encodeRaw(src)
		return nil
	}
	return blk.encode(src, false, z.rawLiterals())
}
