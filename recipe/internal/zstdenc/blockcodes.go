// Copyright 2019+ Klaus Post. All rights reserved.
// License information can be found in the LICENSE file.
// Based on work by Yann Collet, released under BSD License.

package zstdenc

import (
	"errors"
	"math"
	"slices"
)

// chooseComp chooses the cheapest of the new, predefined and previous table.
func (b *blockEnc) chooseComp(cur, prev, preDef *fseEncoder) (*fseEncoder, seqCompMode) {
	hist := cur.count[:cur.symbolLen]
	nSize := cur.approxSize(hist) + cur.maxHeaderSize()
	predefSize := preDef.approxSize(hist)
	prevSize := prev.approxSize(hist)

	// Add a small penalty for new encoders.
	// Don't bother with extremely small (<2 byte gains).
	nSize = nSize + (nSize+2*8*16)>>4
	// The previous table may come from a dictionary and fit poorly,
	// so it is compared against the exact header size, without penalty.
	nSizePrev := nSize
	if b.v >= v1_20_3 {
		if prevSize != math.MaxUint32 {
			// Written to spare capacity; the real header goes there later.
			if hdr, err := cur.writeCount(b.output[len(b.output):]); err == nil {
				nSizePrev = cur.approxSize(hist) + uint32(len(hdr))*8
			}
		}
		// Each stream ends with a flush of tableLog bits.
		nSize += uint32(cur.actualTableLog)
		nSizePrev += uint32(cur.actualTableLog)
		if predefSize != math.MaxUint32 {
			predefSize += uint32(preDef.actualTableLog)
		}
		if prevSize != math.MaxUint32 {
			prevSize += uint32(prev.actualTableLog)
		}
	}
	switch {
	case predefSize <= prevSize && predefSize <= nSize:
		return preDef, compModePredefined
	case prevSize <= nSizePrev:
		return prev, compModeRepeat
	default:
		return cur, compModeFSE
	}
}

var errIncompressible = errors.New("incompressible")

func (b *blockEnc) genCodes() {
	if len(b.sequences) == 0 {
		// nothing to do
		return
	}
	if len(b.sequences) > math.MaxUint16 {
		panic("can only encode up to 64K sequences")
	}
	// No bounds checks after here:
	llH := b.coders.llEnc.Histogram()
	ofH := b.coders.ofEnc.Histogram()
	mlH := b.coders.mlEnc.Histogram()
	for i := range llH {
		llH[i] = 0
	}
	for i := range ofH {
		ofH[i] = 0
	}
	for i := range mlH {
		mlH[i] = 0
	}

	var llMax, ofMax, mlMax uint8
	for i := range b.sequences {
		seq := &b.sequences[i]
		v := llCode(seq.litLen)
		seq.llCode = v
		llH[v]++
		if v > llMax {
			llMax = v
		}

		v = ofCode(seq.offset)
		seq.ofCode = v
		ofH[v]++
		if v > ofMax {
			ofMax = v
		}

		v = mlCode(seq.matchLen)
		seq.mlCode = v
		mlH[v]++
		if v > mlMax {
			mlMax = v
		}
	}

	b.coders.mlEnc.HistogramFinished(mlMax, int(slices.Max(mlH[:mlMax+1])))
	b.coders.ofEnc.HistogramFinished(ofMax, int(slices.Max(ofH[:ofMax+1])))
	b.coders.llEnc.HistogramFinished(llMax, int(slices.Max(llH[:llMax+1])))
}
