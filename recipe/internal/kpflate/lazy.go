package kpflate

import (
	"encoding/binary"
	"math/bits"

	"github.com/docker-delta/docker-delta/recipe/internal/goflate/huffman"
)

const (
	windowSize = 1 << 15
	windowMask = windowSize - 1
	hashBits   = 17

	minMatch  = 4 // the shortest match this encoder makes
	lookAhead = minMatch + maxLength

	// tooFar is the distance above which, once, a match of minMatch bytes was dropped.
	tooFar = 4096
)

// lazy is the compressor of levels 7 to 9: hash chains over four bytes, and a look at
// the next byte before a match is taken. Its window is worked through when it is full.
type lazy struct {
	search
	rules *rules
	out   *blockWriter
	t     tokens
	best  bool // level 9, which may count bits instead of bytes

	window     [2*windowSize + 8]byte // the last 8 bytes only make loads safe
	index, end int                    // the next byte to code; the end of the data
	blockStart int                    // of the current block; -1 if it has left the window

	// A match of length bytes at index-1, or none if it is below minMatch.
	length, offset int
	pending        bool   // the byte at index-1 has no token yet
	idle           uint16 // bytes since the last match; overflows

	last int // positions before it can be inserted
	prev int // the position that insert found last, plus base

	// head has the last position, plus base, of each hash; 0 for none.
	// dist has the distance from each position to the one before with its hash.
	base int
	head [1 << hashBits]int32
	dist [windowSize]uint16

	// costs[i] is the number of bits of the window up to i as literals.
	costs  []int32
	coster *huffman.Coder
}

func newLazy(out *blockWriter, r *rules, level int) *lazy {
	z := &lazy{search: r.searches[level-7], rules: r, out: out, best: level == 9 && r.gain != byLength}
	if z.best {
		z.costs = make([]int32, 2*windowSize+1)
		z.coster = huffman.NewCoder(256)
	}
	z.start()
	return z
}

func (z *lazy) start() {
	z.base = 1
	z.prev = -1
	z.length = minMatch - 1
}

func (z *lazy) reset(dict []byte) {
	clear(z.head[:])
	z.index, z.end, z.blockStart, z.pending, z.idle = 0, 0, 0, false, 0
	z.t.reset()
	z.start()
	z.end = copy(z.window[:], dict[max(0, len(dict)-windowSize):])
	z.index = z.end
	for i := range z.end - (minMatch - 1) {
		z.insert(i)
	}
	z.prev = -1
	if z.rules.dictStart {
		z.blockStart = z.end
	}
}

func (z *lazy) write(p []byte) {
	for len(p) > 0 && z.out.Err() == nil {
		if z.end == 2*windowSize {
			z.run(lookAhead)
		}
		z.slide()
		n := copy(z.window[z.end:2*windowSize], p)
		z.end += n
		p = p[n:]
	}
}

func (z *lazy) sync() {
	z.run(1)
	if z.pending {
		z.t.literal(z.window[z.index-1])
		z.pending = false
	}
	if z.t.n > 0 {
		z.emit(z.index, true)
	}
}

// slide makes room in the window when index is near its end.
func (z *lazy) slide() {
	if z.index < 2*windowSize-lookAhead {
		return
	}
	copy(z.window[:windowSize], z.window[windowSize:])
	z.index -= windowSize
	z.end -= windowSize
	z.blockStart = max(z.blockStart-windowSize, -1)
	z.base += windowSize
	if z.base > rebase {
		shift(z.head[:], int32(z.base-1))
		z.base = 1
	}
}

// full emits the block if it has reached its size. What it codes ends at index.
func (z *lazy) full(index int, sync bool) {
	if z.t.n == z.rules.lazyTokens {
		z.emit(index, sync)
	}
}

// emit ends the current block before position index.
func (z *lazy) emit(index int, sync bool) {
	var plain []byte
	if z.blockStart >= 0 && z.blockStart <= index {
		plain = z.window[z.blockStart:index]
	}
	z.blockStart = index
	if z.rules.filled {
		z.out.writeBlock(&z.t, plain)
	} else {
		z.out.writeDynamic(&z.t, plain, sync)
	}
	z.t.reset()
}

func (z *lazy) load32(i int) uint32 { return binary.LittleEndian.Uint32(z.window[i:]) }
func (z *lazy) load64(i int) uint64 { return binary.LittleEndian.Uint64(z.window[i:]) }

func (z *lazy) hash(i int) uint32 {
	v := z.load32(i)
	if z.rules.bigEndian {
		v = bits.ReverseBytes32(v)
	}
	return v * prime4 >> (32 - hashBits)
}

// insert enters position i, and remembers the one before it with the same hash.
func (z *lazy) insert(i int) {
	h := z.hash(i)
	z.prev = int(z.head[h])
	z.head[h] = int32(i + z.base)
	z.dist[i&windowMask] = uint16(min(i+z.base-z.prev, 1<<16-1))
}

// insertUpTo enters positions from i to before end.
func (z *lazy) insertUpTo(i, end int) {
	end = min(end, z.last)
	for ; i < end; i++ {
		h := z.hash(i)
		z.dist[i&windowMask] = uint16(min(i+z.base-int(z.head[h]), 1<<16-1))
		z.head[h] = int32(i + z.base)
	}
}

// run codes the window until fewer than need bytes are left; with a need of 1, it
// is all there is.
func (z *lazy) run(need int) {
	sync := need == 1
	if z.end-z.index < need {
		return
	}
	if z.best {
		z.countCosts()
	}
	z.last = z.end - (minMatch - 1)
	for z.end-z.index >= need && z.out.Err() == nil {
		if z.index < z.last {
			z.insert(z.index)
		}
		prevLength, prevOffset := z.length, z.offset
		z.length, z.offset = minMatch-1, 0
		minIndex := max(z.index-windowSize, 0)
		if first := z.prev - z.base; first >= minIndex && z.end-z.index > prevLength && prevLength < z.lazy {
			var n, offset int
			if z.best {
				n, offset = z.findCheapest(z.index, first)
			} else {
				// A match no longer than the last one would be dropped.
				n, offset = z.findLongest(z.index, first, prevLength)
			}
			if n > 0 {
				z.length, z.offset = n, offset
			}
		}
		if prevLength >= minMatch && z.length <= prevLength {
			z.takeMatch(prevLength, prevOffset, minIndex, sync)
		} else {
			z.takeLiteral(sync)
		}
	}
}

// takeMatch codes the match at index-1, or a longer one that begins within it.
func (z *lazy) takeMatch(length, offset, minIndex int, sync bool) {
	switch z.rules.lazyEnd {
	case 1:
		length, offset = z.extendEnd(length, offset, minIndex)
	case 2:
		length, offset = z.extendEnd2(length, offset, minIndex, sync)
	}
	z.t.match(length, offset)
	next := z.index + length - 1
	z.insertUpTo(z.index+1, next)
	z.index = next
	z.pending = false
	z.length = minMatch - 1
	z.full(z.index, sync)
	if z.rules.lazyEnd > 0 {
		z.idle = 0
	}
}

// takeLiteral codes the byte at index-1, and after many of them some more.
func (z *lazy) takeLiteral(sync bool) {
	if z.length >= minMatch {
		z.idle = 0
	}
	if !z.pending {
		z.index++
		z.pending = true
		return
	}
	z.idle++
	z.t.literal(z.window[z.index-1])
	z.full(z.index, sync)
	z.index++

	skip := 0
	if z.rules.oldSkip {
		skip = int(z.idle >> 5)
	} else if n := int(z.idle) - z.chain; n > 0 {
		skip = 1 + n>>6
	}
	if skip == 0 {
		return
	}
	for ; skip > 0 && z.index < z.end-1; skip-- {
		z.t.literal(z.window[z.index-1])
		z.full(z.index, sync)
		if !z.rules.oldSkip && z.index < z.last {
			z.insert(z.index)
		}
		z.index++
	}
	z.t.literal(z.window[z.index-1])
	z.pending = false
	z.full(z.index, sync)
}
