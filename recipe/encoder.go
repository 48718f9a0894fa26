package recipe

import (
	"fmt"
	"io"
	"slices"
	"sync"
)

// encoderID is the number of an encoder on the wire. Numbers are never reused.
type encoderID uint16

// framing is how a stream is cut. Numbers are never reused.
type framing uint8

const (
	oneStream framing = 0 // from one end to the other
	pgzip     framing = 1 // blocks of arg bytes as klauspost/pgzip cuts them
	pigz      framing = 2 // pieces of arg bytes as pigz cuts them
	flushOnce framing = 3 // one stream, flushed after the first arg bytes
	flushEnd  framing = 4 // one stream, flushed before its end
)

// coding is the identity of whatever wrote one stream.
type coding struct {
	encoder encoderID
	framing framing
	level   int8
	opts    uint32 // settings, in a packing of the encoder's own; mostly 0
	arg     uint64 // of the framing, in bytes
}

// An engine compresses one stream after another. Its output depends on nothing
// but the bytes and the flushes: not on the sizes of writes, and not on what it
// did before Reset.
type engine interface {
	io.WriteCloser // Close writes the end of the stream
	// Flush ends the block, and with deflate pads to a byte boundary (Z_SYNC_FLUSH).
	Flush() error
	// Reset starts a new stream on w, whether or not the last one was closed.
	Reset(w io.Writer)
}

// An encoder is one class of programs that write identical bytes.
type encoder struct {
	id       encoderID
	format   Format // Deflate or Zstd
	name     string // of the program or library, for people
	class    string // the versions that write the same bytes
	levels   []int8 // likely ones first
	framings []framing
	open     func(c coding, cores int) (engine, error)
	// What follows spares tries, and may be left out: without it, the encoder is tried
	// on every stream of its format.

	// leaves, if set, tells whether its streams may bear such marks.
	leaves func(m marks, f framing) bool
	// same, if set, tells at which levels another encoder stands for this one.
	same func(level int8, f framing) bool
	// matchesOf, if set, is the encoder that at the same level cuts the same matches,
	// or this one itself, when nothing but the bytes up to a little after a match
	// decides on it: a look at the first ones then tells more at once.
	matchesOf encoderID
	// window, if set, gives the log2 of a zstd frame's window that no setting tells.
	window func(level int8) int
}

// Limits of what a recipe may ask for: they bound the memory of a replay.
const (
	minPiece  = 32 << 10
	maxPiece  = 64 << 20
	maxHeader = 256 << 10 // bytes before one stream
)

// check reports whether this build can replay c inside the format f.
func (c coding) check(f Format) error {
	e := encoders[c.encoder]
	if e == nil {
		return unknown("encoder number %d", c.encoder)
	}
	if (f == Zstd) != (e.format == Zstd) {
		return fmt.Errorf("%w: %s in %s", ErrInvalid, e.name, f)
	}
	if !slices.Contains(e.levels, c.level) {
		return unknown("level %d of the encoder %s %s", c.level, e.name, e.class)
	}
	if !slices.Contains(e.framings, c.framing) {
		return unknown("framing %d of the encoder %s %s", c.framing, e.name, e.class)
	}
	switch c.framing {
	case pgzip, pigz:
		if c.arg < minPiece || c.arg > maxPiece {
			return fmt.Errorf("%w: pieces of %d bytes", ErrInvalid, c.arg)
		}
	case flushOnce:
		if c.arg == 0 || c.arg > maxSize {
			return fmt.Errorf("%w: flush after %d bytes", ErrInvalid, c.arg)
		}
	default:
		if c.arg != 0 {
			return fmt.Errorf("%w: stray framing argument", ErrInvalid)
		}
	}
	return nil
}

// kind is what engines of one pool have in common.
type kind struct {
	coding coding
	cores  int
}

// pools keeps idle engines.
var pools sync.Map // of kind -> *sync.Pool

// pool returns the pool of engines that can write c on so many cores.
func (c coding) pool(cores int) *sync.Pool {
	k := kind{c, 1}
	switch c.framing {
	case pgzip, pigz:
		k.cores = cores
	default:
		k.coding.framing, k.coding.arg = oneStream, 0 // flushes come from outside
	}
	if p, ok := pools.Load(k); ok {
		return p.(*sync.Pool)
	}
	p, _ := pools.LoadOrStore(k, new(sync.Pool))
	return p.(*sync.Pool)
}

// take returns an engine that writes to w; give it back with put.
func (c coding) take(w io.Writer, cores int) (engine, error) {
	e, ok := c.pool(cores).Get().(engine)
	if !ok {
		var err error
		if e, err = encoders[c.encoder].open(c, cores); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
		}
	}
	e.Reset(w)
	return e, nil
}

// put gives an engine back for reuse.
func (c coding) put(e engine, cores int) {
	e.Reset(io.Discard)
	c.pool(cores).Put(e)
}
