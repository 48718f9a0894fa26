package zlibenc

import (
	"encoding/binary"
	"hash/crc32"
)

const (
	minMatch = 3
	maxMatch = 258
	// minLookahead is how many bytes must follow a position, except at the end,
	// so that a match and the string after it can be looked at.
	minLookahead = maxMatch + minMatch + 1
	// tooFar is the distance from which a match of 3 bytes costs more than literals.
	tooFar = 4096
	// pad lets words be read, and busybox's comparisons run, past the window's end.
	pad = maxMatch + 34
)

// encoder is zlib's deflate state. Positions are indexes into window, as in
// zlib: position 0 never matches, and when the second half of the window is
// used up it becomes the first.
type encoder struct {
	setup
	block
	window   []byte // two window sizes, and pad
	prev     []uint16
	head     []uint16
	order    []uint16 // number of each position within its hash chain; see skipChain
	winSize  int
	maxDist  int
	hashMask uint32
	hashStep uint // shift of zlib's rolling hash for each byte

	blockStart int // where the current block's plain bytes begin; may be negative
	strStart   int // the position being coded
	lookahead  int // bytes from strStart on
	insert     int // strings before strStart that are not yet hashed

	matchStart  int
	matchLen    int
	literalWait bool // the byte before strStart is not yet coded
	ended       bool // gzip has seen the end of the input
}

func newEncoder(s setup) *encoder {
	e := &encoder{setup: s}
	e.winSize = 1 << s.windowBits
	e.maxDist = e.winSize - minLookahead
	e.window = make([]byte, 2*e.winSize+pad)
	e.prev = make([]uint16, e.winSize)
	e.head = make([]uint16, 1<<s.hashBits)
	e.hashMask = 1<<s.hashBits - 1
	e.hashStep = uint(s.hashBits+minMatch-1) / minMatch
	if s.level > 3 {
		e.order = make([]uint16, e.winSize)
	}
	e.syms = make([]uint32, s.symbols)
	e.reset()
	return e
}

// reset makes the encoder as new, keeping its memory.
func (e *encoder) reset() {
	clear(e.head)
	if e.gzipEnd {
		clear(e.window) // gzip compares bytes behind the input's end
		if !e.gzipGuard {
			busyboxHeap(e.window[2*e.winSize:])
		}
	}
	e.blockStart, e.strStart, e.lookahead, e.insert = 0, 0, 0, 0
	e.matchStart, e.matchLen = 0, minMatch-1
	e.literalWait, e.ended = false, false
	e.acc, e.nbits, e.out = 0, 0, e.out[:0]
	e.block.reset()
}

// busyboxHeap sets p to what follows busybox's window in memory. Near the end of
// the input busybox compares strings with it, and of several matches that reach
// the end takes the one that goes on longest there. With glibc it is the rest of
// the window's allocation, the size of the next one, and the table for CRC-32;
// other C libraries differ, which rarely matters.
func busyboxHeap(p []byte) {
	binary.LittleEndian.PutUint64(p[8:], 1024+16|1)
	p = p[16:]
	for i := 0; len(p) >= 4; i++ {
		binary.LittleEndian.PutUint32(p, crc32.IEEETable[i])
		p = p[4:]
	}
}

// hash is zlib's rolling hash of the three bytes at position i.
func (e *encoder) hash(i int) uint32 {
	v := binary.LittleEndian.Uint32(e.window[i:])
	return (v<<(2*e.hashStep) ^ v>>8&255<<e.hashStep ^ v>>16&255) & e.hashMask
}

// insertString enters the string at position i into its hash chain, and
// returns the position entered before it, or 0.
func (e *encoder) insertString(i int) int {
	h := e.hash(i)
	p := e.head[h]
	e.head[h] = uint16(i)
	m := len(e.prev) - 1
	e.prev[i&m] = p
	if e.order != nil {
		e.order[i&m] = e.order[int(p)&m] + 1
	}
	return int(p)
}

// insertRange enters the strings at positions from up to but not including to.
func (e *encoder) insertRange(from, to int) {
	if from >= to {
		return
	}
	step, mask := e.hashStep&31, e.hashMask
	head, prev, order := e.head, e.prev, e.order
	m := len(prev) - 1
	for i, c := range e.window[from+2 : to+2] {
		i += from
		h := (uint32(e.window[i])<<(2*step) ^ uint32(e.window[i+1])<<step ^ uint32(c)) & mask
		p := head[h]
		head[h] = uint16(i)
		prev[i&m] = p
		if order != nil {
			order[i&m] = order[int(p)&m] + 1
		}
	}
}

// fill moves the window if it is used up, and copies as much of p into it as
// fits. It returns the rest of p. Called only with too little lookahead, or to
// go on filling the window.
func (e *encoder) fill(p []byte) []byte {
	if e.lookahead < minLookahead && e.strStart >= e.winSize+e.maxDist {
		e.slide()
	}
	at := e.strStart + e.lookahead
	n := copy(e.window[at:2*e.winSize], p)
	e.lookahead += n
	if n > 0 && e.insert > 0 {
		at := e.strStart - e.insert
		n := min(e.insert, max(e.lookahead+e.insert-(minMatch-1), 0))
		e.insertRange(at, at+n)
		e.insert -= n
	}
	return p[n:]
}

// full reports whether no more input fits into the window.
func (e *encoder) full() bool { return e.strStart+e.lookahead == 2*e.winSize }

func (e *encoder) slide() {
	w := e.winSize
	copy(e.window[:w], e.window[w:2*w])
	e.matchStart -= w
	e.strStart -= w
	e.blockStart -= w
	e.insert = min(e.insert, e.strStart)
	slideTable(e.head, uint16(w-1))
	slideTable(e.prev, uint16(w-1))
}

// slideTable subtracts a window size, of which low is one less, from positions
// in the window's second half, and turns all others into 0.
func slideTable(t []uint16, low uint16) {
	if low == 0x7fff {
		for i, v := range t {
			t[i] = v & uint16(int16(v)>>15) & 0x7fff
		}
		return
	}
	for i, v := range t {
		if v > low {
			t[i] = v - low - 1
		} else {
			t[i] = 0
		}
	}
}

// setDictionary puts p, of at most a window, before the input. The encoder must be new
// or reset.
func (e *encoder) setDictionary(p []byte) {
	p = p[max(0, len(p)-e.winSize):]
	n := copy(e.window, p)
	tail := min(n, minMatch-1)
	e.insertRange(0, n-tail)
	e.strStart, e.blockStart, e.insert = n, n, tail
}

// more makes sure of enough lookahead. It reports whether coding can go on; if
// not, the input or what has been given of it is used up.
func (e *encoder) more(f flush) bool {
	if e.lookahead >= minLookahead {
		return true
	}
	if f == noFlush {
		return false
	}
	if !e.ended {
		e.fill(nil)
		if e.gzipEnd && f == finish {
			// gzip does not move the window any more, and GNU's clears two bytes.
			e.ended = true
			if e.gzipGuard {
				clear(e.window[e.strStart+e.lookahead:][:minMatch-1])
			}
		}
	}
	return e.lookahead > 0
}

// endBlock ends the current block at strStart.
func (e *encoder) endBlock(last bool) {
	var plain []byte
	if e.blockStart >= 0 {
		plain = e.window[e.blockStart:e.strStart]
	}
	e.block.flush(plain, e.strStart-e.blockStart, e.strategy == Fixed, last)
	e.blockStart = e.strStart
}

// tally adds a symbol and reports whether the block must end before the next.
// The caller advances strStart after the call, as the early cut looks at it.
func (e *encoder) tally(sym uint32) bool {
	e.syms[e.block.n] = sym
	e.block.n++
	if e.block.n&0xfff == 0 && e.earlyCut && e.cutEarly(e.strStart-e.blockStart) {
		return true
	}
	return e.block.n == len(e.syms)-1
}
