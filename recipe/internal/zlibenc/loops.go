package zlibenc

// flush says what to do when the input given so far is used up.
type flush uint8

const (
	noFlush    flush = iota // wait for more
	blockFlush              // end the block (zlib's Z_BLOCK)
	finish                  // end the stream
)

// run codes what is in the window. With noFlush it stops when the lookahead gets
// short; otherwise it codes everything and ends the block.
func (e *encoder) run(f flush) {
	switch {
	case e.strategy == HuffmanOnly:
		e.huffmanOnly(f)
	case e.strategy == RLE:
		e.runLength(f)
	case e.level <= 3:
		e.fast(f)
	default:
		e.lazyMatch(f)
	}
	if f == noFlush {
		return
	}
	if e.literalWait {
		e.tally(uint32(e.window[e.strStart-1]))
		e.literalWait = false
	}
	e.insert = min(e.strStart, minMatch-1)
	if e.strategy == HuffmanOnly || e.strategy == RLE {
		e.insert = 0
	}
	if f == finish {
		e.endBlock(true)
	} else if e.block.n > 0 {
		e.endBlock(false)
	}
}

// usable reports whether the string at position p may be matched from strStart.
func (e *encoder) usable(p int) bool {
	return p != 0 && e.strStart-p <= e.maxDist && !(e.gzipGuard && e.strStart > 2*e.winSize-minLookahead)
}

// fast takes each match as it comes: levels 1 to 3.
func (e *encoder) fast(f flush) {
	for e.more(f) {
		p := 0
		if e.lookahead >= minMatch {
			p = e.insertString(e.strStart)
		}
		n := 0
		if e.usable(p) {
			n = e.longest(p, minMatch-1)
		}
		var end bool
		if n >= minMatch {
			end = e.tally(uint32(e.strStart-e.matchStart)<<symDist | uint32(n-minMatch))
			e.lookahead -= n
			if n <= e.lazy && e.lookahead >= minMatch {
				e.insertRange(e.strStart+1, e.strStart+n)
			}
			e.strStart += n
		} else {
			end = e.tally(uint32(e.window[e.strStart]))
			e.lookahead--
			e.strStart++
		}
		if end {
			e.endBlock(false)
		}
	}
}

// lazyMatch takes a match only if the next position has no longer one.
func (e *encoder) lazyMatch(f flush) {
	for e.more(f) {
		p := 0
		if e.lookahead >= minMatch {
			p = e.insertString(e.strStart)
		}
		last, lastStart := e.matchLen, e.matchStart
		e.matchLen = minMatch - 1
		if last < e.lazy && e.usable(p) {
			n := e.longest(p, last)
			if n <= 5 && (e.strategy == Filtered || n == minMatch && e.strStart-e.matchStart > tooFar) {
				n = minMatch - 1
			}
			e.matchLen = n
		}
		switch {
		case last >= minMatch && e.matchLen <= last:
			end := e.tally(uint32(e.strStart-1-lastStart)<<symDist | uint32(last-minMatch))
			stop := min(e.strStart+last-1, e.strStart+e.lookahead-minMatch+1)
			e.insertRange(e.strStart+1, stop)
			e.lookahead -= last - 1
			e.strStart += last - 1
			e.literalWait = false
			e.matchLen = minMatch - 1
			if end {
				e.endBlock(false)
			}
		case e.literalWait:
			if e.tally(uint32(e.window[e.strStart-1])) {
				e.endBlock(false)
			}
			e.strStart++
			e.lookahead--
		default:
			e.literalWait = true
			e.strStart++
			e.lookahead--
		}
	}
}

// huffmanOnly looks for no matches.
func (e *encoder) huffmanOnly(f flush) {
	for e.lookahead > 0 || e.more(f) && e.lookahead > 0 {
		end := e.tally(uint32(e.window[e.strStart]))
		e.lookahead--
		e.strStart++
		if end {
			e.endBlock(false)
		}
	}
}

// runLength looks only for matches at distance one.
func (e *encoder) runLength(f flush) {
	for e.more(f) {
		n := 0
		if e.lookahead >= minMatch && e.strStart > 0 {
			n = min(matchLen(e.window, e.strStart, e.strStart-1), e.lookahead)
		}
		var end bool
		if n >= minMatch {
			end = e.tally(1<<symDist | uint32(n-minMatch))
			e.lookahead -= n
			e.strStart += n
		} else {
			end = e.tally(uint32(e.window[e.strStart]))
			e.lookahead--
			e.strStart++
		}
		if end {
			e.endBlock(false)
		}
	}
}
