package predict

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// maxNames bounds a table of section names.
const maxNames = 1 << 16

// NamesAt tells where in its file the names of an executable's sections stand,
// if that is behind the first part of the file that is given.
func NamesAt(part []byte) (off, size int64, ok bool) {
	h, ok := namesHeader(part)
	if !ok {
		return 0, 0, false
	}
	o, n := binary.LittleEndian.Uint64(h[24:]), binary.LittleEndian.Uint64(h[32:])
	if o > maxOffset || n > maxNames || o+n <= uint64(len(part)) {
		return 0, 0, false
	}
	return int64(o), int64(n), true
}

// WithNames returns the first part of an executable as a file that has the names
// of its sections at its end, or part itself where they do not belong to it. All
// offsets up to the end of part stay the same.
func WithNames(part, names []byte) []byte {
	_, size, ok := NamesAt(part)
	if !ok || size != int64(len(names)) || !bytes.HasPrefix(names, []byte{0}) {
		return part
	}
	whole := slices.Concat(part, names)
	h, _ := namesHeader(whole)
	binary.LittleEndian.PutUint64(h[24:], uint64(len(part)))
	return whole
}

// namesHeader returns the section header of the table of names.
func namesHeader(b []byte) ([]byte, bool) {
	le := binary.LittleEndian
	if len(b) < elfHeaderSize || !bytes.HasPrefix(b, []byte("\x7fELF\x02\x01")) || le.Uint16(b[58:]) != elfSectionSize {
		return nil, false
	}
	at, i := le.Uint64(b[40:]), uint64(le.Uint16(b[62:]))
	if at > uint64(len(b)) || (i+1)*elfSectionSize > uint64(len(b))-at {
		return nil, false
	}
	return b[at+i*elfSectionSize:][:elfSectionSize], true
}
