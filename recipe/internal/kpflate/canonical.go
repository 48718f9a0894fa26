package kpflate

// Supports says whether NewWriter knows the class and the level.
func Supports(c Class, level int) bool {
	return c.valid() && level >= HuffmanOnly && level <= BestCompression &&
		(level < 7 || classRules[c].gain != unsupported)
}

// Canonical returns the class that stands for c at a level: the first in [Classes] that
// writes the same. Some classes differ in their use of a dictionary alone, which counts only
// with pgzip. It is c if the level is not supported.
func Canonical(c Class, level int, pgzip bool) Class {
	if !Supports(c, level) {
		return c
	}
	level = c.level(level)
	for _, other := range Classes() {
		if Supports(other, level) && classRules[other].at(level, pgzip) == classRules[c].at(level, pgzip) {
			return other
		}
	}
	return c
}

// at returns the rules that matter at a level.
func (r rules) at(level int, pgzip bool) rules {
	use := rules{}
	if level == NoCompression {
		return use
	}
	literals := func() {
		use.quickStore, use.exactHuff, use.fillLate = r.quickStore, r.exactHuff, r.fillLate
	}
	dynamic := func() {
		use.filled, use.allSymbols, use.countEnd, use.totalEnd = r.filled, r.allSymbols, r.countEnd, r.totalEnd
		use.fixedBelow, use.estimateMin, use.estimateMax = r.fixedBelow, r.estimateMin, r.estimateMax
	}
	if level == HuffmanOnly {
		literals()
		use.penaltyHuff, use.huffBlock = r.penaltyHuff, r.huffBlock
		return use
	}
	if level <= 6 {
		literals()
		dynamic()
		use.penaltyFast, use.cut258 = r.penaltyFast, r.cut258
		switch level {
		case 3:
			use.level3 = r.level3
			fallthrough
		case 1, 2:
			use.hash5 = r.hash5
		case 4:
			use.wrongPlace = r.wrongPlace
		default:
			use.endMatch, use.endSkip = r.endMatch, r.endSkip
		}
		return use
	}

	if r.filled { // these levels had blocks of another kind
		use.filled = true
	} else {
		dynamic()
		use.penaltyLazy = r.penaltyLazy
	}
	use.searches[level-7] = r.searches[level-7]
	use.bigEndian, use.lazyEnd, use.oldSkip, use.lazyTokens = r.bigEndian, r.lazyEnd, r.oldSkip, r.lazyTokens
	if use.gain = r.gain; level < 9 && r.gain == byBits6 {
		use.gain = byBits3 // only level 9 counts bits
	}
	if level == 9 {
		use.lazyFirst, use.minCost = r.lazyFirst, r.minCost
	}
	use.dictStart = pgzip && r.dictStart
	return use
}
