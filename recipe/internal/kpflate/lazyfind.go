package kpflate

import (
	"math/bits"

	"github.com/docker-delta/docker-delta/recipe/internal/goflate/huffman"
)

// next returns the position before i with the same hash, if it is above pos-windowSize.
func (z *lazy) next(i, minIndex int) (int, bool) {
	if i <= minIndex { // its entry may already belong to another position
		return 0, false
	}
	i -= int(z.dist[i&windowMask])
	return i, i >= minIndex
}

// findLongest looks for the longest match at pos of more than best bytes among the chain
// that starts at i. It returns zeros if there is none.
func (z *lazy) findLongest(pos, i, best int) (length, offset int) {
	limit := min(z.end-pos, maxLength)
	nice := min(z.nice, limit)
	minIndex := max(pos-windowSize, 0)
	far := windowSize
	if z.rules.gain == byLength {
		far = tooFar
	}
	tail := z.load32(pos + best - 3) // a longer match has these four bytes
	first := z.load64(pos)
	more := true
	for tries := z.chain; tries > 0 && more; tries-- {
		if z.load32(i+best-3) == tail {
			n := z.matchLen(i, pos, first, limit)
			if n > best && (n > minMatch || pos-i <= far) {
				length, offset, best = n, pos-i, n
				if n >= nice {
					break
				}
				tail = z.load32(pos + best - 3)
			}
		}
		i, more = z.next(i, minIndex)
	}
	return length, offset
}

// findCheapest looks for the match at pos that saves the most bits, each longer than the
// ones before.
func (z *lazy) findCheapest(pos, i int) (length, offset int) {
	limit := min(z.end-pos, maxLength)
	nice := min(z.nice, limit)
	minIndex := max(pos-windowSize, 0)
	gain, cost := int32(0), int32(6)
	if z.rules.gain == byBits3 {
		gain, cost = 4, 3
	}
	costs := z.costs[pos : pos+limit+1]
	best := minMatch - 1
	tail := z.load32(pos)
	first := z.load64(pos)
	more := true
	for tries := z.chain; tries > 0 && more; tries-- {
		if z.load32(i+best-3) == tail {
			if n := z.matchLen(i, pos, first, limit); n > best {
				g := costs[n] - costs[0] - cost -
					extraOffsetBits(pos-i) -
					int32(huffman.LengthExtra[huffman.LengthCode[n-3]&31])
				if g > gain {
					length, offset, best, gain = n, pos-i, n, g
					if n >= nice {
						break
					}
					tail = z.load32(pos + best - 3)
				}
			}
		}
		i, more = z.next(i, minIndex)
	}
	return length, offset
}

// extraOffsetBits is the number of extra bits that the original counts for a distance. It looks
// up the distance itself instead of the distance less 1, and wraps at the longest.
func extraOffsetBits(distance int) int32 {
	if distance == maxOffset {
		return 6
	}
	return int32(huffman.OffsetExtra[huffman.OffsetCode(uint32(distance))&31])
}

// matchLen returns the number of equal bytes at i and pos, up to limit.
// The first eight bytes at pos are first.
func (z *lazy) matchLen(i, pos int, first uint64, limit int) int {
	if x := z.load64(i) ^ first; x != 0 {
		return min(bits.TrailingZeros64(x)>>3, limit)
	}
	for n := 8; n < limit; n += 8 {
		if x := z.load64(i+n) ^ z.load64(pos+n); x != 0 {
			return min(n+bits.TrailingZeros64(x)>>3, limit)
		}
	}
	return limit
}

// countCosts estimates what the bytes of the window cost as literals: by a code of
// their own.
func (z *lazy) countCosts() {
	data := z.window[z.index:z.end]
	var freq [256]int32
	counted := data
	if z.rules.lazyFirst {
		counted = data[:min(len(data), z.rules.lazyTokens)]
	}
	for _, v := range counted {
		freq[v]++
	}
	for i := range freq {
		freq[i] &= 0xffff // the original counted in 16 bits
	}
	z.coster.Generate(freq[:], huffman.MaxCodeLen)
	var cost [256]int32
	for v, c := range z.coster.Codes {
		cost[v] = int32(c.Len)
		if z.rules.minCost {
			cost[v] = max(cost[v], 1)
		}
	}
	costs := z.costs[z.index : z.end+1]
	total := int32(0)
	costs[0] = 0
	for i, v := range data {
		total += cost[v]
		costs[i+1] = total
	}
}

// extendEnd looks for a longer match than the one at index-1 that ends after it,
// by the hash of the bytes at its end.
func (z *lazy) extendEnd(length, offset, minIndex int) (int, int) {
	const off = 2
	start := z.index - 1
	if start+length+off >= z.last {
		return length, offset
	}
	i := int(z.head[z.hash(start+length-(4-off))]) - z.base - length + (4 - off)
	if i <= minIndex {
		return length, offset
	}
	limit := min(z.end-z.index, maxLength)
	if n := z.matchLen(i, start, z.load64(start), limit); n > length {
		return n, start - i
	}
	return length, offset
}

// extendEnd2 is the later form of extendEnd: the first two bytes of the longer match
// may differ, and are then coded as literals.
func (z *lazy) extendEnd2(length, offset, minIndex int, sync bool) (int, int) {
	const off = 2
	start := z.index - 1
	if length >= maxLength-off || start+length >= z.last {
		return length, offset
	}
	i := int(z.head[z.hash(start+length)]) - z.base - length
	if start-i == offset || i <= minIndex+off {
		return length, offset
	}
	limit := min(z.end-z.index, maxLength+off) - off
	n := z.matchLen(i+off, start+off, z.load64(start+off), limit)
	if n <= length {
		return length, offset
	}
	length, offset = n, start-i
	for k := off - 1; k >= 0; k-- {
		if length < maxLength && z.window[start+k] == z.window[i+k] {
			length++
			continue
		}
		for j := range k + 1 {
			z.t.literal(z.window[start+j])
			z.full(z.index, sync)
			z.index++
			if z.index < z.last {
				z.insert(z.index)
			}
		}
		break
	}
	return length, offset
}
