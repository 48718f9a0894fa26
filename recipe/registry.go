package recipe

import (
	"io"

	"github.com/docker-delta/docker-delta/recipe/internal/goflate"
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
)

// The encoders, one line for each class, likely ones first. The number is the
// encoder's name on the wire: it is never changed and never given to another class.
//
//	 1 –  9  Go's compress/flate
//	10 – 29  klauspost/compress/flate
//	30 – 49  the zlib family
//	50 – 69  klauspost/compress/zstd
var registry = []*encoder{
	{idGo, Deflate, "Go compress/flate", "1.8-1.26", goLevels, goFramings, openGo},

	{idZlib, Deflate, "zlib", "1.2-1.3", zlibLevels, zlibFramings, openZlib(zlibenc.Zlib)},
	{idGNU, Deflate, "GNU gzip", "1.2-1.14", zlibLevels, plainFraming, openZlib(zlibenc.GNU)},
	{idBusybox, Deflate, "busybox gzip", "all", zlibLevels, plainFraming, openZlib(zlibenc.Busybox)},
	{idPigz, Deflate, "pigz", "2", zlibLevels, pigzFraming, openZlib(zlibenc.Pigz)},
	{idPigzSingle, Deflate, "pigz -p1", "2", zlibLevels, pigzFraming, openZlib(zlibenc.PigzSingle)},

	{57, Zstd, "klauspost zstd", "1.17.8-1.20.2", levelsOf(zstdenc.Class1_20_2), zstdFramings, openZstd(zstdenc.Class1_20_2)},
	{58, Zstd, "klauspost zstd", "1.20.3", levelsOf(zstdenc.Class1_20_3), zstdFramings, openZstd(zstdenc.Class1_20_3)},
	{54, Zstd, "klauspost zstd", "1.17.0-1.17.2", levelsOf(zstdenc.Class1_17_2), zstdFramings, openZstd(zstdenc.Class1_17_2)},
	{53, Zstd, "klauspost zstd", "1.16.5-1.16.7", levelsOf(zstdenc.Class1_16_7), zstdFramings, openZstd(zstdenc.Class1_16_7)},
	{51, Zstd, "klauspost zstd", "1.14.0-1.15.10", levelsOf(zstdenc.Class1_15_9), zstdFramings, openZstd(zstdenc.Class1_15_9)},
	{50, Zstd, "klauspost zstd", "1.11-1.13", levelsOf(zstdenc.Class1_13_6), zstdFramings, openZstd(zstdenc.Class1_13_6)},
	{56, Zstd, "klauspost zstd", "1.17.6-1.17.7", levelsOf(zstdenc.Class1_17_7), zstdFramings, openZstd(zstdenc.Class1_17_7)},
	{55, Zstd, "klauspost zstd", "1.17.3-1.17.5", levelsOf(zstdenc.Class1_17_5), zstdFramings, openZstd(zstdenc.Class1_17_5)},
	{52, Zstd, "klauspost zstd", "1.15.11-1.16.4", levelsOf(zstdenc.Class1_16_3), zstdFramings, openZstd(zstdenc.Class1_16_3)},
}

var (
	goLevels   = []int8{6, 1, 9, 5, 4, 3, 2, 7, 8, -2, 0}
	zlibLevels = []int8{6, 9, 1, 5, 4, 3, 2, 7, 8}

	plainFraming = []framing{oneStream}
	goFramings   = []framing{oneStream, flushEnd}
	zlibFramings = []framing{oneStream, flushEnd}
	pigzFraming  = []framing{pigz}
	zstdFramings = []framing{oneStream, flushOnce}
)

func openGo(c coding, _ int) (engine, error) {
	return goflate.NewWriter(nil, int(c.level))
}

// zlib's settings in coding.opts.
const (
	zlibMemLevel    = 0  // 4 bits
	zlibWindowBits  = 4  // 4 bits
	zlibStrategy    = 8  // 3 bits
	zlibIndependent = 11 // 1 bit
)

func openZlib(v zlibenc.Variant) func(coding, int) (engine, error) {
	return func(c coding, cores int) (engine, error) {
		p := zlibenc.Params{
			Variant: v, Level: int(c.level), Piece: int(c.arg), Concurrency: cores,
			MemLevel:    int(c.opts >> zlibMemLevel & 15),
			WindowBits:  int(c.opts >> zlibWindowBits & 15),
			Strategy:    zlibenc.Strategy(c.opts >> zlibStrategy & 7),
			Independent: c.opts>>zlibIndependent&1 != 0,
		}
		if c.opts>>(zlibIndependent+1) != 0 {
			return nil, errSettings
		}
		e, err := zlibenc.NewWriter(nil, p)
		return zlibEngine{e}, err
	}
}

// zlibEngine flushes as zlib does most of the time.
type zlibEngine struct{ *zlibenc.Writer }

func (e zlibEngine) Flush() error { return e.Writer.Flush(zlibenc.SyncFlush) }

// zstd's settings in coding.opts.
const (
	zstdWindow     = 0 // 5 bits: log2, 0 for the level's own
	zstdNoChecksum = 5 // 1 bit
)

func openZstd(class zstdenc.Class) func(coding, int) (engine, error) {
	return func(c coding, _ int) (engine, error) {
		if c.opts>>(zstdNoChecksum+1) != 0 {
			return nil, errSettings
		}
		return zstdenc.NewWriter(io.Discard, zstdenc.Params{
			Class: class, Level: zstdenc.Level(c.level),
			WindowLog: int(c.opts >> zstdWindow & 31), NoChecksum: c.opts>>zstdNoChecksum&1 != 0,
		})
	}
}

func levelsOf(c zstdenc.Class) []int8 {
	var list []int8
	for _, l := range c.Levels() {
		list = append(list, int8(l))
	}
	return list
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
