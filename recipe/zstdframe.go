package recipe

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

// zstdHeader is a frame header (RFC 8878, 3.1.1.1).
type zstdHeader struct {
	size     int64 // of the header, with the magic number
	checksum bool
	single   bool // no window, the content size instead
	window   int  // log2 of the window, 0 if it is no power of two
	content  int64
	known    bool // content is known
}

// parseZstdHeader reads the header that b starts with.
func parseZstdHeader(b []byte) (h zstdHeader, err error) {
	if len(b) < 6 {
		return h, io.ErrUnexpectedEOF
	}
	d := b[4]
	h.checksum, h.single = d&4 != 0, d&0x20 != 0
	n := 5
	if !h.single {
		if b[n]&7 == 0 {
			h.window = 10 + int(b[n]>>3)
		}
		n++
	}
	if d&3 != 0 || d&8 != 0 {
		return h, fmt.Errorf("%w: frame with a dictionary or reserved bits", ErrNotReproduced)
	}
	size := [4]int{0, 2, 4, 8}[d>>6]
	if h.single && size == 0 {
		size = 1
	}
	if len(b) < n+size {
		return h, io.ErrUnexpectedEOF
	}
	h.known = size > 0
	switch size {
	case 1:
		h.content = int64(b[n])
	case 2:
		h.content = int64(binary.LittleEndian.Uint16(b[n:])) + 256
	case 4:
		h.content = int64(binary.LittleEndian.Uint32(b[n:]))
	case 8:
		h.content = int64(binary.LittleEndian.Uint64(b[n:]) & (1<<63 - 1))
	}
	h.size = int64(n + size)
	return h, nil
}

// maxZstdHeader is the length of the longest frame header.
const maxZstdHeader = 4 + 1 + 1 + 4 + 8

// scanZstd finds the frames by their block headers. Skippable frames and what
// follows the last frame are kept as they are.
func (in *Input) scanZstd() ([]span, error) {
	var spans []span
	var off, plain int64
	for off < in.Size {
		b, err := in.at(off, maxZstdHeader)
		if err != nil {
			return nil, err
		}
		if len(b) >= 8 && binary.LittleEndian.Uint32(b)>>4 == 0x184d2a5 { // skippable
			end := off + 8 + int64(binary.LittleEndian.Uint32(b[4:]))
			if end > in.Size {
				return nil, fmt.Errorf("skippable frame at byte %d: %w", off, io.ErrUnexpectedEOF)
			}
			if spans, err = in.literal(spans, off, end); err != nil {
				return nil, err
			}
			off = end
			continue
		}
		if len(b) < 4 || Sniff(b[:4]) != Zstd {
			return in.rest(spans, off)
		}
		s, err := in.frame(off, b)
		if err != nil {
			return nil, fmt.Errorf("zstd frame at byte %d: %w", off, err)
		}
		s.plainFrom = plain
		spans = append(spans, s)
		off, plain = s.end, plain+max(s.plain, 0)
	}
	return in.frameSizes(spans, plain)
}

// frame walks the blocks of the frame at off. Its plain size is -1 if unknown.
func (in *Input) frame(off int64, b []byte) (span, error) {
	h, err := parseZstdHeader(b)
	if err != nil {
		return span{}, err
	}
	s := span{part: part{stream: true, plain: -1}, off: off, body: [2]int64{off, 0}}
	if h.known {
		s.plain = h.content
	}
	at := off + h.size
	var small int64
	for last := false; !last; {
		b, err := in.at(at, 3)
		if err != nil {
			return s, err
		}
		if len(b) < 3 {
			return s, io.ErrUnexpectedEOF
		}
		v := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16
		last = v&1 != 0
		size := int64(v >> 3)
		switch v >> 1 & 3 {
		case 0: // raw
			small += size
		case 1: // one byte repeated
			small += size
			size = 1
		case 2:
			small = maxSize // not known from the headers
		default:
			return s, fmt.Errorf("reserved block type")
		}
		small = min(small, maxSize)
		at += 3 + size
	}
	if h.checksum {
		at += 4
	}
	if at > in.Size {
		return s, io.ErrUnexpectedEOF
	}
	if small < maxSize && s.plain < 0 {
		s.plain = small
	}
	s.end, s.body[1] = at, at
	return s, nil
}

// frameSizes fills in the plain sizes that the headers do not tell.
func (in *Input) frameSizes(spans []span, known int64) ([]span, error) {
	unknown := 0
	for i := range spans {
		if spans[i].stream && spans[i].plain < 0 {
			unknown++
		}
	}
	plain := int64(0)
	for i := range spans {
		s := &spans[i]
		s.plainFrom = plain
		if !s.stream {
			continue
		}
		if s.plain < 0 && unknown == 1 {
			s.plain = in.PlainSize - known
		}
		if s.plain < 0 {
			n, err := in.decodedSize(s)
			if err != nil {
				return nil, fmt.Errorf("zstd frame at byte %d: %w", s.off, err)
			}
			s.plain = n
		}
		if s.plain < 0 || s.plain > in.PlainSize-plain {
			return nil, fmt.Errorf("%w: %d plain bytes given, more decompressed", ErrMismatch, in.PlainSize)
		}
		plain += s.plain
	}
	if plain != in.PlainSize {
		return nil, fmt.Errorf("%w: %d plain bytes given, %d decompressed", ErrMismatch, in.PlainSize, plain)
	}
	return spans, nil
}

func (in *Input) decodedSize(s *span) (int64, error) {
	r, err := NewReader(Zstd, io.NewSectionReader(in.Compressed, s.off, s.end-s.off))
	if err != nil {
		return 0, err
	}
	defer r.Close()
	return io.Copy(io.Discard, r)
}

// zstdCandidates lists codings of a frame.
func (in *Input) zstdCandidates(s *span) ([]coding, error) {
	b, err := in.at(s.off, maxZstdHeader)
	if err != nil {
		return nil, err
	}
	h, err := parseZstdHeader(b)
	if err != nil {
		return nil, err
	}
	m := marks{sized: h.known && s.plain > zstdBlock}
	if !slices.ContainsFunc(registry, func(e *encoder) bool { return e.format == Zstd && e.mayLeave(m, oneStream) }) {
		return nil, nil
	}
	var opts uint32
	if !h.checksum && s.plain > 0 {
		opts |= 1 << zstdNoChecksum
	}
	flush, err := in.firstBlock(s, h)
	if err != nil {
		return nil, err
	}
	var list []coding
	for _, level := range zstdLevels {
		for _, e := range registry {
			if e.format != Zstd || !slices.Contains(e.levels, level) {
				continue
			}
			c := coding{encoder: e.id, level: level, opts: opts}
			if !h.known && (e.window == nil || h.window != e.window(level)) {
				if h.window == 0 {
					continue
				}
				c.opts |= uint32(h.window) << zstdWindow
			}
			if flush > 0 && slices.Contains(e.framings, flushOnce) {
				c.framing, c.arg = flushOnce, uint64(flush)
			}
			if e.mayLeave(m, c.framing) {
				list = append(list, c)
			}
		}
	}
	return list, nil
}

// zstdLevels are the levels of all encoders of zstd: those of klauspost, likely
// ones first, and others.
var zstdLevels = func() []int8 {
	list := []int8{2, 1, 3, 4}
	for _, e := range registry {
		for _, l := range e.levels {
			if e.format == Zstd && !slices.Contains(list, l) {
				list = append(list, l)
			}
		}
	}
	return list
}()

// firstBlock returns the number of plain bytes of a first block that is too short
// for a full one, which tells of a flush after the first write, or 0.
func (in *Input) firstBlock(s *span, h zstdHeader) (int64, error) {
	b, err := in.at(s.off, h.size+3+zstdBlock)
	if err != nil || int64(len(b)) < h.size+3 {
		return 0, err
	}
	v := uint32(b[h.size]) | uint32(b[h.size+1])<<8 | uint32(b[h.size+2])<<16
	size := int64(v >> 3)
	switch {
	case v&1 != 0:
		return 0, nil
	case v>>1&3 == 2: // compressed: decode it as a frame of its own
		b = b[:min(int64(len(b)), h.size+3+size)]
		b[4] &^= 4 // no checksum
		b[h.size] |= 1
		r, err := NewReader(Zstd, bytes.NewReader(b))
		if err != nil {
			return 0, err
		}
		defer r.Close()
		if size, err = io.Copy(io.Discard, r); err != nil {
			return 0, nil // the frame is broken; no encoder will give it back
		}
	}
	full := int64(64 << 10)
	if h.window > 0 {
		full = min(full, 1<<h.window)
	}
	if size >= full || size >= s.plain {
		return 0, nil
	}
	return size, nil
}

// zstdBlock is the most bytes of a block, plain or compressed.
const zstdBlock = 128 << 10
