package recipe

import (
	"slices"

	"github.com/docker-delta/docker-delta/recipe/internal/kpflate"
	"github.com/docker-delta/docker-delta/recipe/internal/zlibenc"
	"github.com/docker-delta/docker-delta/recipe/internal/zstdenc"
)

const (
	idGo         encoderID = 1
	idZlib       encoderID = 30
	idGNU        encoderID = 31
	idBusybox    encoderID = 32
	idPigz       encoderID = 33
	idPigzSingle encoderID = 34
	idCorrected  encoderID = 90
)

// registry lists the encoders, one line for each class, likely ones first. The
// number is the encoder's name on the wire: it is never changed and never given
// to another class. Neither are the numbers of framings, levels and settings.
//
//	 1 –  9  Go's compress/flate up to Go 1.26
//	10 – 29  klauspost/compress/flate, and Go's of 1.27, which is made from it
//	30 – 49  the zlib family
//	50 – 69  klauspost/compress/zstd
//	70 – 89  free; a new family takes ten
//	90       corrections of package predeflate, which name their own predictor
//	91 –     free
var registry = []*encoder{
	{id: idGo, format: Deflate, name: "Go compress/flate", class: "1.8-1.26",
		levels: goLevels, framings: flushes, open: openGo, leaves: goMarks},

	klauspost(14, kpflate.V1_15_15),
	klauspost(11, kpflate.V1_20_0),
	klauspost(12, kpflate.V1_18_2),
	klauspost(17, kpflate.V1_15_0),
	klauspost(18, kpflate.V1_14_3),
	klauspost(15, kpflate.V1_15_11),
	klauspost(16, kpflate.V1_15_10),
	klauspost(13, kpflate.V1_18_1),
	klauspost(21, kpflate.V1_12_3),
	klauspost(19, kpflate.V1_14_2),
	klauspost(20, kpflate.V1_14_0),
	klauspost(23, kpflate.V1_11_13),
	klauspost(24, kpflate.V1_10_2),
	klauspost(22, kpflate.V1_12_2),
	klauspost(25, kpflate.V1_18_0),
	klauspost(10, kpflate.Go1_27),

	zlibFamily(idZlib, "zlib", "1.2-1.3", flushes, zlibenc.Zlib),
	zlibFamily(idGNU, "GNU gzip", "1.2-1.14", plain, zlibenc.GNU),
	zlibFamily(idBusybox, "busybox gzip", "1.x", plain, zlibenc.Busybox),
	zlibFamily(idPigz, "pigz", "2.x", pieces, zlibenc.Pigz),
	zlibFamily(idPigzSingle, "pigz -p1", "2.x", pieces, zlibenc.PigzSingle),

	{id: idCorrected, format: Deflate, name: "corrections", class: "1",
		levels: []int8{0}, framings: plain, open: openNothing},

	klauspostZstd(57, "1.17.8-1.20.2", zstdenc.Class1_20_2),
	klauspostZstd(58, "1.20.3", zstdenc.Class1_20_3),
	klauspostZstd(54, "1.17.0-1.17.7", zstdenc.Class1_17_2),
	klauspostZstd(53, "1.16.5-1.16.7", zstdenc.Class1_16_7),
	klauspostZstd(51, "1.14.0-1.16.4", zstdenc.Class1_15_9),
	klauspostZstd(50, "1.11.13-1.13.6", zstdenc.Class1_13_6),
	klauspostZstd(56, "1.17.6-1.17.7", zstdenc.Class1_17_7),
	klauspostZstd(55, "1.17.3-1.17.7", zstdenc.Class1_17_5),
	klauspostZstd(52, "1.15.11-1.16.4", zstdenc.Class1_16_3),
}

var (
	goLevels   = []int8{6, 1, 9, 5, 4, 3, 2, 7, 8, -2, 0}
	kpLevels   = []int8{5, 1, 9, 6, 4, 3, 2, 7, 8, -2, 0}
	zlibLevels = []int8{6, 9, 1, 5, 4, 3, 2, 7, 8}

	plain   = []framing{oneStream}
	flushes = []framing{oneStream, flushEnd}
	pieces  = []framing{pigz}
)

func klauspost(id encoderID, c kpflate.Class) *encoder {
	levels := slices.DeleteFunc(slices.Clone(kpLevels), func(l int8) bool { return !kpflate.Supports(c, int(l)) })
	return &encoder{
		id: id, format: Deflate, name: "klauspost flate", class: c.String(),
		levels: levels, framings: []framing{oneStream, flushEnd, pgzip}, open: openKlauspost(c), leaves: klauspostMarks,
		same: func(level int8, f framing) bool { return kpflate.Canonical(c, int(level), f == pgzip) != c },
	}
}

func zlibFamily(id encoderID, name, class string, framings []framing, v zlibenc.Variant) *encoder {
	e := &encoder{
		id: id, format: Deflate, name: name, class: class,
		levels: zlibLevels, framings: framings, open: openZlib(v), leaves: zlibMarks, matchesOf: idZlib,
	}
	if id == idBusybox {
		e.matchesOf = idBusybox
	}
	return e
}

func klauspostZstd(id encoderID, class string, c zstdenc.Class) *encoder {
	var levels []int8
	for _, l := range c.Levels() {
		levels = append(levels, int8(l))
	}
	return &encoder{
		id: id, format: Zstd, name: "klauspost zstd", class: class,
		levels: levels, framings: []framing{oneStream, flushOnce}, open: openZstd(c), leaves: klauspostZstdMarks,
		window: func(level int8) int {
			if level == 1 {
				return 22
			}
			return 23
		},
	}
}

var encoders = index(registry)

func index(list []*encoder) map[encoderID]*encoder {
	m := make(map[encoderID]*encoder, len(list))
	for _, e := range list {
		if m[e.id] != nil {
			panic("recipe: two encoders with one number")
		}
		m[e.id] = e
	}
	return m
}
