package recipe

import (
	"errors"
	"io"

	"github.com/docker-delta/docker-delta/recipe/internal/goflate"
	"github.com/docker-delta/docker-delta/recipe/internal/kpflate"
	"github.com/docker-delta/docker-delta/recipe/internal/zlibenc"
	"github.com/docker-delta/docker-delta/recipe/internal/zstdenc"
)

var errSettings = errors.New("unknown settings")

// openNothing stands where streams are not made by an engine.
func openNothing(coding, int) (engine, error) {
	return nil, errors.New("corrections are missing")
}

func openGo(c coding, _ int) (engine, error) {
	if c.opts != 0 {
		return nil, errSettings
	}
	return goflate.NewWriter(io.Discard, int(c.level))
}

func openKlauspost(class kpflate.Class) func(coding, int) (engine, error) {
	return func(c coding, cores int) (engine, error) {
		switch {
		case c.opts != 0:
			return nil, errSettings
		case c.framing == pgzip:
			return &pgzipEngine{class: class, level: int(c.level), block: int(c.arg), cores: cores}, nil
		}
		return kpflate.NewWriter(io.Discard, class, int(c.level))
	}
}

// pgzipEngine makes an engine of a writer that cannot be reset. An idle one has
// no writer, because that has goroutines.
type pgzipEngine struct {
	class               kpflate.Class
	level, block, cores int
	to                  io.Writer
	w                   *kpflate.PgzipWriter // nil until there is something to do
}

func (e *pgzipEngine) open() (err error) {
	if e.w == nil {
		e.w, err = kpflate.NewPgzipWriter(e.to, e.class, e.level, e.block, e.cores)
	}
	return err
}

func (e *pgzipEngine) Write(b []byte) (int, error) {
	if err := e.open(); err != nil {
		return 0, err
	}
	return e.w.Write(b)
}

func (e *pgzipEngine) Close() error {
	if err := e.open(); err != nil {
		return err
	}
	return e.w.Close()
}

func (e *pgzipEngine) Reset(w io.Writer) {
	if e.w != nil {
		e.w.Close() // ends its goroutines; all else is over or given up
		e.w = nil
	}
	e.to = w
}

func (e *pgzipEngine) Flush() error { return errors.New("recipe: pgzip flushes by itself") }

// zlib's settings in coding.opts.
const (
	zlibMemLevel    = 0  // 4 bits
	zlibWindowBits  = 4  // 4 bits
	zlibStrategy    = 8  // 3 bits
	zlibIndependent = 11 // 1 bit
)

func openZlib(v zlibenc.Variant) func(coding, int) (engine, error) {
	return func(c coding, cores int) (engine, error) {
		if c.opts>>(zlibIndependent+1) != 0 {
			return nil, errSettings
		}
		e, err := zlibenc.NewWriter(io.Discard, zlibenc.Params{
			Variant: v, Level: int(c.level), Piece: int(c.arg), Concurrency: cores,
			MemLevel:    int(c.opts >> zlibMemLevel & 15),
			WindowBits:  int(c.opts >> zlibWindowBits & 15),
			Strategy:    zlibenc.Strategy(c.opts >> zlibStrategy & 7),
			Independent: c.opts>>zlibIndependent&1 != 0,
		})
		return zlibEngine{e}, err
	}
}

// zlibEngine flushes as programs mostly do.
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
