package recipe

import (
	"io"

	"github.com/docker-delta/docker-delta/recipe/internal/goflate"
)

// The encoders, one line for each class. The number is the encoder's name on
// the wire: a number is never changed and never given to another class.
//
//	 1 –  9  Go's compress/flate
//	10 – 29  klauspost/compress/flate
//	30 – 49  the zlib family
//	50 – 69  klauspost/compress/zstd
var registry = []*encoder{
	{1, Deflate, "Go compress/flate", "1.8-1.26", goLevels, goFramings, openGo},
}

var (
	goLevels   = []int8{6, 1, 9, 5, 4, 3, 2, 7, 8, -2, 0}
	goFramings = []framing{oneStream, flushEnd}
)

func openGo(c coding) (engine, error) {
	e, err := goflate.NewWriter(nil, int(c.level))
	return noDict{e}, err
}

// noDict is an engine without dictionaries.
type noDict struct{ resetter }

type resetter interface {
	io.WriteCloser
	Flush() error
	Reset(io.Writer)
}

func (e noDict) Reset(w io.Writer, dict []byte) error {
	if dict != nil {
		return errDict
	}
	e.resetter.Reset(w)
	return nil
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
