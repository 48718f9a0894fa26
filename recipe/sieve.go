package recipe

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"slices"

	"github.com/docker-delta/docker-delta/recipe/internal/predeflate/tokens"
)

// Sizes of the first plain bytes on which the zlib family is told apart. All are
// below the 64 KiB at which the programs start to treat their windows differently.
var sieveSizes = [...]int64{2 << 10, 8 << 10, 32 << 10}

// sieveMargin is the number of bytes before the end of what an encoder was given
// whose coding may be another once more follows: the longest match, and zlib's
// MIN_LOOKAHEAD.
const sieveMargin = 258 + 262 + 2

// sieve drops the candidates of the zlib family that code the beginning of span
// i into other matches and literals than the stream does. An encoder writes a
// block only when it is full, so that bytes tell nothing before that; tokens do.
func (s *search) sieve(i int, list []coding) ([]coding, error) {
	p := &s.spans[i]
	var want []tokens.Token
	for _, size := range sieveSizes {
		if size >= p.plain || !slices.ContainsFunc(list, coding.sieved) {
			break
		}
		if want == nil {
			// A stream that cannot be read is left to the encoders, which fail.
			want, _ = firstTokens(io.NewSectionReader(s.in.Compressed, p.body[0], p.body[1]-p.body[0]), sieveSizes[len(sieveSizes)-1])
		}
		start := make([]byte, size)
		if n, err := s.in.Plain.ReadAt(start, p.plainFrom); n < len(start) {
			return nil, fmt.Errorf("reading the plain bytes: %w", err)
		}
		fits := make(map[coding]bool)
		var left []coding
		for _, c := range list {
			if !c.sieved() {
				left = append(left, c)
				continue
			}
			k := c.tokenClass()
			if _, ok := fits[k]; !ok {
				if err := s.ctx.Err(); err != nil {
					return nil, err
				}
				got, err := k.tokens(start)
				if err != nil {
					return nil, err
				}
				fits[k] = sameTokens(want, got, size-sieveMargin)
			}
			if fits[k] {
				left = append(left, c)
			}
		}
		s.opt.debugf("%d of %d candidates are left after %d bytes", len(left), len(list), size)
		list = left
	}
	return list, nil
}

// sieved tells whether the encoder's choice of tokens depends on nothing but the
// bytes up to a little after them.
func (c coding) sieved() bool { return c.encoder >= idZlib && c.encoder <= idPigzSingle }

// tokenClass gives a coding that chooses the same tokens in the first 64 KiB: the
// programs of the family differ in where they end blocks.
func (c coding) tokenClass() coding {
	c.framing, c.arg = oneStream, 0
	c.opts &^= 1 << zlibIndependent
	if c.encoder == idBusybox {
		c.level = max(c.level, 4)
		return c
	}
	c.encoder = idZlib
	return c
}

// tokens compresses b and gives its tokens.
func (c coding) tokens(b []byte) ([]tokens.Token, error) {
	var out bytes.Buffer
	e, err := c.take(&out, 1)
	if err != nil {
		return nil, err
	}
	defer c.put(e, 1)
	if _, err := e.Write(b); err != nil {
		return nil, err
	}
	if err := e.Close(); err != nil {
		return nil, err
	}
	return firstTokens(&out, int64(len(b)))
}

// firstTokens reads tokens for size plain bytes or more, less where the stream
// ends, or where a stored block hides the tokens.
func firstTokens(r io.Reader, size int64) (list []tokens.Token, err error) {
	in := tokens.NewReader(bufio.NewReader(r))
	var b tokens.Block
	for at := int64(0); at < size; {
		if err := in.Next(&b); err != nil {
			if err == io.EOF {
				err = nil
			}
			return list, err
		}
		if b.Kind == tokens.Stored && b.Stored > 0 {
			return list, nil
		}
		for _, t := range b.Tokens {
			if at >= size {
				break
			}
			list = append(list, t)
			at += int64(t.Len())
		}
	}
	return list, nil
}

// sameTokens compares tokens that start before size, as far as both are known.
func sameTokens(a, b []tokens.Token, size int64) bool {
	for i := range min(len(a), len(b)) {
		if size <= 0 {
			break
		}
		if a[i] != b[i] {
			return false
		}
		size -= int64(a[i].Len())
	}
	return true
}

// lateCandidates lists codings that take a look into the stream to know: pigz
// with pieces of another size, or independent ones. It ends a piece with an empty
// block.
func (in *Input) lateCandidates(p *span) []coding {
	if in.Format == Zstd {
		return nil
	}
	size := in.firstPiece(p)
	if size < minPiece || size >= min(p.plain, maxPiece) {
		return nil
	}
	h := in.hintsOf(p.literal)
	var list []coding
	for _, level := range zlibLevels {
		if h.levelPenalty(level) > 0 {
			continue
		}
		for _, id := range []encoderID{idPigz, idPigzSingle} {
			for _, o := range []uint32{0, 1 << zlibIndependent} {
				list = append(list, coding{encoder: id, framing: pigz, level: level, opts: o, arg: uint64(size)})
			}
		}
	}
	return list
}

// lookFor is how many plain bytes are decoded to find the first piece.
const lookFor = 4 << 20

// firstPiece returns the number of plain bytes before the first empty block, 0 if
// there is none soon.
func (in *Input) firstPiece(p *span) int64 {
	r := tokens.NewReader(bufio.NewReader(io.NewSectionReader(in.Compressed, p.body[0], p.body[1]-p.body[0])))
	var b tokens.Block
	for at := int64(0); at <= lookFor; {
		if err := r.Next(&b); err != nil || b.Last {
			return 0 // a broken stream is not ours to report
		}
		if len(b.Tokens) == 0 && b.Stored == 0 {
			return at
		}
		for range b.Stored {
			if _, err := r.Byte(); err != nil {
				return 0
			}
		}
		at += int64(b.Stored)
		for _, t := range b.Tokens {
			at += int64(t.Len())
		}
	}
	return 0
}
