package predeflate

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/docker-delta/docker-delta/recipe/internal/predeflate/tokens"
)

// sampleTokens is how many tokens the parameters are chosen by.
const sampleTokens = 30000

// sample is the beginning of a stream.
type sample struct {
	blocks  []tokens.Block
	tokens  int
	plain   int64
	maxDist int
	threes  int // matches of length 3
}

func readSample(deflate io.ReaderAt, size int64) (*sample, error) {
	r := tokens.NewReader(bufio.NewReaderSize(io.NewSectionReader(deflate, 0, size), 1<<16))
	s := &sample{}
	for seen := 0; s.tokens < sampleTokens && seen < 1000; seen++ {
		var b tokens.Block
		err := r.Next(&b)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("predeflate: %w", err)
		}
		for range b.Stored {
			if _, err := r.Byte(); err != nil {
				return nil, fmt.Errorf("predeflate: %w", err)
			}
		}
		if b.Kind == tokens.Stored {
			if s.tokens > 0 {
				break // a sample is one run of tokens
			}
			s.plain += int64(b.Stored)
			continue
		}
		b.Tokens = b.Tokens[:min(len(b.Tokens), sampleTokens-s.tokens)]
		for _, t := range b.Tokens {
			s.tokens++
			s.maxDist = max(s.maxDist, t.Dist())
			if _, lit := t.Literal(); !lit && t.Len() == 3 {
				s.threes++
			}
		}
		s.blocks = append(s.blocks, b)
	}
	return s, nil
}

// first is a sample of the first n tokens.
func (s *sample) first(n int) *sample {
	short := &sample{}
	for _, b := range s.blocks {
		b.Tokens = b.Tokens[:min(len(b.Tokens), n-short.tokens)]
		short.blocks = append(short.blocks, b)
		if short.tokens += len(b.Tokens); short.tokens == n {
			break
		}
	}
	return short
}

// Searches are compared on firstTokens, and the best of them, at most finalists,
// on the whole sample.
const (
	firstTokens = 2000
	finalists   = 3
)

// choose tries all searches on a sample and takes the cheapest.
func choose(ctx context.Context, deflate io.ReaderAt, size int64, plain io.ReaderAt, plainSize int64) (params, error) {
	usual := params{search: searches[6], maxDist: windowSize - 262, hashBits: 15, minMatch: 3}
	s, err := readSample(deflate, size)
	if err != nil || s.tokens < 16 {
		return usual, err
	}
	// Stored blocks before the sample are left out.
	rest := io.NewSectionReader(plain, s.plain, plainSize-s.plain)
	list := s.candidates()
	if s.tokens > 2*firstTokens {
		if list, err = cheapest(ctx, s.first(firstTokens), rest, list, finalists); err != nil {
			return usual, err
		}
	}
	list, err = cheapest(ctx, s, rest, list, 1)
	if err != nil || len(list) == 0 {
		return usual, err
	}
	return list[0], nil
}

// cheapest returns the n parameters that code the sample in the fewest bytes,
// the best first.
func cheapest(ctx context.Context, s *sample, plain *io.SectionReader, list []params, n int) ([]params, error) {
	type priced struct {
		params
		cost int
	}
	var best []priced
	for _, p := range list {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		a := newAnalyzer(p, io.NewSectionReader(plain, 0, plain.Size()))
		a.limit = 1 << 30
		if len(best) == n {
			a.limit = int64(best[n-1].cost)
		}
		if err := a.sample(s); err == ErrTooLarge {
			continue
		} else if err != nil {
			return nil, err
		}
		best = append(best, priced{p, len(a.m.coder.data)})
		slices.SortStableFunc(best, func(a, b priced) int { return a.cost - b.cost })
		best = best[:min(len(best), n)]
	}
	list = list[:0:0]
	for _, p := range best {
		list = append(list, p.params)
	}
	return list, nil
}

// What makes the analyzer look for a better search in the middle of a stream.
const (
	switchTokens = 4000 // of a block, by which searches are compared
	firstWait    = 2    // blocks before the first look; doubled after each in vain
	mostWait     = 256
)

// reconsider looks whether another search would do better from block b on, if
// the last blocks cost much, and returns its number in searches.
func (a *analyzer) reconsider(b *tokens.Block) (int, error) {
	m := a.m
	now := slices.Index(searches, m.p.search)
	changed := a.costly && !a.wasCostly
	a.wasCostly = a.costly
	if a.wait--; a.wait > 0 && !changed || !a.costly || len(b.Tokens) < switchTokens/4 {
		return now, nil
	}
	at := m.base + int64(m.pos)
	history := min(at, windowSize)
	part := *b
	part.Tokens = b.Tokens[:min(len(b.Tokens), switchTokens)]
	s := &sample{blocks: []tokens.Block{part}}
	best, cost := now, -1
	for i := range searches {
		i = (i + now) % len(searches) // the present one first: it wins ties
		p := m.p
		p.search = searches[i]
		c := newAnalyzer(p, io.NewSectionReader(a.at, at-history, a.size-(at-history)))
		c.limit = 1 << 30
		if cost >= 0 {
			c.limit = int64(cost)
		}
		for c.m.pos < int(history) {
			if err := c.ensure(); err != nil {
				return now, err
			}
			c.m.storedBytes(1)
		}
		if err := c.sample(s); err == ErrTooLarge {
			continue
		} else if err != nil {
			return now, err
		}
		if n := len(c.m.coder.data); cost < 0 || n < cost {
			best, cost = i, n
		}
	}
	a.gap = min(2*a.gap, mostWait)
	if best != now {
		a.gap = firstWait
	}
	a.wait = a.gap
	return best, nil
}

// sample encodes the tokens of s, and skips matches that reach before it.
func (a *analyzer) sample(s *sample) error {
	for i := range s.blocks {
		for j, t := range s.blocks[i].Tokens {
			if err := a.ensure(); err != nil {
				return err
			}
			if int64(t.Dist()) > a.m.base+int64(a.m.pos) && a.m.end-a.m.pos >= t.Len() {
				a.m.storedBytes(t.Len())
				continue
			}
			if !a.m.fits(t) {
				return errMismatch
			}
			if _, err := a.m.token(t); err != nil {
				return err
			}
			if j&0xff == 0 && int64(len(a.m.coder.data)) > a.limit {
				return ErrTooLarge
			}
		}
	}
	return nil
}

// candidates are the parameters worth trying.
func (s *sample) candidates() []params {
	far := windowSize
	for bits := 9; bits <= 15; bits++ {
		if d := 1<<bits - 262; s.maxDist <= d {
			far = d
			break
		}
	}
	total := 0
	for _, b := range s.blocks {
		for _, t := range b.Tokens {
			total += t.Len()
		}
	}
	if far < windowSize-262 && total < 8*far {
		far = windowSize - 262 // too little was seen
	}
	hashBits := 15
	if n := len(s.blocks[0].Tokens); len(s.blocks) > 1 {
		for mem := 1; mem <= 9; mem++ {
			if n == 1<<(mem+6)-1 {
				hashBits = mem + 7
			}
		}
	}
	var list []params
	for _, i := range []int{6, 9, 1, 5, 4, 8, 7, 2, 3, 10, 11, 12, 13, 0} {
		list = append(list, params{searches[i], far, hashBits, 3})
	}
	if s.threes == 0 {
		for _, i := range []int{12, 13, 1, 5, 6, 9} {
			list = append(list, params{searches[i], max(far, windowSize-262), 16, 4})
		}
	}
	return slices.Clip(list)
}
