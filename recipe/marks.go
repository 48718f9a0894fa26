package recipe

import (
	"bytes"
	"math/bits"
)

// What streams of Go's encoders end with: an empty last block behind a flush.
var (
	tailGo     = []byte{0, 0, 0xff, 0xff} // stored; its type is in the byte before
	tailGoSync = []byte{0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff}
	tailFixed  = []byte{0, 0, 0xff, 0xff, 3, 0} // fixed codes: pgzip
)

// marks are what a stream shows of its writer before it is tried.
type marks struct {
	// of the end of a deflate stream
	empty   bool // nothing was compressed
	golang  bool // ends as Go's standard library does
	fixed   bool // ends with an empty block with fixed codes
	flushed bool // and a flush before it
	// of the header of a zstd frame
	sized bool // tells a content of more than one block
}

func marksOf(tail []byte, plain int64) marks {
	return marks{
		empty:   plain == 0,
		golang:  bytes.HasSuffix(tail, tailGo),
		fixed:   endsFixed(tail),
		flushed: bytes.HasSuffix(tail, tailGoSync) || bytes.HasSuffix(tail, tailFixed),
	}
}

// mayLeave tells whether the encoder's streams may bear such marks. An encoder that
// says nothing of marks is tried whatever they are.
func (e *encoder) mayLeave(m marks, f framing) bool {
	if (f == flushEnd || f == pgzip) && !m.flushed {
		return false
	}
	return e.leaves == nil || e.leaves(m, f)
}

func goMarks(m marks, _ framing) bool { return m.golang }

func klauspostMarks(m marks, f framing) bool {
	return !m.golang && (m.fixed || f == flushEnd || f == pgzip)
}

func zlibMarks(m marks, f framing) bool {
	return !m.golang && (f == flushEnd || !m.flushed || m.empty)
}

func klauspostZstdMarks(m marks, _ framing) bool { return !m.sized }

// firstFlush returns the number of plain bytes before the first flush, which
// is the block size of pgzip, or 0 if there is none but at the end.
func (in *Input) firstFlush(s *span) (int64, error) {
	mark := tailGo
	for off := s.body[0]; off < s.body[1]; {
		b, err := in.at(off, min(64<<10, s.body[1]-off))
		if err != nil {
			return 0, err
		}
		if i := bytes.Index(b, mark); i >= 0 {
			end := off + int64(i+len(mark))
			_, plain, err := inflateSize(in.Compressed, s.body[0], end)
			if err == nil || plain >= s.plain || plain < minPiece || plain > maxPiece {
				return 0, nil
			}
			return plain, nil
		}
		off += int64(max(1, len(b)-len(mark)+1))
	}
	return 0, nil
}

// endsFixed tells whether a stream may end with an empty block with fixed codes,
// at any bit: 1 (last), 1 0 (fixed), seven zeros (end of block), and padding.
func endsFixed(tail []byte) bool {
	var v uint32
	for _, c := range tail[max(0, len(tail)-3):] {
		v = v>>8 | uint32(c)<<16
	}
	zeros := bits.LeadingZeros32(v << 8)
	return zeros >= 8 && zeros < 16 && v>>(22-zeros)&1 == 1
}
