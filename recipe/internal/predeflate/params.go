package predeflate

import (
	"errors"
	"fmt"
)

// params choose how tokens are predicted.
type params struct {
	search   search
	maxDist  int // farthest match looked for
	hashBits int // of zlib's hash; what shares a bucket counts against the chain
	minMatch int // 3 or 4: shortest match looked for
}

// search is a row of the table of searches.
type search struct {
	good, lazy, nice, chain int
	fast                    bool // no lazy evaluation
	skip                    int  // fast: matches longer than this are not hashed inside
	filtered                bool // zlib's Z_FILTERED
}

// The first ten are zlib's levels. The order is part of the format.
var searches = []search{
	{}, // no matches (zlib's Z_HUFFMAN_ONLY)
	{4, 0, 8, 4, true, 4, false},
	{4, 0, 16, 8, true, 5, false},
	{4, 0, 32, 32, true, 6, false},
	{4, 4, 16, 16, false, 0, false},
	{8, 16, 32, 32, false, 0, false},
	{8, 16, 128, 128, false, 0, false},
	{8, 32, 128, 256, false, 0, false},
	{32, 128, 258, 1024, false, 0, false},
	{32, 258, 258, 4096, false, 0, false},
	{8, 16, 128, 128, false, 0, true},
	{32, 258, 258, 4096, false, 0, true},
	{4, 0, 258, 1, true, 258, false},   // the nearest match, as fast encoders take it
	{4, 0, 258, 600, true, 258, false}, // the longest match
}

var errParams = errors.New("predeflate: bad parameters in corrections")

const paramsSize = 5

func (p params) encode() []byte {
	for i, s := range searches {
		if s == p.search {
			return []byte{1, byte(i), byte((p.maxDist - 1) >> 8), byte(p.maxDist - 1), byte(p.hashBits<<3 | p.minMatch)}
		}
	}
	panic("predeflate: search is not in the table")
}

func decodeParams(b []byte) (p params, rest []byte, err error) {
	if len(b) < paramsSize {
		return p, nil, fmt.Errorf("%w: too short", errParams)
	}
	if b[0] != 1 {
		return p, nil, fmt.Errorf("%w: version %d", errParams, b[0])
	}
	if int(b[1]) >= len(searches) {
		return p, nil, fmt.Errorf("%w: search %d", errParams, b[1])
	}
	p.search = searches[b[1]]
	p.maxDist = int(b[2])<<8 + int(b[3]) + 1
	p.hashBits, p.minMatch = int(b[4]>>3), int(b[4]&7)
	if p.maxDist > windowSize || p.hashBits < 8 || p.hashBits > 16 || p.minMatch < 3 || p.minMatch > 4 {
		return p, nil, errParams
	}
	return p, b[paramsSize:], nil
}
