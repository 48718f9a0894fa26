package diff

import (
	"context"
	"fmt"
	"math/bits"
	"sync/atomic"
)

// elsewhere finds bytes that have no counterpart where one was expected,
// anywhere in the space. It is an index made the other way round: what is looked
// for is little, so its anchors are noted first; then the space, which is large,
// streams by, and the lowest address of every anchor is kept. Memory is bounded
// by what is looked for: at most 128 MiB.
//
// Notes may be taken by several goroutines: what comes of them does not depend
// on their order.
type elsewhere struct {
	rate   uint
	shift  uint
	used   int
	hashes []uint64 // of anchors that are looked for; 0 is free
	at     []atomic.Int64
}

const (
	anchorRate       = 5 // one anchor in 1<<anchorRate bytes
	elsewhereMaxSize = 1 << 23
	elsewhereChunk   = 1 << 20
	// maxProbes bounds how many slots are looked at for an anchor: data can be made
	// whose anchors all want the same one. What finds none is not looked for.
	maxProbes = 256
)

// newElsewhere makes room for the anchors of total bytes.
func newElsewhere(total int64) *elsewhere {
	rate := uint(anchorRate)
	for total>>rate > elsewhereMaxSize/2 {
		rate++
	}
	width := bits.Len64(uint64(max(total>>rate*3/2, 1<<8)))
	e := &elsewhere{rate: rate, shift: uint(64 - width)}
	e.hashes = make([]uint64, 1<<width)
	e.at = make([]atomic.Int64, 1<<width)
	return e
}

// slot returns where the hash stands, or the free slot where it would, or -1.
func (e *elsewhere) slot(hash uint64) int {
	i := int(hash * 0x9E3779B97F4A7C15 >> e.shift)
	for range maxProbes {
		if h := e.hashes[i]; h == 0 || h == hash {
			return i
		}
		i = (i + 1) & (len(e.hashes) - 1)
	}
	return -1
}

// want notes what is looked for: an anchor of the target. Anchors come in the
// order of their addresses, and before notes are taken.
func (e *elsewhere) want(a anchor) {
	i := e.slot(a.hash)
	if i < 0 || e.hashes[i] != 0 || a.hash == 0 || e.used > len(e.hashes)/4*3 {
		return
	}
	e.used++
	e.hashes[i] = a.hash
	e.at[i].Store(a.at)
}

// note tells of an anchor somewhere in the space.
func (e *elsewhere) note(a anchor) {
	i := e.slot(a.hash)
	if i < 0 || e.hashes[i] == 0 {
		return
	}
	for at := &e.at[i]; ; {
		if was := at.Load(); was <= a.at || at.CompareAndSwap(was, a.at) {
			return
		}
	}
}

// find returns the lowest address behind the span of an anchor that is looked
// for, or -1.
func (e *elsewhere) find(hash uint64) int64 {
	if i := e.slot(hash); i >= 0 && e.hashes[i] != 0 {
		return e.at[i].Load()
	}
	return -1
}

// scan takes notes of the extents of the space.
func (e *elsewhere) scan(ctx context.Context, s space, extents []Extent, workers int) error {
	var parts []Extent
	for _, x := range extents {
		if x.Off < 0 || x.Len < 0 || x.Len > s.refSize-x.Off {
			return fmt.Errorf("diff: extent of %d bytes at %d", x.Len, x.Off)
		}
		for off := x.Off; off < x.End(); off += elsewhereChunk {
			// Overlap by a span, so that no anchor falls between.
			parts = append(parts, Extent{off, min(elsewhereChunk+anchorSpan-1, x.End()-off)})
		}
	}
	return inParallel(ctx, workers, len(parts), func(next func() (int, bool)) error {
		buf := make([]byte, elsewhereChunk+anchorSpan)
		var list []anchor
		for i, ok := next(); ok; i, ok = next() {
			b := buf[:parts[i].Len]
			if err := readFull(s, b, parts[i].Off); err != nil {
				return err
			}
			list = appendAnchors(list[:0], b, parts[i].Off, e.rate)
			for _, a := range list {
				e.note(a)
			}
		}
		return nil
	})
}
