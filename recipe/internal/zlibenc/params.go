package zlibenc

import "fmt"

// Variant names a program whose output is reproduced.
type Variant uint8

// The variants. Their values are part of recipes: never renumber them.
const (
	// Zlib is zlib 1.2.0 to 1.3.1, given the whole input at once.
	Zlib Variant = iota
	// GNU is GNU gzip.
	GNU
	// Busybox is busybox gzip. Levels 1 to 4 are the same.
	Busybox
	// Pigz is pigz with two or more processors: pieces compressed on their own,
	// each with the 32 KiB before it as dictionary.
	Pigz
	// PigzSingle is pigz with one processor (-p 1): one zlib stream with the
	// same marks between pieces.
	PigzSingle

	numVariants
)

func (v Variant) String() string {
	switch v {
	case Zlib:
		return "zlib"
	case GNU:
		return "gzip"
	case Busybox:
		return "busybox"
	case Pigz:
		return "pigz"
	case PigzSingle:
		return "pigz-single"
	}
	return fmt.Sprintf("variant(%d)", uint8(v))
}

// Strategy is zlib's strategy, with zlib's numbers.
type Strategy uint8

// The strategies.
const (
	DefaultStrategy Strategy = iota
	Filtered
	HuffmanOnly
	RLE
	Fixed
)

// DefaultPiece is pigz's default piece size in bytes.
const DefaultPiece = 128 << 10

// maxPiece bounds the memory that a hostile recipe can ask for.
const maxPiece = 64 << 20

// Params choose the encoder. The zero values of the fields after Level are the
// defaults of every program.
type Params struct {
	Variant Variant
	Level   int // 1 to 9

	// MemLevel is zlib's memLevel, 1 to 9; 0 means 8. For Busybox it is its
	// build option GZIP_FAST plus 7, so 7 to 9; 0 means 7. GNU has none.
	MemLevel int
	// WindowBits is zlib's windowBits, 9 to 15; 0 means 15. Only for Zlib.
	WindowBits int
	// Strategy is only for Zlib, Pigz and PigzSingle.
	Strategy Strategy

	// Piece is pigz's block size in bytes, at least 32 KiB and at most 64 MiB;
	// 0 means DefaultPiece.
	Piece int
	// Independent is pigz's -i: no dictionary, and two markers between pieces.
	Independent bool
	// Concurrency is the number of pieces that Pigz compresses at once; under 2
	// means one after the other. It does not change the output.
	Concurrency int
}

// config is a row of zlib's table of levels.
type config struct{ good, lazy, nice, chain int }

var levels = [10]config{
	1: {4, 4, 8, 4}, // to level 3: no lazy evaluation
	2: {4, 5, 16, 8},
	3: {4, 6, 32, 32},
	4: {4, 4, 16, 16},
	5: {8, 16, 32, 32},
	6: {8, 16, 128, 128},
	7: {8, 32, 128, 256},
	8: {32, 128, 258, 1024},
	9: {32, 258, 258, 4096},
}

// setup is what a variant comes down to.
type setup struct {
	config
	level      int
	strategy   Strategy
	windowBits int
	hashBits   int
	symbols    int  // size of a block's buffer of symbols
	earlyCut   bool // gzip's guess every 4096 symbols whether to end the block
	gzipEnd    bool // gzip's behaviour at the end of the input
	gzipGuard  bool // GNU gzip 1.x gives up matching at the window's end
}

func (p Params) setup() (setup, error) {
	s := setup{level: p.Level, strategy: p.Strategy, windowBits: p.WindowBits}
	if p.Level < 1 || p.Level > 9 {
		return s, fmt.Errorf("zlibenc: level %d is not in 1 to 9", p.Level)
	}
	if p.Variant >= numVariants {
		return s, fmt.Errorf("zlibenc: unknown %v", p.Variant)
	}
	if p.Strategy > Fixed {
		return s, fmt.Errorf("zlibenc: unknown strategy %d", p.Strategy)
	}
	if s.windowBits == 0 {
		s.windowBits = 15
	}
	if s.windowBits < 9 || s.windowBits > 15 {
		return s, fmt.Errorf("zlibenc: window bits %d are not in 9 to 15", p.WindowBits)
	}
	mem := p.MemLevel
	switch {
	case mem == 0 && p.Variant == Busybox:
		mem = 7
	case mem == 0:
		mem = 8
	}
	low := 1
	if p.Variant == Busybox {
		low = 7
	}
	if mem < low || mem > 9 {
		return s, fmt.Errorf("zlibenc: memory level %d is not in %d to 9", p.MemLevel, low)
	}
	if p.Piece != 0 && (p.Piece < 32<<10 || p.Piece > maxPiece) {
		return s, fmt.Errorf("zlibenc: piece of %d bytes is not in 32 KiB to 64 MiB", p.Piece)
	}
	s.hashBits, s.symbols = mem+7, 1<<(mem+6)
	switch p.Variant {
	case GNU:
		s.hashBits, s.symbols = 15, 32768
		s.earlyCut = p.Level > 2
		s.gzipEnd, s.gzipGuard = true, true
	case Busybox:
		s.level = max(p.Level, 4)
		s.hashBits = mem + 6
		s.earlyCut = true
		s.gzipEnd = true
	}
	if (s.windowBits != 15 || s.strategy != DefaultStrategy) && (p.Variant == GNU || p.Variant == Busybox) {
		return s, fmt.Errorf("zlibenc: %v has no strategies and no window sizes", p.Variant)
	}
	s.config = levels[s.level]
	return s, nil
}
