package trees

// maxSymbols is the size of the largest alphabet.
const maxSymbols = NumLit + 2

// Builder builds code lengths from symbol counts. Its zero value is ready, and
// it can be used again and again without allocating.
type Builder struct {
	heap [2*maxSymbols + 1]uint16
	// key orders the heap: the count of a node, then the height of its subtree.
	key [2 * maxSymbols]uint64
	dad [2 * maxSymbols]uint16
	len [2 * maxSymbols]uint8
}

// Lengths sets lens to the lengths of a Huffman code for the symbols counted in
// freq, none longer than maxBits, and returns the last symbol that has a code.
// At least two symbols get one, as some decoders need it. Counts must sum to
// less than 2^32, and len(freq) be at most 288; lens is as long as freq.
func (b *Builder) Lengths(freq []uint32, lens []uint8, maxBits int) (last int) {
	n, last := 0, -1
	for i, f := range freq {
		lens[i] = 0
		if f != 0 {
			n++
			b.heap[n] = uint16(i)
			b.key[i] = uint64(f) << 8
			last = i
		}
	}
	for n < 2 {
		i := 0
		if last < 2 {
			last++
			i = last
		}
		n++
		b.heap[n] = uint16(i)
		b.key[i] = 1 << 8
	}
	for i := n / 2; i >= 1; i-- {
		b.siftDown(i, n)
	}

	// Join the two rarest nodes until one is left. The nodes, sorted by count,
	// are kept at the end of the heap's array for the next step.
	node, sorted := len(freq), len(b.heap)
	for {
		x := b.heap[1]
		b.heap[1] = b.heap[n]
		n--
		b.siftDown(1, n)
		y := b.heap[1]
		sorted -= 2
		b.heap[sorted+1], b.heap[sorted] = x, y

		kx, ky := b.key[x], b.key[y]
		b.key[node] = (kx>>8+ky>>8)<<8 | (max(kx&255, ky&255) + 1)
		b.dad[x], b.dad[y] = uint16(node), uint16(node)
		b.heap[1] = uint16(node)
		node++
		b.siftDown(1, n)
		if n < 2 {
			break
		}
	}
	sorted--
	b.heap[sorted] = b.heap[1]
	b.limit(lens, sorted, maxBits)
	return last
}

// siftDown restores the heap's order below k, where n is the heap's size.
func (b *Builder) siftDown(k, n int) {
	v := b.heap[k]
	kv := b.key[v]
	for j := k << 1; j <= n; j <<= 1 {
		if j < n && b.key[b.heap[j+1]] <= b.key[b.heap[j]] {
			j++
		}
		if kv <= b.key[b.heap[j]] {
			break
		}
		b.heap[k] = b.heap[j]
		k = j
	}
	b.heap[k] = v
}

// limit turns the tree into code lengths, moving leaves where it is too deep.
// The nodes are in heap[sorted:], the root first.
func (b *Builder) limit(lens []uint8, sorted, maxBits int) {
	var count [MaxBits + 1]int
	overflow := 0
	b.len[b.heap[sorted]] = 0
	for _, x := range b.heap[sorted+1:] {
		l := int(b.len[b.dad[x]]) + 1
		if l > maxBits {
			l = maxBits
			overflow++
		}
		b.len[x] = uint8(l)
		if int(x) < len(lens) {
			count[l]++
			lens[x] = uint8(l)
		}
	}
	if overflow == 0 {
		return
	}
	for ; overflow > 0; overflow -= 2 {
		l := maxBits - 1
		for count[l] == 0 {
			l--
		}
		count[l]--      // move one leaf down the tree
		count[l+1] += 2 // and one overflowing leaf beside it
		count[maxBits]--
	}
	h := len(b.heap)
	for l := maxBits; l != 0; l-- {
		for n := count[l]; n > 0; {
			h--
			if x := b.heap[h]; int(x) < len(lens) {
				lens[x] = uint8(l)
				n--
			}
		}
	}
}
