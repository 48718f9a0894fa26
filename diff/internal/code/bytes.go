package code

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
)

// The bits that may index the tables of a coder of bytes.
const (
	minBytesBits = 12
	maxBytesBits = 22
)

// bytesParams is how much to do for n bytes: tables that are larger than they
// have to be only cost time.
func bytesParams(n uint64) literalParams {
	b := max(minBytesBits, min(maxBytesBits, uint(bits.Len64(n))+6))
	return literalParams{tableBits: b, historyBits: b}
}

// CompressBytes codes b as a whole, for metadata. The result is never much
// longer than b. The coders Lean and Full are the same.
func CompressBytes(b []byte, coder Coder) ([]byte, error) {
	var buf bytes.Buffer
	if err := writeHeader(&buf, kindBytes, coder); err != nil {
		return nil, err
	}
	buf.Write(binary.AppendUvarint(nil, uint64(len(b))))
	if coder.stream() != Zstd {
		m := newMixLiteralCoder(newBinaryEncoder(&buf), bytesParams(uint64(len(b))))
		if err := m.write(Around{}, b); err != nil {
			return nil, err
		}
		err := m.close()
		return buf.Bytes(), err
	}
	z := newZstdWriter(&buf, coder)
	if _, err := z.Write(b); err != nil {
		return nil, err
	}
	err := z.Close()
	return buf.Bytes(), err
}

// DecompressBytes gives back what [CompressBytes] coded, unless that is longer
// than max bytes.
func DecompressBytes(coded []byte, max int) ([]byte, error) {
	r := bytes.NewReader(coded)
	coder, err := readHeader(r, kindBytes)
	if err != nil {
		return nil, err
	}
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return nil, corrupt(err)
	}
	if n > uint64(max) {
		return nil, fmt.Errorf("%w: %d bytes where at most %d are expected", ErrCorrupt, n, max)
	}
	var fill func([]byte) error
	if coder != Zstd {
		c, err := newBinaryDecoder(r)
		if err != nil {
			return nil, err
		}
		m := newMixLiteralCoder(c, bytesParams(n))
		fill = func(b []byte) error { return m.decode(Around{}, b) }
	} else {
		z, err := newZstdReader(r)
		if err != nil {
			return nil, err
		}
		fill = func(b []byte) error { _, err := io.ReadFull(z, b); return err }
	}
	// Grow as data arrives: the length is only a claim.
	var out []byte
	for have := 0; have < int(n); have = len(out) {
		out = append(out, make([]byte, min(int(n)-have, 64<<10+have))...)
		if err := fill(out[have:]); err != nil {
			return nil, corrupt(err)
		}
	}
	return out, nil
}
