package predeflate

import (
	"slices"

	"github.com/docker-delta/docker-delta/recipe/internal/predeflate/tokens"
	"github.com/docker-delta/docker-delta/recipe/internal/zlibenc/trees"
)

// header predicts and codes the Huffman codes of dynamic blocks.
type header struct {
	builder  trees.Builder
	lit      [288]uint32
	dist     [32]uint32
	codeLen  [trees.NumCodeLen]uint32
	want     [320]uint8
	lastRule uint32
	lastRuns uint32
	ops      []uint16
}

// Rules of building code lengths, tried in this order.
const (
	ruleZlib = iota
	ruleSorted
	numRules
)

// lengths predicts code lengths by a rule.
func (h *header) lengths(rule int, freq []uint32, lens []uint8, maxBits int) {
	h.builder.Lengths(freq, lens, maxBits)
	if rule == ruleZlib {
		return
	}
	// The same lengths, but handed out in the order of the counts, and of
	// symbols where counts are equal (Go's compress/flate, libdeflate).
	var order []int
	var sorted []uint8
	for i, f := range freq {
		if f > 0 {
			order = append(order, i)
			sorted = append(sorted, lens[i])
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(int64(freq[a]) - int64(freq[b])) })
	slices.SortFunc(sorted, func(a, b uint8) int { return int(b) - int(a) })
	for i, s := range order {
		lens[s] = sorted[i]
	}
}

func (h *header) count(ts []tokens.Token) {
	h.lit = [288]uint32{trees.EndOfBlock: 1}
	h.dist = [32]uint32{}
	for _, t := range ts {
		if c, ok := t.Literal(); ok {
			h.lit[c]++
		} else {
			h.lit[257+int(trees.LengthCode[t.Len()-3])]++
			h.dist[trees.DistCode(uint32(t.Dist()-1))]++
		}
	}
}

// used is the number of lengths up to the last that is not zero.
func used(lens []uint8, least int) int {
	n := len(lens)
	for n > least && lens[n-1] == 0 {
		n--
	}
	return n
}

// code codes the header of a dynamic block of which the tokens are known.
func (h *header) code(c *coder, b *tokens.Block) error {
	h.count(b.Tokens)
	const litMax, distMax = trees.NumLit, trees.NumDist
	// Choose the rule that is wrong least.
	rule := 0
	if !c.decode {
		best := -1
		for r := range numRules {
			n := h.predict(r)
			wrong := 0
			for i := range b.Lens[:b.NumLit] {
				if b.Lens[i] != h.want[i] {
					wrong++
				}
			}
			for i, l := range b.Lens[b.NumLit:] {
				if l != h.want[n+i] {
					wrong++
				}
			}
			if best < 0 || wrong < best {
				best, rule = wrong, r
			}
		}
	}
	rule = c.tree(setHeader, h.lastRule, 1, rule)
	h.lastRule = uint32(rule)
	h.predict(rule)

	n := used(h.want[:litMax], 257)
	if c.flag(setHeader+1, b.NumLit == n, h.lastRule) {
		b.NumLit = n
	} else {
		b.NumLit = 257 + c.tree(setHeader+2, 1, 5, b.NumLit-257)
	}
	n = used(h.want[litMax:litMax+distMax], 1)
	if c.flag(setHeader+3, b.NumDist == n, h.lastRule) {
		b.NumDist = n
	} else {
		b.NumDist = 1 + c.tree(setHeader+2, 2, 5, b.NumDist-1)
	}
	if b.NumLit > trees.NumLit {
		return errCorrections
	}
	if c.decode {
		b.Lens = slices.Grow(b.Lens[:0], 320)[:b.NumLit+b.NumDist]
	}
	h.codeLens(c, b.Lens[:b.NumLit], h.want[:], h.lit[:], setHeader+4)
	h.codeLens(c, b.Lens[b.NumLit:], h.want[litMax:], h.dist[:], setHeader+8)
	if overfull(b.Lens[:b.NumLit]) || overfull(b.Lens[b.NumLit:]) {
		return errCorrections
	}
	if err := h.codeOps(c, b); err != nil {
		return err
	}
	return h.codeCodeLens(c, b)
}

// predict fills want: the literal code lengths, then those of distances. It
// returns where those begin.
func (h *header) predict(rule int) int {
	clear(h.want[:])
	h.lengths(rule, h.lit[:trees.NumLit], h.want[:trees.NumLit], trees.MaxBits)
	h.lengths(rule, h.dist[:trees.NumDist], h.want[trees.NumLit:trees.NumLit+trees.NumDist], trees.MaxBits)
	return trees.NumLit
}

// overfull reports lengths that no prefix code has.
func overfull(lens []uint8) bool {
	sum := 0
	for _, l := range lens {
		if l > 0 {
			sum += 1 << (trees.MaxBits - l)
		}
	}
	return sum > 1<<trees.MaxBits
}

// codeLens codes lens, each at most 15, which are predicted by want.
func (h *header) codeLens(c *coder, lens, want []uint8, freq []uint32, set int) {
	exact := true
	for i := range lens {
		exact = exact && lens[i] == want[i]
	}
	if exact = c.flag(set, exact, h.lastRule); exact {
		copy(lens, want)
		return
	}
	miss, prev := uint32(0), uint32(0)
	for i := range lens {
		w := uint32(want[i])
		f := min(freq[i], 3)
		diff := uint32(prev)
		if c.flag(set+1, lens[i] == want[i], w|f<<4, w|f<<4|miss&7<<6, f|miss&15<<2, diff|w<<8|f<<13) {
			lens[i] = want[i]
			miss <<= 1
			prev = 0
			continue
		}
		lens[i] = uint8(c.tree(set+2, w|f<<4, 4, int(lens[i])))
		prev = 1 + uint32(lens[i]-want[i]+16)&31
		miss = miss<<1 | 1
	}
}

// Ways of cutting code lengths into runs.
const (
	runsApart  = iota // literal and distance lengths on their own (zlib)
	runsAcross        // as one sequence (Go, libdeflate)
)

// greedy is the run that an encoder takes at the front of lens.
func greedy(lens []uint8, prev int) uint16 {
	l := lens[0]
	n := 1
	for n < len(lens) && lens[n] == l && n < 139 {
		n++
	}
	switch {
	case l == 0 && n >= 11:
		return 18 | uint16(min(n, 138)-11)<<5
	case l == 0 && n >= 3:
		return 17 | uint16(n-3)<<5
	case l != 0 && int(l) == prev && n >= 3:
		return 16 | uint16(min(n, 6)-3)<<5
	}
	return uint16(l)
}

// codeOps codes how the code lengths are cut into runs.
func (h *header) codeOps(c *coder, b *tokens.Block) error {
	runs := runsApart
	if !c.decode {
		best := -1
		for r := range 2 {
			wrong := 0
			for i, at := 0, 0; i < len(b.Ops); i++ {
				if b.Ops[i] != predictOp(b, r, at) {
					wrong++
				}
				at += span(b.Ops[i])
			}
			if best < 0 || wrong < best {
				best, runs = wrong, r
			}
		}
	}
	runs = c.tree(setHeader+12, h.lastRuns, 1, runs)
	h.lastRuns = uint32(runs)
	h.ops = h.ops[:0]
	miss := uint32(0)
	for at := 0; at < len(b.Lens); {
		want := predictOp(b, runs, at)
		op := want
		if !c.decode {
			op = b.Ops[len(h.ops)]
		}
		ws := uint32(want & 31)
		if c.flag(setHeader+13, op == want, ws, uint32(want), miss&15|ws<<4) {
			op = want
			miss <<= 1
		} else {
			miss = miss<<1 | 1
			s := c.tree(setHeader+14, ws, 5, int(op&31))
			if s >= trees.NumCodeLen {
				return errCorrections
			}
			extra := c.tree(setHeader+15, uint32(s)|ws<<5, uint(trees.CodeLenExtra(uint16(s))), int(op>>5))
			op = uint16(s | extra<<5)
		}
		// A run must say what the lengths are.
		n := span(op)
		if at+n > len(b.Lens) || op&31 == 16 && at == 0 {
			return errCorrections
		}
		l := uint8(op & 31)
		if l == 16 {
			l = b.Lens[at-1]
		} else if l > 16 {
			l = 0
		}
		for _, x := range b.Lens[at : at+n] {
			if x != l {
				return errCorrections
			}
		}
		at += n
		h.ops = append(h.ops, op)
	}
	if c.decode {
		b.Ops = append(b.Ops[:0], h.ops...)
	}
	return nil
}

// predictOp is the run expected at position at.
func predictOp(b *tokens.Block, runs, at int) uint16 {
	prev := -1
	end := len(b.Lens)
	if runs == runsApart && at < b.NumLit {
		end = b.NumLit
	}
	if at > 0 && !(runs == runsApart && at == b.NumLit) {
		prev = int(b.Lens[at-1])
	}
	return greedy(b.Lens[at:end], prev)
}

// span is the number of code lengths that op stands for.
func span(op uint16) int {
	switch op & 31 {
	case 16, 17:
		return 3 + int(op>>5)
	case 18:
		return 11 + int(op>>5)
	}
	return 1
}

// codeCodeLens codes the lengths of the code that code lengths are sent in.
func (h *header) codeCodeLens(c *coder, b *tokens.Block) error {
	h.codeLen = [trees.NumCodeLen]uint32{}
	for _, op := range b.Ops {
		h.codeLen[op&31]++
	}
	rule := ruleZlib
	var want [trees.NumCodeLen]uint8
	if !c.decode {
		h.lengths(ruleSorted, h.codeLen[:], want[:], trees.MaxCodeLenBits)
		if want == b.CodeLens {
			rule = ruleSorted
		}
		h.lengths(ruleZlib, h.codeLen[:], want[:], trees.MaxCodeLenBits)
		if want == b.CodeLens {
			rule = ruleZlib
		}
	}
	rule = c.tree(setHeader+16, h.lastRule, 1, rule)
	h.lengths(rule, h.codeLen[:], want[:], trees.MaxCodeLenBits)
	h.codeLens(c, b.CodeLens[:], want[:], h.codeLen[:], setHeader+17)
	for _, l := range b.CodeLens {
		if l > trees.MaxCodeLenBits {
			return errCorrections
		}
	}
	if overfull(b.CodeLens[:]) {
		return errCorrections
	}
	n := trees.NumCodeLen
	for n > 4 && b.CodeLens[trees.Order[n-1]] == 0 {
		n--
	}
	if c.flag(setHeader+21, b.NumCodeLen == n) {
		b.NumCodeLen = n
	} else {
		b.NumCodeLen = 4 + c.tree(setHeader+22, 0, 4, b.NumCodeLen-4)
	}
	if b.NumCodeLen < n || b.NumCodeLen > trees.NumCodeLen {
		return errCorrections
	}
	return nil
}
