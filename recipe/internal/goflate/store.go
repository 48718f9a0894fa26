package goflate

import "github.com/docker-delta/docker-delta/recipe/internal/goflate/huffman"

// storer emits full blocks of up to huffman.MaxStored bytes without looking for
// matches: the levels NoCompression and HuffmanOnly.
type storer struct {
	out     *blockWriter
	huffman bool
	buf     [huffman.MaxStored]byte
	n       int // bytes waiting in buf
}

func (s *storer) write(p []byte) {
	for len(p) > 0 {
		n := copy(s.buf[s.n:], p)
		s.n += n
		p = p[n:]
		if s.n == len(s.buf) {
			s.sync()
		}
	}
}

func (s *storer) sync() {
	if s.n == 0 {
		return
	}
	if s.huffman {
		s.out.writeLiterals(s.buf[:s.n])
	} else {
		s.out.writeStored(s.buf[:s.n])
	}
	s.n = 0
}

func (s *storer) reset() { s.n = 0 }
