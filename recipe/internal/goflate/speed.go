package goflate

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/docker-delta/docker-delta/recipe/internal/goflate/huffman"
)

const (
	tableBits  = 14
	tableShift = 32 - tableBits

	// Snappy's margins: a block shorter than minBlock has no matches, and none
	// starts in its last inputMargin bytes.
	inputMargin = 16 - 1
	minBlock    = 1 + 1 + inputMargin

	curLimit = math.MaxInt32 - 2*huffman.MaxStored
)

// speeder is the compressor of level 1, which is modelled on Snappy: blocks of
// huffman.MaxStored bytes, one candidate for each hash, matches reaching into the block before.
type speeder struct {
	out    *blockWriter
	tokens []huffman.Token
	table  [1 << tableBits]tableEntry
	cur    int32 // added to the positions in the table

	// buf has the block before, if any, in front of the current one.
	buf  [2 * huffman.MaxStored]byte
	prev int // bytes of the block before
	n    int // bytes of the current block
}

type tableEntry struct {
	val uint32 // the four bytes at pos
	pos int32
}

func newSpeeder(out *blockWriter) *speeder {
	return &speeder{out: out, cur: huffman.MaxStored, tokens: make([]huffman.Token, 0, huffman.MaxStored)}
}

func (s *speeder) write(p []byte) {
	for len(p) > 0 {
		n := copy(s.buf[huffman.MaxStored+s.n:], p)
		s.n += n
		p = p[n:]
		if s.n == huffman.MaxStored {
			s.block()
		}
	}
}

func (s *speeder) sync() {
	block := s.buf[huffman.MaxStored : huffman.MaxStored+s.n]
	switch {
	case s.n == 0:
	case s.n >= 128:
		s.block()
	case s.n <= 16:
		s.out.writeStored(block)
		s.forget()
	default:
		s.out.writeLiterals(block)
		s.forget()
	}
}

func (s *speeder) reset() { s.forget() }

// forget puts everything so far out of reach.
func (s *speeder) forget() {
	s.n, s.prev = 0, 0
	s.cur += huffman.MaxOffset
	if s.cur >= curLimit {
		s.rebase()
	}
}

// rebase lowers cur, and the positions in the table with it.
func (s *speeder) rebase() {
	const base = huffman.MaxOffset + 1
	for i := range s.table {
		s.table[i].pos = max(s.table[i].pos-s.cur+base, 0)
	}
	if s.prev == 0 {
		clear(s.table[:])
	}
	s.cur = base
}

// block writes the current block.
func (s *speeder) block() {
	if s.cur >= curLimit {
		s.rebase()
	}
	s.encode()
	block := s.buf[huffman.MaxStored : huffman.MaxStored+s.n]
	if len(s.tokens) > s.n-s.n>>4 { // hardly a match
		s.out.writeLiterals(block)
	} else {
		s.out.writeDynamic(s.tokens, block)
	}
	s.cur += int32(s.n)
	// Keep the block right in front of the next one.
	copy(s.buf[huffman.MaxStored-s.n:huffman.MaxStored], block)
	s.prev, s.n = s.n, 0
}

func hash(v uint32) uint32 { return v * hashMul >> tableShift }

// encode makes the tokens of the current block, which has minBlock bytes at least.
func (s *speeder) encode() {
	src := s.buf[huffman.MaxStored : huffman.MaxStored+s.n]
	load32 := func(i int32) uint32 { return binary.LittleEndian.Uint32(src[i:]) }
	dst := s.tokens[:0]
	limit := int32(len(src) - inputMargin)
	emitted, i := int32(0), int32(0)
	cv := load32(0)
	next := hash(cv)
	for {
		// The longer nothing matches, the bigger the steps.
		skip := int32(32)
		nextI := i
		var cand tableEntry
		for {
			i = nextI
			step := skip >> 5
			nextI = i + step
			skip += step
			if nextI > limit {
				s.tokens = appendLiterals(dst, src[emitted:])
				return
			}
			cand = s.table[next%(1<<tableBits)]
			now := load32(nextI)
			s.table[next%(1<<tableBits)] = tableEntry{cv, i + s.cur}
			next = hash(now)
			if cv == cand.val && i+s.cur-cand.pos <= huffman.MaxOffset {
				break
			}
			cv = now
		}
		dst = appendLiterals(dst, src[emitted:i])
		for {
			// Four bytes match here, and all before is emitted.
			offset := i + s.cur - cand.pos
			n := s.matchLen(int(i), int(offset))
			dst = append(dst, huffman.Match(n, int(offset)))
			i += int32(n)
			emitted = i
			if i >= limit {
				s.tokens = appendLiterals(dst, src[emitted:])
				return
			}
			x := binary.LittleEndian.Uint64(src[i-1:])
			s.table[hash(uint32(x))%(1<<tableBits)] = tableEntry{uint32(x), s.cur + i - 1}
			x >>= 8
			h := hash(uint32(x)) % (1 << tableBits)
			cand = s.table[h]
			s.table[h] = tableEntry{uint32(x), s.cur + i}
			if i+s.cur-cand.pos > huffman.MaxOffset || uint32(x) != cand.val {
				cv = uint32(x >> 8)
				next = hash(cv)
				i++
				break
			}
		}
	}
}

func appendLiterals(dst []huffman.Token, p []byte) []huffman.Token {
	for _, v := range p {
		dst = append(dst, huffman.Token(v))
	}
	return dst
}

// matchLen returns the length of the match at i of the current block with what is
// offset bytes before, of which four bytes are known to be equal. A start
// beyond the block before is taken as four bytes long.
func (s *speeder) matchLen(i, offset int) int {
	limit := min(huffman.MaxLength, s.n-i)
	if i-offset+4 < -s.prev {
		return 4
	}
	a, b := s.buf[huffman.MaxStored+i:huffman.MaxStored+i+limit], s.buf[huffman.MaxStored+i-offset:]
	n := 4
	for ; n+8 <= limit; n += 8 {
		if x := binary.LittleEndian.Uint64(a[n:]) ^ binary.LittleEndian.Uint64(b[n:]); x != 0 {
			return n + bits.TrailingZeros64(x)>>3
		}
	}
	for n < limit && a[n] == b[n] {
		n++
	}
	return n
}
