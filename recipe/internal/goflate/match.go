package goflate

import (
	"encoding/binary"
	"math/bits"

	"github.com/docker-delta/docker-delta/recipe/internal/goflate/huffman"
)

const (
	windowSize = 1 << 15
	windowMask = windowSize - 1
	hashBits   = 17
	hashMul    = 0x1e35a7bd

	minMatch  = 4 // the shortest match this encoder makes
	lookAhead = minMatch + huffman.MaxLength

	// tooFar is the distance above which a match of minMatch bytes is not worth it.
	tooFar = 4096

	maxTokens = 1 << 14 // in a block

	// rebase bounds positions, so that they fit an int32.
	rebase = 1 << 30
)

// search says how hard a level looks for matches.
type search struct {
	lazy  int // look for a better match at the next byte after one shorter than this; 0: never
	nice  int // stop at a match of this length
	chain int // candidates to look at
	// dense is the longest match whose every position goes into the
	// hash table, where lazy is 0.
	dense int
}

var searches = [10]search{
	2: {0, 16, 8, 5},
	3: {0, 32, 32, 6},
	4: {4, 16, 16, 0},
	5: {16, 32, 32, 0},
	6: {16, 128, 128, 0},
	7: {32, 128, 256, 0},
	8: {128, 258, 1024, 0},
	9: {258, 258, 4096, 0},
}

// matcher is the compressor of levels 2 to 9: hash chains over four bytes.
//
// Its window holds two windowSizes, of which the upper one moves down when less than
// lookAhead is left. The original moves it a byte earlier, and so forgets up to lookAhead bytes
// of history for one position, if a write happens to end in the last lookAhead bytes of the
// window and coding stops right at their first. Here the sizes of writes have no effect.
type matcher struct {
	search
	out *blockWriter

	window     [2*windowSize + 8]byte // the last 8 bytes only make loads safe
	index, end int                    // the next byte to code; the end of the data
	blockStart int                    // of the current block; -1 if it has left the window

	// A match of length bytes at index-1, or none if it is below minMatch.
	length, offset int
	pending        bool // the byte at index-1 has no token yet

	tokens []huffman.Token

	// head has the last position, plus base, of each hash; 0 for none.
	// dist has the distance from each position to the one before with its hash.
	base int32
	head [1 << hashBits]int32
	dist [windowSize]uint16
}

func newMatcher(out *blockWriter, level int) *matcher {
	m := &matcher{search: searches[level], out: out, tokens: make([]huffman.Token, 0, maxTokens)}
	m.start()
	return m
}

func (m *matcher) start() {
	m.base = 1
	m.length = minMatch - 1
}

func (m *matcher) reset() {
	clear(m.head[:])
	m.index, m.end, m.blockStart, m.pending = 0, 0, 0, false
	m.tokens = m.tokens[:0]
	m.start()
}

func (m *matcher) write(p []byte) {
	for len(p) > 0 && m.out.Err() == nil {
		n := copy(m.window[m.end:2*windowSize], p)
		m.end += n
		p = p[n:]
		if m.end == 2*windowSize {
			m.run(lookAhead)
		}
		m.slide()
	}
}

func (m *matcher) sync() {
	m.run(1)
	if m.pending {
		m.tokens = append(m.tokens, huffman.Token(m.window[m.index-1]))
		m.pending = false
	}
	if len(m.tokens) > 0 {
		m.emit(m.index)
	}
	m.slide()
}

// slide makes room in the window when index is near its end.
func (m *matcher) slide() {
	if m.index < 2*windowSize-lookAhead || m.end < 2*windowSize && m.index < m.end {
		return
	}
	copy(m.window[:windowSize], m.window[windowSize:])
	m.index -= windowSize
	m.end -= windowSize
	m.blockStart = max(m.blockStart-windowSize, -1)
	m.base += windowSize
	if m.base > rebase {
		for i, v := range m.head[:] {
			m.head[i] = max(v-(m.base-1), 0)
		}
		m.base = 1
	}
}

// emit ends the current block before position index.
func (m *matcher) emit(index int) {
	var plain []byte
	if m.blockStart >= 0 {
		plain = m.window[m.blockStart:index]
	}
	m.blockStart = index
	m.out.writeBlock(m.tokens, plain)
	m.tokens = m.tokens[:0]
}

// run codes the window until fewer than need bytes are left.
func (m *matcher) run(need int) {
	if m.lazy > 0 {
		m.runLazy(need)
	} else {
		m.runGreedy(need)
	}
}

func (m *matcher) load32(i int) uint32 { return binary.LittleEndian.Uint32(m.window[i:]) }
func (m *matcher) load64(i int) uint64 { return binary.LittleEndian.Uint64(m.window[i:]) }

// insert enters position i and returns the one before it with the same hash;
// it is below i-windowSize, and means nothing, if there is none.
func (m *matcher) insert(i int) int {
	h := bits.ReverseBytes32(m.load32(i)) * hashMul >> (32 - hashBits)
	prev := int(m.head[h]) - int(m.base)
	m.head[h] = int32(i) + m.base
	m.dist[i&windowMask] = uint16(min(i-prev, 1<<16-1))
	return prev
}

// runGreedy takes every match that it finds.
func (m *matcher) runGreedy(need int) {
	last := m.end - (minMatch - 1) // positions before it can be inserted
	for m.end-m.index >= need && m.out.Err() == nil {
		i := m.index
		length, offset := 0, 0
		if i < last {
			if prev := m.insert(i); prev >= max(i-windowSize, 0) {
				length, offset = m.find(i, prev, minMatch-1)
			}
		}
		if length < minMatch {
			m.tokens = append(m.tokens, huffman.Token(m.window[i]))
			m.index++
		} else {
			m.tokens = append(m.tokens, huffman.Match(length, offset))
			m.index += length
			if length <= m.dense {
				for i++; i < min(m.index, last); i++ {
					m.insert(i)
				}
			}
		}
		if len(m.tokens) == maxTokens {
			m.emit(m.index)
		}
	}
}

// runLazy looks, after every match that is not very long, whether the next byte
// begins a longer one.
func (m *matcher) runLazy(need int) {
	last := m.end - (minMatch - 1)
	for m.end-m.index >= need && m.out.Err() == nil {
		i := m.index
		prevLength, prevOffset := m.length, m.offset
		m.length = minMatch - 1
		if i < last {
			prev := m.insert(i)
			if prev >= max(i-windowSize, 0) && prevLength < m.lazy && m.end-i > prevLength {
				// A match no longer than the last one would be dropped,
				// so look for longer ones only.
				if n, offset := m.find(i, prev, prevLength); n > 0 {
					m.length, m.offset = n, offset
				}
			}
		}
		if prevLength >= minMatch && m.length <= prevLength {
			m.tokens = append(m.tokens, huffman.Match(prevLength, prevOffset))
			m.index += prevLength - 1
			for i++; i < min(m.index, last); i++ {
				m.insert(i)
			}
			m.pending = false
			m.length = minMatch - 1
			if len(m.tokens) == maxTokens {
				m.emit(m.index)
			}
			continue
		}
		if m.pending {
			m.tokens = append(m.tokens, huffman.Token(m.window[i-1]))
			if len(m.tokens) == maxTokens {
				m.emit(i)
			}
		}
		m.index++
		m.pending = true
	}
}

// find looks for the longest match at pos of more than best bytes among the
// chain that starts at i. It returns zeros if there is none.
func (m *matcher) find(pos, i, best int) (length, offset int) {
	limit := min(m.end-pos, huffman.MaxLength)
	nice := min(m.nice, limit)
	minIndex := max(pos-windowSize, 0)
	// A longer match has these four bytes at its end.
	tail := m.load32(pos + best - 3)
	first := m.load64(pos)
	for tries := m.chain; tries > 0; tries-- {
		if m.load32(i+best-3) == tail {
			n := m.matchLen(i, pos, first, limit)
			if n > best && (n > minMatch || pos-i <= tooFar) {
				length, offset, best = n, pos-i, n
				if n >= nice {
					break
				}
				tail = m.load32(pos + best - 3)
			}
		}
		// The entry of the oldest position already belongs to pos.
		if i == pos-windowSize {
			break
		}
		if i -= int(m.dist[i&windowMask]); i < minIndex {
			break
		}
	}
	return length, offset
}

// matchLen returns the number of equal bytes at i and pos, up to limit.
// The first eight bytes at pos are first.
func (m *matcher) matchLen(i, pos int, first uint64, limit int) int {
	if x := m.load64(i) ^ first; x != 0 {
		return min(bits.TrailingZeros64(x)>>3, limit)
	}
	for n := 8; n < limit; n += 8 {
		if x := m.load64(i+n) ^ m.load64(pos+n); x != 0 {
			return min(n+bits.TrailingZeros64(x)>>3, limit)
		}
	}
	return limit
}
