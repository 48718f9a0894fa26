package zstdenc

// version is a release of klauspost/compress as minor*100 + patch. Wherever the
// bytes changed, the code asks for it.
type version int

// The releases that changed the output of some level.
const (
	v1_13_6  version = 1306 // and before
	v1_14_4  version = 1404 // bigger blocks, matches to the last byte
	v1_15_11 version = 1511 // better: looks behind the match
	v1_16_5  version = 1605 // raw blocks decided elsewhere; best rewritten
	v1_17_0  version = 1700 // Huffman coding for fewer literals
	v1_17_3  version = 1703 // better, best: indexing
	v1_17_6  version = 1706 // best: repeats are not extended
	v1_17_8  version = 1708 // blocks of one repeated byte
	v1_20_3  version = 2003 // cheaper choice of sequence tables
)

// minHuffman is the number of literals that stay uncompressed.
func (v version) minHuffman() int {
	if v < v1_17_0 {
		return 32
	}
	return 16
}

// savedShift sets the share of the block that matches must save.
func (v version) savedShift() int {
	if v < v1_16_5 {
		return 5
	}
	return 6
}

// skipBeginning is how far behind its beginning a long match may begin.
func (v version) skipBeginning() int32 {
	if v < v1_15_11 {
		return 0
	}
	return 3
}

// fastSearch is how slowly the fastest level skips ahead; before 1.14 it was old.
func (v version) fastSearch(old uint) uint {
	if v < v1_14_4 {
		return old
	}
	return 6
}

// fastMatchlen is matchlen of the fastest level, which before 1.14 counted whole
// words and took the rest of the block, if shorter than that, for no match.
func (e *fastBase) fastMatchlen(s, t int32, src []byte) int32 {
	if e.v < v1_14_4 {
		whole := (len(src) - int(s)) &^ 7
		return int32(matchLen(src[s:int(s)+whole], src[t:]))
	}
	return int32(matchLen(src[s:], src[t:]))
}
