package recipe

import (
	"bufio"
	"bytes"
	"fmt"
	"io"

	"github.com/docker-delta/docker-delta/recipe/internal/predeflate/tokens"
)

// Sizes of the first plain bytes on which the zlib family is told apart. All are
// below the 64 KiB at which the programs start to treat their windows differently.
var sieveSizes = [...]int64{2 << 10, 8 << 10, 32 << 10}

// sieveMargin is the number of bytes before the end of what an encoder was given
// whose coding may be another once more follows: the longest match, and zlib's
// MIN_LOOKAHEAD.
const sieveMargin = 258 + 262 + 2

// A sieve tells which codings of the zlib family may have written span i: those
// that code its beginning into the same matches and literals. An encoder writes a
// block only when it is full, so that bytes tell nothing before that; tokens do.
// Each class of codings is looked at when it is first asked for.
type sieve struct {
	s    *search
	i    int
	want []tokens.Token // of the stream, once read
	read bool
	fits map[coding]bool // by class
	open bool            // the next coding may pass unseen
}

// openPlain is the most plain bytes on which the likeliest coding is tried
// without a look first: that look is most of the work then.
const openPlain = 64 << 10

func (s *search) sieve(i int) *sieve {
	return &sieve{s: s, i: i, fits: make(map[coding]bool), open: s.spans[i].plain <= openPlain}
}

// next takes at most n codings that pass from the front of the list.
func (v *sieve) next(list []coding, n int) (chunk, rest []coding, err error) {
	for len(list) > 0 && len(chunk) < n {
		ok, err := v.passes(list[0])
		if err != nil {
			return nil, nil, err
		}
		if ok {
			chunk = append(chunk, list[0])
		}
		list = list[1:]
	}
	return chunk, list, nil
}

// passes tells whether the coding may have written the span.
func (v *sieve) passes(c coding) (bool, error) {
	if !c.sieved() {
		return true, nil
	}
	if v.open {
		v.open = false
		return true, nil
	}
	k := c.tokenClass()
	ok, seen := v.fits[k]
	if seen {
		return ok, nil
	}
	ok, err := v.look(k)
	v.fits[k] = ok
	return ok, err
}

// look compares the tokens that a class makes of more and more plain bytes.
func (v *sieve) look(class coding) (bool, error) {
	p := &v.s.spans[v.i]
	for _, size := range sieveSizes {
		if size >= p.plain {
			break
		}
		if err := v.s.ctx.Err(); err != nil {
			return false, err
		}
		if !v.read {
			// A stream that cannot be read is left to the encoders, which fail.
			v.want, _ = firstTokens(io.NewSectionReader(v.s.in.Compressed, p.body[0], p.body[1]-p.body[0]), sieveSizes[len(sieveSizes)-1])
			v.read = true
		}
		start := make([]byte, size)
		if n, err := v.s.in.Plain.ReadAt(start, p.plainFrom); n < len(start) {
			return false, fmt.Errorf("reading the plain bytes: %w", err)
		}
		got, err := class.tokens(start)
		if err != nil {
			return false, err
		}
		if !sameTokens(v.want, got, size-sieveMargin) {
			return false, nil
		}
	}
	return true, nil
}

// sieved tells whether the encoder's choice of tokens depends on nothing but the
// bytes up to a little after them.
func (c coding) sieved() bool { return encoders[c.encoder].matchesOf != 0 }

// tokenClass gives a coding that chooses the same tokens in the first 64 KiB: the
// programs of the family differ in where they end blocks.
func (c coding) tokenClass() coding {
	c.framing, c.arg = oneStream, 0
	c.opts &^= 1 << zlibIndependent
	c.encoder = encoders[c.encoder].matchesOf
	if c.encoder == idBusybox {
		c.level = max(c.level, 4)
	}
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
