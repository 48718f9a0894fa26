package recipe

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/adler32"
	"io"
)

// A span is a stretch of compressed bytes: one stream with its header and
// trailer, or bytes to be kept as they are.
type span struct {
	part               // coding is not known yet
	off, end  int64    // in the compressed bytes, with header and trailer
	body      [2]int64 // the stream itself in the compressed bytes
	plainFrom int64    // offset of its plain bytes
}

// scan cuts the input into spans.
func (in *Input) scan() ([]span, error) {
	switch in.Format {
	case Gzip:
		return in.scanGzip()
	case Zlib:
		return in.scanZlib()
	case Deflate:
		return in.scanDeflate()
	case Zstd:
		return in.scanZstd()
	}
	return nil, fmt.Errorf("recipe: cannot unwrap format %s", in.Format)
}

// at reads n bytes at off, fewer where the input ends.
func (in *Input) at(off, n int64) ([]byte, error) {
	b := make([]byte, max(0, min(n, in.Size-off)))
	if m, err := in.Compressed.ReadAt(b, off); m < len(b) {
		return nil, fmt.Errorf("reading the compressed bytes: %w", err)
	}
	return b, nil
}

// rest makes spans of the bytes from off to the end.
func (in *Input) rest(spans []span, off int64) ([]span, error) {
	return in.literal(spans, off, in.Size)
}

// maxLiteral is the most bytes that a recipe keeps as they are in one piece.
const maxLiteral = 16 << 20

func (in *Input) literal(spans []span, off, end int64) ([]span, error) {
	if off == end {
		return spans, nil
	}
	zero, err := in.allZero(off, end)
	if err != nil {
		return nil, err
	}
	s := span{off: off, end: end, plainFrom: last(spans).plainFrom + last(spans).plain}
	if zero && end-off > 8 {
		s.zeros = end - off
		return append(spans, s), nil
	}
	if end-off > maxLiteral || end-off > in.Size/2+4096 {
		return nil, fmt.Errorf("%w: %d bytes outside of streams", ErrNotReproduced, end-off)
	}
	s.literal, err = in.at(off, end-off)
	return append(spans, s), err
}

func (in *Input) allZero(off, end int64) (bool, error) {
	for off < end {
		b, err := in.at(off, min(end-off, 64<<10))
		if err != nil {
			return false, err
		}
		if len(bytes.TrimLeft(b, "\x00")) > 0 {
			return false, nil
		}
		off += int64(len(b))
	}
	return true, nil
}

// scanGzip finds the members. One member that fills the input is taken at its
// word, since a wrong guess only costs a search that fails; otherwise the
// members are inflated to find their ends.
func (in *Input) scanGzip() ([]span, error) {
	head, err := in.gzipHeader(0)
	if err != nil {
		return nil, err
	}
	if in.Size >= int64(len(head))+8 {
		b, err := in.at(in.Size-4, 4)
		if err != nil {
			return nil, err
		}
		if binary.LittleEndian.Uint32(b) == uint32(in.PlainSize) && in.PlainSize/1032 <= in.Size {
			return []span{in.member(head, 0, in.Size, 0, in.PlainSize)}, nil
		}
	}
	return in.scanMembers()
}

func (in *Input) member(head []byte, off, end, plainFrom, plain int64) span {
	return span{
		part: part{stream: true, literal: head, plain: plain},
		off:  off, end: end, body: [2]int64{off + int64(len(head)), end - 8}, plainFrom: plainFrom,
	}
}

// scanMembers inflates every member.
func (in *Input) scanMembers() ([]span, error) {
	var spans []span
	var off, plain int64
	for off < in.Size {
		head, err := in.gzipHeader(off)
		if err != nil && off > 0 {
			return in.rest(spans, off)
		}
		if err != nil {
			return nil, err
		}
		start := off + int64(len(head))
		n, size, err := inflateSize(in.Compressed, start, in.Size)
		if err != nil {
			return nil, fmt.Errorf("gzip member at byte %d: %w", off, err)
		}
		if start+n+8 > in.Size {
			return nil, fmt.Errorf("gzip member at byte %d: %w", off, io.ErrUnexpectedEOF)
		}
		if bytes.Equal(head, last(spans).literal) {
			head = last(spans).literal // thousands of members share one
		}
		spans = append(spans, in.member(head, off, start+n+8, plain, size))
		off, plain = start+n+8, plain+size
	}
	if plain != in.PlainSize {
		return nil, fmt.Errorf("%w: %d plain bytes given, %d decompressed", ErrMismatch, in.PlainSize, plain)
	}
	return spans, nil
}

func last(spans []span) span {
	if len(spans) == 0 {
		return span{}
	}
	return spans[len(spans)-1]
}

// gzipHeader returns the bytes of the member header (RFC 1952, 2.3) at off.
func (in *Input) gzipHeader(off int64) ([]byte, error) {
	for n := int64(512); ; n *= 8 {
		b, err := in.at(off, n)
		if err != nil {
			return nil, err
		}
		size, err := gzipHeaderLen(b)
		if err == nil {
			return bytes.Clone(b[:size]), nil
		}
		if err != io.ErrUnexpectedEOF || int64(len(b)) < n || n > maxHeader {
			return nil, fmt.Errorf("gzip header at byte %d: %w", off, err)
		}
	}
}

// gzipHeaderLen returns the length of the member header that b starts with.
func gzipHeaderLen(b []byte) (int, error) {
	if len(b) < 10 {
		return 0, io.ErrUnexpectedEOF
	}
	if !bytes.HasPrefix(b, gzipMagic) || b[3]&0xe0 != 0 {
		return 0, fmt.Errorf("no gzip member")
	}
	flags, n := b[3], 10
	if flags&4 != 0 { // extra
		if len(b) < n+2 {
			return 0, io.ErrUnexpectedEOF
		}
		n += 2 + int(binary.LittleEndian.Uint16(b[n:]))
	}
	for _, flag := range []byte{8, 16} { // name, comment
		if flags&flag == 0 {
			continue
		}
		if n > len(b) {
			return 0, io.ErrUnexpectedEOF
		}
		i := bytes.IndexByte(b[n:], 0)
		if i < 0 {
			return 0, io.ErrUnexpectedEOF
		}
		n += i + 1
	}
	if flags&2 != 0 { // header checksum
		n += 2
	}
	if n > len(b) {
		return 0, io.ErrUnexpectedEOF
	}
	return n, nil
}

// scanZlib finds the end of the stream by its checksum, or by inflating.
func (in *Input) scanZlib() ([]span, error) {
	head, err := in.at(0, 2)
	if err != nil {
		return nil, err
	}
	if len(head) < 2 || head[0]&15 != 8 || (uint(head[0])<<8|uint(head[1]))%31 != 0 || head[1]&0x20 != 0 {
		return nil, fmt.Errorf("%w: not a zlib stream, or one with a dictionary", ErrNotReproduced)
	}
	sum := adler32.New()
	if _, err := io.Copy(sum, io.NewSectionReader(in.Plain, 0, in.PlainSize)); err != nil {
		return nil, fmt.Errorf("reading the plain bytes: %w", err)
	}
	end := in.Size
	if tail, err := in.at(max(2, in.Size-4), 4); err != nil {
		return nil, err
	} else if !bytes.Equal(tail, sum.Sum(nil)) {
		n, _, err := inflateSize(in.Compressed, 2, in.Size)
		if err != nil {
			return nil, fmt.Errorf("zlib stream: %w", err)
		}
		if end = 2 + n + 4; end > in.Size {
			return nil, fmt.Errorf("zlib stream: %w", io.ErrUnexpectedEOF)
		}
	}
	s := span{part: part{stream: true, literal: head, plain: in.PlainSize}, end: end, body: [2]int64{2, end - 4}}
	return in.rest([]span{s}, end)
}

// scanDeflate takes the whole input for the stream; what follows it is found by
// inflating.
func (in *Input) scanDeflate() ([]span, error) {
	n, size, err := inflateSize(in.Compressed, 0, in.Size)
	if err != nil {
		return nil, fmt.Errorf("deflate stream: %w", err)
	}
	if size != in.PlainSize {
		return nil, fmt.Errorf("%w: %d plain bytes given, %d decompressed", ErrMismatch, in.PlainSize, size)
	}
	s := span{part: part{stream: true, plain: size}, end: n, body: [2]int64{0, n}}
	return in.rest([]span{s}, n)
}
