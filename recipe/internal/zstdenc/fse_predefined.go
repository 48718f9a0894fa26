// Copyright 2019+ Klaus Post. All rights reserved.
// License information can be found in the LICENSE file.
// Based on work by Yann Collet, released under BSD License.

package zstdenc

import "fmt"

type tableIndex uint8

// The kinds of sequence tables.
const (
	tableLiteralLengths tableIndex = iota
	tableOffsets
	tableMatchLengths

	maxMatchLengthSymbol = 52
)

// bitTables is the bits table for each table.
var bitTables = [3][]byte{tableLiteralLengths: llBitsTable[:], tableOffsets: nil, tableMatchLengths: mlBitsTable[:]}

// fsePredefEnc are the encoders of the predefined tables (RFC 8878, 3.1.1.3.2.2).
var fsePredefEnc = predefined()

func predefined() (encs [3]fseEncoder) {
	dist := [3]struct {
		log  uint8
		norm []int16
	}{
		tableLiteralLengths: {6, []int16{4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1,
			2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1,
			-1, -1, -1, -1}},
		tableOffsets: {5, []int16{
			1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1,
			1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1}},
		tableMatchLengths: {6, []int16{
			1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1,
			1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
			1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1,
			-1, -1, -1, -1, -1}},
	}
	for i := range dist {
		enc := &encs[i]
		copy(enc.norm[:], dist[i].norm)
		enc.symbolLen = uint16(len(dist[i].norm))
		enc.actualTableLog = dist[i].log
		if err := enc.buildCTable(); err != nil {
			panic(fmt.Errorf("building encoding table %d: %w", i, err))
		}
		enc.setBits(bitTables[i])
		enc.preDefined = true
	}
	return encs
}
