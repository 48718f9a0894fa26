package kpflate

// A Class names the versions of klauspost/compress that write the same bytes.
// The values are part of recorded recipes and never change.
type Class uint8

// The classes, from new to old. Neighbours differ at some levels only; see [Canonical].
const (
	V1_20_0  Class = 1  // 1.20.0 to 1.20.3
	V1_18_2  Class = 2  // 1.18.2 to 1.19.2
	V1_18_1  Class = 3  // 1.18.1, which could write broken blocks; see the package tests
	V1_18_0  Class = 4  // 1.18.0
	V1_15_15 Class = 5  // 1.15.15 to 1.17.11
	V1_15_11 Class = 6  // 1.15.11 to 1.15.14
	V1_15_10 Class = 7  // 1.15.10
	V1_15_0  Class = 8  // 1.15.0 to 1.15.9
	V1_14_3  Class = 9  // 1.14.3 and 1.14.4
	V1_14_2  Class = 10 // 1.14.2
	V1_14_0  Class = 11 // 1.14.0 and 1.14.1; levels 7 to 9 are missing
	V1_12_3  Class = 12 // 1.12.3 to 1.13.6
	V1_12_2  Class = 13 // 1.12.2
	V1_11_13 Class = 14 // 1.11.13 to 1.12.1
	V1_10_2  Class = 15 // 1.10.2 to 1.11.12
	Go1_27   Class = 16 // Go 1.27's compress/flate, with a default of level 6
)

var classNames = [...]string{
	V1_20_0:  "1.20.0-1.20.3",
	V1_18_2:  "1.18.2-1.19.2",
	V1_18_1:  "1.18.1",
	V1_18_0:  "1.18.0",
	V1_15_15: "1.15.15-1.17.11",
	V1_15_11: "1.15.11-1.15.14",
	V1_15_10: "1.15.10",
	V1_15_0:  "1.15.0-1.15.9",
	V1_14_3:  "1.14.3-1.14.4",
	V1_14_2:  "1.14.2",
	V1_14_0:  "1.14.0-1.14.1",
	V1_12_3:  "1.12.3-1.13.6",
	V1_12_2:  "1.12.2",
	V1_11_13: "1.11.13-1.12.1",
	V1_10_2:  "1.10.2-1.11.12",
	Go1_27:   "Go 1.27",
}

// String returns the range of versions, such as "1.15.0-1.15.9".
func (c Class) String() string {
	if c.valid() {
		return classNames[c]
	}
	return "unknown"
}

func (c Class) valid() bool { return c != 0 && int(c) < len(classNames) }

// Classes returns all classes, those seen most often first: by default podman, buildah and
// skopeo wrote with 1.15.15 to 1.17.11 for more than two years.
func Classes() []Class {
	return []Class{
		V1_15_15, V1_20_0, V1_18_2, Go1_27, V1_18_0, V1_15_0, V1_14_3, V1_15_11, V1_15_10, V1_18_1,
		V1_12_3, V1_14_2, V1_14_0, V1_11_13, V1_10_2, V1_12_2,
	}
}

// gainRule is how levels 7 to 9 judge a match.
type gainRule uint8

const (
	byLength    gainRule = iota // the longest; four bytes only within tooFar
	byBits6                     // level 9 by bits saved, with a cost of 6
	byBits3                     // level 9 by bits saved, with a cost of 3 and a least gain of 4
	unsupported                 // by entropy of the window, in floating point of the platform
)

// rules are the choices that changed between versions.
type rules struct {
	// Levels 1 to 3 hash five bytes, else four.
	hash5 bool
	// Level 3 has a bigger table and checks the newest candidate after a match.
	level3 bool
	// Level 4 measures the match of the next byte at the wrong place.
	wrongPlace bool
	// Levels 5 and 6 look for a better match at the end of one (endMatch), which
	// may differ in its first bytes (endSkip).
	endMatch bool
	endSkip  int
	// Matches longer than 258 are cut at 258 bytes, else at 255.
	cut258 bool

	// Penalties for a new table: it must be better by 1/2^n.
	penaltyHuff, penaltyFast, penaltyLazy uint
	// Every symbol gets a code in dynamic blocks that more may follow, so that
	// their codes always fit the next block.
	filled bool
	// The header of such a block describes all symbols.
	allSymbols bool
	// The end of block counts when sizes are compared.
	countEnd bool
	// The end of block counts in the entropy of a block.
	totalEnd bool
	// Blocks of fewer tokens than this are tried with the fixed codes.
	fixedBelow int
	// estimateMin and estimateMax bound the estimated bits per symbol.
	estimateMin, estimateMax float32
	// Blocks without matches: a quick check for random bytes (quickStore), and the size
	// from real codes (exactHuff), or from the entropy, in its older form without fillLate.
	quickStore, exactHuff, fillLate bool
	huffBlock                       int // bytes in a block at level -2

	// Levels 7 to 9.
	searches   [3]search
	gain       gainRule
	bigEndian  bool // order of bytes in the hash
	lazyEnd    int  // the check at the end of a match: none (0), first form (1), second (2)
	oldSkip    bool // skip earlier in long runs without matches
	lazyTokens int  // in a block
	lazyFirst  bool // literal costs come from the first lazyTokens bytes of the window
	minCost    bool // a literal costs one bit at least
	dictStart  bool // a dictionary is no part of the first block
}

// search says how hard one of the levels 7 to 9 looks for matches.
type search struct{ lazy, nice, chain int }

var (
	searches14 = [3]search{{12, 16, 24}, {30, 40, 64}, {258, 258, 1024}}
	searches10 = [3]search{{8, 24, 16}, {16, 24, 64}, {258, 258, 4096}}
)

const noLimit = 1 << 30

// classRules derives the rules of each class from those of the class after it.
var classRules = func() (all [len(classNames)]rules) {
	r := rules{
		hash5: true, level3: true, wrongPlace: true, endMatch: true, endSkip: 2, cut258: true,
		penaltyHuff: 10, penaltyFast: 7, penaltyLazy: 8,
		countEnd: true, totalEnd: true, fixedBelow: 250, estimateMin: 1, estimateMax: 15,
		quickStore: true, exactHuff: true, fillLate: true, huffBlock: 32 << 10,
		searches: searches14, gain: byBits3, lazyEnd: 2, lazyTokens: 1 << 15, lazyFirst: true,
		dictStart: true,
	}
	all[V1_20_0] = r
	r.dictStart = false
	all[V1_18_2] = r
	all[Go1_27] = r
	all[Go1_27].minCost = true
	r.countEnd, r.lazyFirst = false, false
	all[V1_18_1] = r
	r.allSymbols = true
	all[V1_18_0] = r
	r.wrongPlace = false
	all[V1_15_15] = r
	r.gain, r.lazyEnd = byBits6, 1
	all[V1_15_11] = r
	r.hash5 = false
	all[V1_15_10] = r
	r.endSkip = 0
	all[V1_15_0] = r
	r.cut258 = false
	all[V1_14_3] = r
	r.level3, r.quickStore, r.fixedBelow = false, false, noLimit
	all[V1_14_2] = r
	r.totalEnd, r.gain = false, unsupported
	all[V1_14_0] = r
	r.penaltyFast, r.penaltyLazy, r.filled = 8, 10, true
	r.searches, r.gain, r.bigEndian, r.lazyEnd, r.oldSkip, r.lazyTokens = searches10, byLength, true, 0, true, 1<<14
	all[V1_12_3] = r
	r.penaltyHuff, r.exactHuff = 8, false
	r.estimateMin, r.estimateMax = -noLimit, noLimit
	all[V1_12_2] = r
	r.endMatch = false
	all[V1_11_13] = r
	r.penaltyHuff, r.penaltyFast, r.fillLate, r.huffBlock = 4, 6, false, maxStored
	all[V1_10_2] = r
	return all
}()
