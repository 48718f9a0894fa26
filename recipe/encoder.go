package recipe

import (
	"errors"
	"fmt"
	"io"
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
	window  uint8  // zstd: log2 of the window, 0 for the level's own
	bare    bool   // zstd: no checksum
	arg     uint64 // of the framing, in bytes
}

// An engine compresses one stream after another. Its output depends on nothing
// but the bytes, the flushes and the dictionary: not on the sizes of writes, and
// not on what it did before Reset.
type engine interface {
	io.Writer
	// Flush ends the block and pads to a byte boundary (Z_SYNC_FLUSH in zlib).
	Flush() error
	// Close writes the end of the stream.
	Close() error
	// Reset starts a new stream on w with the given dictionary, which may be nil.
	Reset(w io.Writer, dict []byte) error
}

// An encoder is one class of programs that write identical bytes.
type encoder struct {
	id       encoderID
	format   Format // Deflate or Zstd
	name     string // of the program or library, for people
	class    string // the versions that write the same bytes
	levels   []int8 // likely ones first
	framings []framing
	open     func(c coding) (engine, error)
}

func (e *encoder) hasLevel(level int8) bool {
	for _, l := range e.levels {
		if l == level {
			return true
		}
	}
	return false
}

func (e *encoder) hasFraming(f framing) bool {
	for _, g := range e.framings {
		if g == f {
			return true
		}
	}
	return false
}

// Limits of what a recipe may ask for: they bound the memory of a replay.
const (
	minPiece   = 1 << 10
	maxPiece   = 64 << 20
	minWindow  = 10
	maxWindow  = 27
	maxHeader  = 256 << 10 // bytes before one stream
	pgzipTail  = 16 << 10
	pigzWindow = 32 << 10
)

// check reports whether this build can replay c inside the format f.
func (c coding) check(f Format) error {
	e := encoders[c.encoder]
	if e == nil {
		return fmt.Errorf("%w: number %d", ErrUnknownEncoder, c.encoder)
	}
	if (f == Zstd) != (e.format == Zstd) {
		return fmt.Errorf("%w: %s in %s", ErrInvalid, e.name, f)
	}
	if !e.hasLevel(c.level) {
		return fmt.Errorf("%w: %s %s has no level %d", ErrUnknownEncoder, e.name, e.class, c.level)
	}
	if !e.hasFraming(c.framing) {
		return fmt.Errorf("%w: %s %s has no framing %d", ErrUnknownEncoder, e.name, e.class, c.framing)
	}
	switch c.framing {
	case oneStream, flushEnd:
		if c.arg != 0 {
			return fmt.Errorf("%w: stray framing argument", ErrInvalid)
		}
	case pgzip, pigz:
		if c.arg < minPiece || c.arg > maxPiece || c.framing == pgzip && c.arg <= pgzipTail {
			return fmt.Errorf("%w: pieces of %d bytes", ErrInvalid, c.arg)
		}
	case flushOnce:
		if c.arg == 0 || c.arg > maxSize {
			return fmt.Errorf("%w: flush after %d bytes", ErrInvalid, c.arg)
		}
	}
	if e.format != Zstd && (c.window != 0 || c.bare) {
		return fmt.Errorf("%w: zstd settings for %s", ErrInvalid, e.name)
	}
	if c.window != 0 && (c.window < minWindow || c.window > maxWindow) {
		return fmt.Errorf("%w: window of 2^%d bytes", ErrInvalid, c.window)
	}
	return nil
}

var errDict = errors.New("recipe: this encoder takes no dictionary")

// pools keeps idle engines, by the part of the coding that they depend on.
var pools sync.Map // of coding -> *sync.Pool

func (c coding) pool() *sync.Pool {
	c.framing, c.arg = oneStream, 0
	if p, ok := pools.Load(c); ok {
		return p.(*sync.Pool)
	}
	p, _ := pools.LoadOrStore(c, new(sync.Pool))
	return p.(*sync.Pool)
}

// take returns an engine that writes to w; give it back with put.
func (c coding) take(w io.Writer, dict []byte) (engine, error) {
	e, ok := c.pool().Get().(engine)
	if !ok {
		var err error
		if e, err = encoders[c.encoder].open(c); err != nil {
			return nil, err
		}
	}
	return e, e.Reset(w, dict)
}

// put gives an engine back for reuse.
func (c coding) put(e engine) { c.pool().Put(e) }
