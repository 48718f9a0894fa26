package layer

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/docker-delta/docker-delta/internal/limit"
)

const (
	blockSize = 512
	// maxMeta bounds a PAX record block or a GNU long name; longer ones are
	// passed over without being understood.
	maxMeta = 1 << 20
)

// Scan reads a stream to its end and cuts it into nodes. A stream that is no
// tar is one Content; where a tar stops making sense, the rest is one Content.
//
// The tar format is that of POSIX.1-2001 (pax) and of GNU tar.
//
// The nodes take what they need off mem; when that is used up, Scan fails. A nil mem
// sets no limit.
func Scan(r io.Reader, mem *limit.Memory) (*Stream, error) {
	s := &scanner{r: takeReader(r), mem: mem}
	defer putReader(s.r)
	if err := s.scan(); err != nil {
		return nil, err
	}
	return &Stream{Size: s.off, Nodes: s.nodes}, nil
}

type scanner struct {
	r     *bufio.Reader
	off   int64 // bytes consumed
	start int64 // where the header run began that is being gathered
	nodes []*Node
	mem   *limit.Memory
	err   error // of mem
}

// add appends a node.
func (s *scanner) add(n *Node) {
	if err := s.mem.Take(n.memory()); err != nil && s.err == nil {
		s.err = err
	}
	s.nodes = append(s.nodes, n)
}

func (s *scanner) scan() error {
	var path string // as a PAX or GNU header gave it
	size := int64(-1)
	for {
		if s.err != nil {
			return s.err
		}
		block, err := s.r.Peek(blockSize)
		if err != nil && err != io.EOF {
			return err
		}
		if len(block) == 0 {
			s.header("")
			return nil
		}
		if len(block) < blockSize || !isHeader(block) {
			if len(block) == blockSize && len(bytes.TrimLeft(block, "\x00")) == 0 && s.off > 0 {
				if err := s.skip(blockSize); err != nil {
					return err
				}
				continue
			}
			s.header("")
			return s.content("", -1)
		}
		h := parseHeader(block)
		isGNUSparse := h.typeflag == 'S' && block[482] != 0
		if err := s.skip(blockSize); err != nil {
			return err
		}
		switch h.typeflag {
		case 'x', 'g', 'L', 'K':
			meta, err := s.meta(h.size)
			if err != nil {
				return err
			}
			switch h.typeflag {
			case 'x':
				if p, ok := paxRecord(meta, "path"); ok {
					path = p
				}
				if v, ok := paxRecord(meta, "size"); ok {
					if n, err := strconv.ParseInt(v, 10, 64); err == nil && n >= 0 {
						size = n
					}
				}
			case 'L':
				path = cString(meta)
			}
			continue
		case '1', '2', '3', '4', '5', '6':
			h.size, size = 0, -1
		}
		for isGNUSparse { // further maps follow while a flag says so
			block, err := s.r.Peek(blockSize)
			if err != nil && err != io.EOF {
				return err
			}
			isGNUSparse = len(block) == blockSize && block[504] != 0
			if err := s.skip(int64(len(block))); err != nil {
				return err
			}
		}
		if size >= 0 {
			h.size = size
		}
		if path != "" {
			h.path = cutPath(path)
		}
		path, size = "", -1
		s.header(h.path)
		if h.size > 0 {
			if err := s.content(h.path, h.size); err != nil {
				return err
			}
			if err := s.padding(-h.size & (blockSize - 1)); err != nil {
				return err
			}
		}
	}
}

// header ends the header run at the current offset.
func (s *scanner) header(path string) {
	if s.off > s.start {
		s.add(&Node{Kind: Header, Path: path, Off: s.start, Len: s.off - s.start})
	}
	s.start = s.off
}

// padding passes over what fills a block.
func (s *scanner) padding(n int64) error {
	if err := s.skip(n); err != nil {
		return err
	}
	if s.off > s.start {
		s.add(&Node{Kind: Padding, Off: s.start, Len: s.off - s.start})
	}
	s.start = s.off
	return nil
}

// content passes over n bytes, or all the rest if n is -1, and sums them.
func (s *scanner) content(path string, n int64) error {
	node := &Node{Kind: Content, Path: path, Off: s.off}
	start, err := s.r.Peek(blockSize)
	if err != nil && err != io.EOF {
		return err
	}
	node.look(start, n)
	if node.Len, node.Sum, err = sumFrom(s.r, n); err != nil {
		return err
	}
	s.off += node.Len
	if node.Len > 0 {
		s.add(node)
	}
	s.start = s.off
	return nil
}

// look notes what the first bytes of a content tell; n is its length or -1.
func (n *Node) look(start []byte, length int64) {
	if length >= 0 && int64(len(start)) > length {
		start = start[:length]
	}
	copy(n.Prefix[:], start)
	n.IsTar = len(start) == blockSize && isHeader(start)
}

// cutTar cuts a tar that is a content of its own.
func cutTar(raw io.ReaderAt, node *Node, mem *limit.Memory) ([]*Node, error) {
	s, err := Scan(io.NewSectionReader(raw, node.Off, node.Len), mem)
	if errors.Is(err, limit.ErrMemory) {
		return nil, err
	}
	if err != nil || len(s.Nodes) < 2 {
		return nil, nil
	}
	for _, n := range s.Nodes {
		n.Off += node.Off
	}
	nameInner(s.Nodes, node.Path)
	return s.Nodes, nil
}

// skip passes over n bytes, fewer at the end of the stream.
func (s *scanner) skip(n int64) error {
	for n > 0 {
		m, err := s.r.Discard(int(min(n, 1<<30)))
		s.off += int64(m)
		n -= int64(m)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// meta reads the body of an extension header and its padding.
func (s *scanner) meta(n int64) ([]byte, error) {
	padded := n + (-n & (blockSize - 1))
	if n < 0 || n > maxMeta {
		return nil, s.skip(padded)
	}
	body := make([]byte, padded)
	m, err := io.ReadFull(s.r, body)
	s.off += int64(m)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, err
	}
	return body[:min(int64(m), n)], nil
}

type tarHeader struct {
	path     string
	size     int64
	typeflag byte
}

// isHeader tells whether the block's checksum is that of a tar header.
func isHeader(block []byte) bool {
	want, ok := parseNumber(block[148:156])
	if !ok || block[0] == 0 && block[257] == 0 {
		return false
	}
	sum := int64(8 * ' ')
	for i, b := range block {
		if i < 148 || i >= 156 {
			sum += int64(b)
		}
	}
	return sum == want
}

func parseHeader(block []byte) tarHeader {
	h := tarHeader{path: cString(block[:100]), typeflag: block[156]}
	if size, ok := parseNumber(block[124:136]); ok {
		h.size = size
	}
	if bytes.HasPrefix(block[257:], []byte("ustar\x00")) {
		if prefix := cString(block[345:500]); prefix != "" {
			h.path = prefix + "/" + h.path
		}
	}
	return h
}

// parseNumber reads an octal field, or GNU's base-256 form of it.
func parseNumber(b []byte) (int64, bool) {
	if b[0]&0x80 != 0 {
		if b[0] != 0x80 {
			return 0, false // negative or beyond any length
		}
		n := int64(0)
		for _, c := range b[1:] {
			if n >= 1<<54 {
				return 0, false
			}
			n = n<<8 | int64(c)
		}
		return n, true
	}
	text := strings.Trim(string(b), " \x00")
	if text == "" {
		return 0, true
	}
	n, err := strconv.ParseInt(text, 8, 63)
	return n, err == nil && n >= 0
}

// paxRecord finds a "length key=value\n" record.
func paxRecord(meta []byte, key string) (string, bool) {
	for len(meta) > 0 {
		length, rest, ok := bytes.Cut(meta, []byte{' '})
		n, err := strconv.Atoi(string(length))
		if !ok || err != nil || n <= len(length)+1 || n > len(meta) {
			return "", false
		}
		record := rest[:n-len(length)-1]
		meta = meta[n:]
		if k, v, ok := bytes.Cut(record, []byte{'='}); ok && string(k) == key {
			return strings.TrimSuffix(string(v), "\n"), true
		}
	}
	return "", false
}

func cString(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}
