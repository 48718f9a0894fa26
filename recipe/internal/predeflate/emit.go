package predeflate

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/docker-delta/docker-delta/recipe/internal/predeflate/tokens"
	"github.com/docker-delta/docker-delta/recipe/internal/zlibenc/trees"
)

// emitter writes blocks as DEFLATE.
type emitter struct {
	w   io.Writer
	buf []byte
	acc uint64
	n   uint

	codes [320]uint16
}

// put appends the low n bits of v; n is at most 32.
func (e *emitter) put(v uint32, n uint8) {
	e.acc |= uint64(v) << e.n
	e.n += uint(n)
	if e.n >= 32 {
		e.buf = binary.LittleEndian.AppendUint32(e.buf, uint32(e.acc))
		e.acc >>= 32
		e.n -= 32
	}
}

// align ends the byte, with the low bits of pad in what is left of it.
func (e *emitter) align(pad uint8) {
	if k := -e.n & 7; k > 0 {
		e.put(uint32(pad)&(1<<k-1), uint8(k))
	}
	for ; e.n > 0; e.n -= 8 {
		e.buf = append(e.buf, byte(e.acc))
		e.acc >>= 8
	}
}

// flush hands on the buffer if it has at least min bytes.
func (e *emitter) flush(min int) error {
	if len(e.buf) < min {
		return nil
	}
	_, err := e.w.Write(e.buf)
	e.buf = e.buf[:0]
	return err
}

// block writes b; stored are the bytes of a stored block.
func (e *emitter) block(b *tokens.Block, stored []byte) error {
	last := uint32(0)
	if b.Last {
		last = 1
	}
	e.put(last|uint32(b.Kind)<<1, 3)
	lens, nlit := trees.FixedLitLens[:], 288
	switch b.Kind {
	case tokens.Stored:
		e.align(b.Pad)
		e.put(uint32(len(stored))|^uint32(len(stored))<<16, 32)
		e.align(0)
		e.buf = append(e.buf, stored...)
		return e.flush(1 << 15)
	case tokens.Fixed:
		lens = append(append([]uint8(nil), lens...), trees.FixedDistLens[:]...)
	case tokens.Dynamic:
		if err := e.header(b); err != nil {
			return err
		}
		lens, nlit = b.Lens, b.NumLit
	}
	trees.Codes(lens[:nlit], e.codes[:nlit])
	trees.Codes(lens[nlit:], e.codes[nlit:len(lens)])
	return e.tokens(b.Tokens, lens, nlit)
}

func (e *emitter) header(b *tokens.Block) error {
	e.put(uint32(b.NumLit-257)|uint32(b.NumDist-1)<<5|uint32(b.NumCodeLen-4)<<10, 14)
	for _, s := range trees.Order[:b.NumCodeLen] {
		e.put(uint32(b.CodeLens[s]), 3)
	}
	var codes [trees.NumCodeLen]uint16
	trees.Codes(b.CodeLens[:], codes[:])
	for _, op := range b.Ops {
		s := op & 31
		if b.CodeLens[s] == 0 {
			return errNoCode
		}
		e.put(uint32(codes[s]), b.CodeLens[s])
		e.put(uint32(op>>5), trees.CodeLenExtra(s))
	}
	return nil
}

var errNoCode = fmt.Errorf("%w: a symbol has no code", errCorrections)

func (e *emitter) tokens(ts []tokens.Token, lens []uint8, nlit int) error {
	lit, dist := lens[:nlit], lens[nlit:]
	litCodes, distCodes := e.codes[:nlit], e.codes[nlit:]
	for _, t := range ts {
		s, length := 0, t.Len()
		c, isLit := t.Literal()
		if s = int(c); !isLit {
			s = 257 + int(trees.LengthCode[length-3])
		}
		if s >= len(lit) || lit[s] == 0 {
			return errNoCode
		}
		e.put(uint32(litCodes[s]), lit[s])
		if isLit {
			continue
		}
		e.put(uint32(length-3-int(trees.LengthBase[s-257])), trees.LengthExtra[s-257])
		d := uint32(t.Dist() - 1)
		k := trees.DistCode(d)
		if int(k) >= len(dist) || dist[k] == 0 {
			return errNoCode
		}
		e.put(uint32(distCodes[k]), dist[k])
		e.put(d-uint32(trees.DistBase[k]), trees.DistExtra[k])
		if len(e.buf) >= 1<<16 {
			if err := e.flush(0); err != nil {
				return err
			}
		}
	}
	if lit[trees.EndOfBlock] == 0 {
		return errNoCode
	}
	e.put(uint32(litCodes[trees.EndOfBlock]), lit[trees.EndOfBlock])
	return e.flush(1 << 15)
}
