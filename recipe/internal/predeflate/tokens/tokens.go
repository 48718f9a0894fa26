// Package tokens reads raw DEFLATE (RFC 1951) as its blocks, tokens and block
// headers, which is what a decompressor throws away.
package tokens

import (
	"errors"
	"fmt"
	"io"

	"github.com/docker-delta/docker-delta/recipe/internal/zlibenc/trees"
)

// Kinds of blocks, with the numbers of RFC 1951.
const (
	Stored = iota
	Fixed
	Dynamic
)

// MaxTokens is the most tokens a block may have here. It bounds the memory for a
// block to 64 MiB.
const MaxTokens = 16 << 20

var (
	// ErrCorrupt reports bytes that are not DEFLATE.
	ErrCorrupt = errors.New("not a valid deflate stream")
	// ErrBlockTooLarge reports a block of more than MaxTokens tokens.
	ErrBlockTooLarge = errors.New("deflate block has too many tokens")
)

// Token is a literal, or a match: the distance, shifted left by 16, over the
// length. A literal is its byte, with distance 0.
type Token uint32

// Match makes the token of a match.
func Match(length, dist int) Token { return Token(dist<<16 | length) }

// Literal reports whether t is a literal, and which.
func (t Token) Literal() (byte, bool) { return byte(t), t>>16 == 0 }

// Len is the number of plain bytes of t.
func (t Token) Len() int {
	if t>>16 == 0 {
		return 1
	}
	return int(t & 0xffff)
}

// Dist is the distance of a match, and 0 for a literal.
func (t Token) Dist() int { return int(t >> 16) }

// Block is one block. Its slices are reused by the next call of Next.
type Block struct {
	Kind   int
	Last   bool
	Tokens []Token // of a Fixed or Dynamic block
	Stored int     // number of plain bytes of a Stored block
	Pad    uint8   // bits between the header of a Stored block and its length

	// The header of a Dynamic block.
	NumLit, NumDist, NumCodeLen int
	Lens                        []uint8  // NumLit literal and NumDist distance code lengths
	Ops                         []uint16 // how they are sent: as trees.Header.Ops
	CodeLens                    [trees.NumCodeLen]uint8
}

// Reader reads blocks.
type Reader struct {
	r       io.ByteReader
	acc     uint64
	n       uint
	done    bool
	lit     decoder
	dist    decoder
	codeLen decoder
	tail    uint8
}

// NewReader reads the stream from r, and no byte after it.
func NewReader(r io.ByteReader) *Reader { return &Reader{r: r} }

// Tail gives the unused bits of the stream's last byte, once Next has returned
// io.EOF.
func (r *Reader) Tail() uint8 { return r.tail }

// need makes at least n bits available, n at most 32.
func (r *Reader) need(n uint) error {
	for r.n < n {
		b, err := r.r.ReadByte()
		if err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		r.acc |= uint64(b) << r.n
		r.n += 8
	}
	return nil
}

func (r *Reader) bits(n uint) (int, error) {
	if err := r.need(n); err != nil {
		return 0, err
	}
	v := r.acc & (1<<n - 1)
	r.acc >>= n
	r.n -= n
	return int(v), nil
}

// Next reads the next block into b. After the last block it returns io.EOF.
func (r *Reader) Next(b *Block) error {
	if r.done {
		return io.EOF
	}
	v, err := r.bits(3)
	if err != nil {
		return err
	}
	b.Last, b.Kind = v&1 != 0, v>>1
	b.Tokens = b.Tokens[:0]
	b.Stored = 0
	switch b.Kind {
	case Stored:
		err = r.stored(b)
	case Fixed:
		if err = r.lit.init(trees.FixedLitLens[:]); err == nil {
			err = r.dist.init(trees.FixedDistLens[:])
		}
	case Dynamic:
		err = r.header(b)
	default:
		err = fmt.Errorf("%w: block of unknown kind", ErrCorrupt)
	}
	if err == nil && b.Kind != Stored {
		err = r.tokens(b)
	}
	if err == nil && b.Last {
		r.done = true
		r.tail = uint8(r.acc)
	}
	return err
}

// stored reads a stored block's header. Its bytes are read with Skip.
func (r *Reader) stored(b *Block) error {
	pad, err := r.bits(r.n & 7)
	if err != nil {
		return err
	}
	b.Pad = uint8(pad)
	v, err := r.bits(32)
	if err != nil {
		return err
	}
	if v&0xffff != v>>16^0xffff {
		return fmt.Errorf("%w: bad length of a stored block", ErrCorrupt)
	}
	b.Stored = v & 0xffff
	return nil
}

// Byte reads one byte of a stored block. It must be called Block.Stored times
// before the next call of Next.
func (r *Reader) Byte() (byte, error) {
	v, err := r.bits(8)
	return byte(v), err
}

func (r *Reader) header(b *Block) error {
	v, err := r.bits(14)
	if err != nil {
		return err
	}
	b.NumLit, b.NumDist, b.NumCodeLen = v&31+257, v>>5&31+1, v>>10+4
	if b.NumLit > trees.NumLit || b.NumDist > 32 {
		return fmt.Errorf("%w: too many codes", ErrCorrupt)
	}
	b.CodeLens = [trees.NumCodeLen]uint8{}
	for _, s := range trees.Order[:b.NumCodeLen] {
		v, err := r.bits(3)
		if err != nil {
			return err
		}
		b.CodeLens[s] = uint8(v)
	}
	if err := r.codeLen.init(b.CodeLens[:]); err != nil {
		return err
	}
	b.Lens, b.Ops = b.Lens[:0], b.Ops[:0]
	for len(b.Lens) < b.NumLit+b.NumDist {
		s, err := r.symbol(&r.codeLen)
		if err != nil {
			return err
		}
		extra, err := r.bits(uint(trees.CodeLenExtra(uint16(s))))
		if err != nil {
			return err
		}
		b.Ops = append(b.Ops, uint16(s|extra<<5))
		if b.Lens, err = Expand(b.Lens, b.Ops[len(b.Ops)-1]); err != nil {
			return err
		}
	}
	if len(b.Lens) > b.NumLit+b.NumDist {
		return fmt.Errorf("%w: too many code lengths", ErrCorrupt)
	}
	if err := r.lit.init(b.Lens[:b.NumLit]); err != nil {
		return err
	}
	return r.dist.init(b.Lens[b.NumLit:])
}

// Expand appends to lens the code lengths that op stands for.
func Expand(lens []uint8, op uint16) ([]uint8, error) {
	s, extra := op&31, int(op>>5)
	n, l := 1, uint8(s)
	switch s {
	case 16:
		if len(lens) == 0 {
			return lens, fmt.Errorf("%w: nothing to repeat", ErrCorrupt)
		}
		n, l = 3+extra, lens[len(lens)-1]
	case 17:
		n, l = 3+extra, 0
	case 18:
		n, l = 11+extra, 0
	}
	for range n {
		lens = append(lens, l)
	}
	return lens, nil
}

func (r *Reader) tokens(b *Block) error {
	for {
		s, err := r.symbol(&r.lit)
		switch {
		case err != nil:
			return err
		case s == trees.EndOfBlock:
			return nil
		case len(b.Tokens) == MaxTokens:
			return ErrBlockTooLarge
		case s < 256:
			b.Tokens = append(b.Tokens, Token(s))
			continue
		case s >= trees.NumLit:
			return fmt.Errorf("%w: bad length code", ErrCorrupt)
		}
		s -= 257
		extra, err := r.bits(uint(trees.LengthExtra[s]))
		if err != nil {
			return err
		}
		if s == 27 && extra == 31 {
			// 258 in the code before its own: nobody writes it, and Token could not
			// tell the two apart.
			return fmt.Errorf("%w: odd code of length 258", ErrCorrupt)
		}
		length := int(trees.LengthBase[s]) + extra + trees.MinMatch
		d, err := r.symbol(&r.dist)
		if err != nil {
			return err
		}
		if d >= trees.NumDist {
			return fmt.Errorf("%w: bad distance code", ErrCorrupt)
		}
		if extra, err = r.bits(uint(trees.DistExtra[d])); err != nil {
			return err
		}
		b.Tokens = append(b.Tokens, Match(length, int(trees.DistBase[d])+extra+1))
	}
}
