package predeflate

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"github.com/docker-delta/docker-delta/recipe/internal/predeflate/tokens"
)

// Mixing sets and the first contexts of each kind of decision.
const (
	setMatch    = 0  // and 1 to 3
	setSameLen  = 4  // and 5
	setLen      = 6  // tree
	setSameDist = 7  // and 8
	setHops     = 9  // number: two sets
	setHops2    = 11 // number: two sets
	setKind     = 13
	setCount    = 14 // and 15, 16
	setStored   = 17 // and 18 to 20
	setHeader   = 21 // and on to 50: see header.go
	setLast     = 51 // and 52, 53
	setSearch   = 54 // and 55
)

// A stream may have maxEmpty blocks without plain bytes, and emptyPerBlock more
// for each block that has some. It bounds what a few hostile bytes can make.
const (
	maxEmpty      = 1 << 12
	emptyPerBlock = 8
)

var (
	errMismatch    = errors.New("predeflate: the stream does not inflate to these bytes")
	errCorrections = errors.New("predeflate: corrections do not fit the plain bytes")
)

// model codes tokens, blocks and headers.
type model struct {
	*coder
	predictor
	header header

	hist    uint32 // whether the last tokens were as predicted
	kinds   uint32 // whether the last tokens were matches
	sameLen uint32 // whether the last matches were as long as could be
	literal byte   // the last plain byte

	lastKind   int
	lastCount  int
	lastStored int
	empty      int // blocks without plain bytes, less those allowed for others
}

func newModel(c *coder, p params) *model {
	return &model{coder: c, predictor: predictor{window: newWindow(p)}}
}

// bucket groups lengths.
func bucket(n int) uint32 {
	if n <= 8 {
		return uint32(n)
	}
	return min(2*uint32(bits.Len(uint(n)))+uint32(n>>(bits.Len(uint(n))-2)&1), 31)
}

// token codes the token at the current position, and moves over it.
func (m *model) token(t tokens.Token) (tokens.Token, error) {
	rest := m.end - m.pos
	if rest == 0 {
		return 0, errCorrections
	}
	r := m.predict()
	want := uint32(0)
	if r.isMatch {
		want = 1
	}
	if r.looked {
		want |= 2
	}
	lb, db := bucket(r.m.length), uint32(bits.Len(uint(r.m.dist)))
	ctx := contexts{
		want | lb<<2 | m.hist&0xff<<7,
		want | uint32(r.m.length)<<2 | db<<11,
		want | uint32(min(r.next.length, 63))<<2 | uint32(min(r.m.length, 63))<<8 | uint32(bits.Len(uint(r.next.dist)))<<14,
		want | m.kinds&0xff<<2 | lb<<10 | db>>2<<15,
		want | lb<<2 | uint32(m.buf[m.pos])<<7 | uint32(m.literal)<<15,
	}
	isMatch := 0
	if _, lit := t.Literal(); !lit {
		isMatch = 1
	}
	if rest < 3 {
		isMatch = 0
	} else {
		isMatch = m.bit(setMatch+int(want), &ctx, isMatch)
	}
	if isMatch != 0 {
		var err error
		if t, err = m.match(&r, t, rest); err != nil {
			return 0, err
		}
	} else {
		t = tokens.Token(m.buf[m.pos])
	}
	n := t.Len()
	exact := uint32(0)
	if r.isMatch == (isMatch != 0) && (isMatch == 0 || r.m == match{n, t.Dist()}) {
		exact = 1
	}
	m.hist = m.hist<<1 | exact
	m.kinds = m.kinds<<1 | uint32(isMatch)
	m.advance(&r, isMatch != 0, n)
	m.literal = m.buf[m.pos-1]
	return t, nil
}

// match codes a match, of at most rest bytes.
func (m *model) match(r *prediction, t tokens.Token, rest int) (tokens.Token, error) {
	length, dist := t.Len(), t.Dist()
	lb, db := bucket(r.m.length), uint32(bits.Len(uint(r.m.dist)))
	same := false
	if r.m.length > 0 {
		want := uint32(0)
		if r.isMatch {
			want = 1
		}
		same = m.flag(setSameLen+int(want), length == r.m.length,
			lb|m.hist&0xf<<5, uint32(r.m.length)|db<<9, lb|m.sameLen&0xff<<5, uint32(r.next.length)|lb<<9, uint32(m.literal)|m.sameLen&3<<8)
		bit := uint32(0)
		if same {
			length = r.m.length
			bit = 1
		}
		m.sameLen = m.sameLen<<1 | bit
	}
	if !same {
		length = 3 + m.tree(setLen, lb|1<<5, 8, length-3)
	}
	if length > rest {
		return 0, errCorrections
	}
	if same {
		if m.flag(setSameDist, dist == r.m.dist, lb, db|m.hist&7<<5, uint32(r.m.length)) {
			return tokens.Match(length, r.m.dist), nil
		}
	}
	set := setHops
	if same {
		set = setHops2
	}
	h := -1
	if !m.decode {
		h = m.hops(length, dist, 0)
	}
	if h = m.number(set, bucket(length)|lb<<5, h+1) - 1; h < 0 {
		dist = 1 + m.raw(15, dist-1)
	} else if m.decode {
		dist = 0
		if h <= maxHops {
			dist = m.hops(length, 0, h)
		}
	}
	if dist == 0 || int64(dist) > m.base+int64(m.pos) || m.equal(m.pos-dist, m.pos, length) < length {
		return 0, errCorrections
	}
	return tokens.Match(length, dist), nil
}

// begin codes what is known of a block before its tokens: its kind, the
// number of its tokens or bytes, and which of the searches predicts them.
func (m *model) begin(b *tokens.Block, search int) (n int, err error) {
	now := slices.Index(searches, m.p.search)
	if m.flag(setSearch, search != now) {
		if search = m.tree(setSearch+1, 0, 4, search); search >= len(searches) {
			return 0, errCorrections
		}
		m.p.search = searches[search]
		m.haveCarry = false
	}
	b.Kind = m.tree(setKind, uint32(m.lastKind), 2, b.Kind)
	if b.Kind > tokens.Dynamic {
		return 0, errCorrections
	}
	k := uint32(b.Kind)
	if b.Kind == tokens.Stored {
		if m.flag(setStored, b.Pad != 0) {
			b.Pad = uint8(m.raw(7, int(b.Pad)))
		} else {
			b.Pad = 0
		}
		if m.flag(setStored+1, b.Stored == m.lastStored, uint32(m.lastKind)) {
			b.Stored = m.lastStored
		} else {
			b.Stored = m.number(setStored+2, 0, b.Stored)
		}
		if b.Stored > 65535 {
			return 0, errCorrections
		}
		m.lastStored = b.Stored
		n = b.Stored
	} else {
		n = len(b.Tokens)
		if m.flag(setCount, n == m.lastCount, uint32(m.lastKind)|k<<2) {
			n = m.lastCount
		} else if n = m.number(setCount+1, k, n); n > tokens.MaxTokens {
			return 0, errCorrections
		}
		m.lastCount = n
	}
	m.lastKind = b.Kind
	if n > 0 {
		m.empty -= emptyPerBlock
	} else if m.empty++; m.empty > maxEmpty {
		return 0, errors.New("predeflate: too many empty blocks")
	}
	return n, nil
}

// end codes what is left of a block after its tokens.
func (m *model) finishBlock(b *tokens.Block) error {
	if b.Kind == tokens.Dynamic {
		if err := m.header.code(m.coder, b); err != nil {
			return err
		}
	}
	atEnd := uint32(0)
	if m.pos == m.end {
		atEnd = 1
	}
	b.Last = m.flag(setLast, b.Last, atEnd, atEnd|uint32(b.Kind)<<1)
	if m.exhausted() {
		return fmt.Errorf("%w: they end early", errCorrections)
	}
	return nil
}

// storedBytes moves over n bytes of a stored block, all of which are in the
// window.
func (m *model) storedBytes(n int) {
	m.haveCarry = false
	if !m.p.search.none() {
		m.add(m.pos + n)
	}
	m.pos += n
}
