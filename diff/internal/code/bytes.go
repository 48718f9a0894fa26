package code

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// CompressBytes codes b as a whole, for metadata. The result is never much
// longer than b.
func CompressBytes(b []byte, level Level) ([]byte, error) {
	var buf bytes.Buffer
	if err := writeHeader(&buf, kindBytes, level); err != nil {
		return nil, err
	}
	buf.Write(binary.AppendUvarint(nil, uint64(len(b))))
	e, err := NewLiteralEncoder(&buf, level)
	if err != nil {
		return nil, err
	}
	if err := e.Write(Around{}, b); err != nil {
		return nil, err
	}
	if err := e.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// DecompressBytes gives back what [CompressBytes] coded, unless that is longer
// than max bytes.
func DecompressBytes(coded []byte, max int) ([]byte, error) {
	r := bytes.NewReader(coded)
	if _, err := readHeader(r, kindBytes); err != nil {
		return nil, err
	}
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return nil, corrupt(err)
	}
	if n > uint64(max) {
		return nil, fmt.Errorf("%w: %d bytes where at most %d are expected", ErrCorrupt, n, max)
	}
	d, err := NewLiteralDecoder(r)
	if err != nil {
		return nil, err
	}
	// Grow as data arrives: the length is only a claim.
	var out []byte
	for have := 0; have < int(n); have = len(out) {
		out = append(out, make([]byte, min(int(n)-have, 64<<10+have))...)
		if err := d.Decode(Around{}, out[have:]); err != nil {
			return nil, err
		}
	}
	return out, nil
}
