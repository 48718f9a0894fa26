package kpflate

import "github.com/docker-delta/docker-delta/recipe/internal/goflate/huffman"

const (
	numLits = huffman.EndOfBlock + 1

	// guessedHeader is the size of a header, in bits, before there is one.
	guessedHeader = 70 * 8
)

// writeLiterals writes plain without matches, in the open block or a new one, or
// as it is. With sync, nothing stays open.
func (b *blockWriter) writeLiterals(plain []byte, sync bool) {
	r := b.rules
	clear(b.litFreq[:])
	for _, v := range plain {
		b.litFreq[v]++
	}
	stored, storable := storedBits(plain)
	if r.quickStore && storable && b.looksRandom(len(plain)) {
		b.writeStored(plain)
		return
	}
	var size, late int
	if r.exactHuff {
		b.litFreq[huffman.EndOfBlock] = 1
		b.spare.Generate(b.litFreq[:numLits], huffman.MaxCodeLen)
		size = reuseBits(b.spare.Codes, b.litFreq[:numLits]) + b.open
	} else {
		size, late = b.entropy(len(plain), !sync)
	}
	if b.open == 0 {
		size += guessedHeader
	}
	size += size >> b.penalty
	if storable && (stored < size || r.exactHuff && stored == size) {
		b.writeStored(plain)
		return
	}

	if b.open > 0 {
		reuse := 0
		if r.exactHuff {
			reuse = reuseBits(b.lit.Codes, b.litFreq[:256])
		} else {
			reuse = huffman.BitLength(b.lit.Codes, b.litFreq[:256])
		}
		if size+late < reuse {
			b.endTable()
		}
	}
	if b.open == 0 {
		if r.exactHuff {
			b.lit, b.spare = b.spare, b.lit
		} else {
			if !sync && r.fillLate {
				fill(b.litFreq[:numLits])
			}
			b.litFreq[huffman.EndOfBlock] = 1
			b.lit.Generate(b.litFreq[:numLits], huffman.MaxCodeLen)
		}
		b.header.Build(b.lit.Codes[:numLits], noOffsets[:1])
		b.header.Write(&b.BitWriter)
		b.open = b.header.Size()
		b.litsOnly = true
	}
	b.WriteLiterals(plain, b.lit.Codes[:256])
	if sync {
		b.endTable()
		b.litsOnly = false
	}
}

// looksRandom says whether the counts of n bytes are about the same.
func (b *blockWriter) looksRandom(n int) bool {
	if n <= 1024 {
		return false
	}
	sum, avg, limit := 0.0, float64(n)/256, float64(n*2)
	for _, f := range b.litFreq[:256] {
		diff := float64(f) - avg
		sum += float64(diff * diff)
		if sum > limit {
			break
		}
	}
	return sum < limit
}

func fill(freq []int32) {
	for s, f := range freq {
		if f == 0 {
			freq[s] = 1
		}
	}
}

// entropy estimates the size of n counted bytes from their entropy, and what to add to
// it before it is compared with the open table. With more, codes for bytes that do not
// occur are part of it.
func (b *blockWriter) entropy(n int, more bool) (size, late int) {
	freq := b.litFreq[:256]
	total := n
	if b.rules.fillLate && more {
		for _, f := range freq {
			if f == 0 {
				total++
			}
		}
	}
	inv := 1 / float32(total)
	bits := func(f float32) float32 { return max(-fastLog2(float32(f*inv)), 1) }
	var sum, extra float32
	for _, f := range freq {
		if f > 0 {
			sum += float32(bits(float32(f)) * float32(f))
		} else if more {
			extra += bits(1)
		}
	}
	size = int(sum+0.99) + b.open
	if b.rules.fillLate {
		return size + n/32, 0
	}
	if more {
		fill(freq)
	}
	return size + 15, int(extra + 0.99)
}
