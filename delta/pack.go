package delta

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"sync"

	"github.com/docker-delta/docker-delta/diff"
	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/internal/limit"
)

// pack codes bytes that stand for themselves.
func pack(ctx context.Context, b []byte, level Level) ([]byte, error) {
	var out bytes.Buffer
	pieces := []diff.Piece{{Len: int64(len(b)), Same: -1}}
	if len(b) == 0 {
		pieces = nil
	}
	_, err := diff.Encode(ctx, &out, bytes.NewReader(b), pieces, bytes.NewReader(nil), 0, nil, diff.Options{Level: level})
	return out.Bytes(), err
}

// unpack is the inverse of pack; more than most bytes are refused, and operations
// that take more than so much memory.
func unpack(ctx context.Context, r io.ReaderAt, size, most, memory int64) ([]byte, error) {
	d, err := diff.Open(io.NewSectionReader(r, 0, size), size, diff.Limits{
		MaxTarget: most, Memory: limit.NewMemory(memory, "the operations of its metadata"),
	})
	if err != nil {
		return nil, err
	}
	out := &history{b: make([]byte, 0, min(d.TargetSize(), 1<<20))}
	if err := d.Decode(ctx, out, out); err != nil {
		return nil, err
	}
	return out.b, nil
}

// history is a target in memory that may copy from itself; the decoder reads
// while it writes.
type history struct {
	mu sync.RWMutex
	b  []byte
}

func (h *history) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.b = append(h.b, p...)
	return len(p), nil
}

func (h *history) ReadAt(p []byte, off int64) (int, error) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return bytes.NewReader(h.b).ReadAt(p, off)
}

// metadata gathers the parts that a Config gives by number.
type metadata struct{ parts [][]byte }

// maxParts is more than a description can name.
const maxParts = 1 << 17

// referencePart is the number of the part that describes the reference.
const referencePart = 0

func newMetadata() *metadata { return &metadata{parts: make([][]byte, 1)} }

func (m *metadata) add(b []byte) int {
	m.parts = append(m.parts, b)
	return len(m.parts) - 1
}

// pack codes all parts: their number, their lengths, their bytes.
func (m *metadata) pack(ctx context.Context, level Level) ([]byte, error) {
	b := binary.AppendUvarint(nil, uint64(len(m.parts)))
	for _, p := range m.parts {
		b = binary.AppendUvarint(b, uint64(len(p)))
	}
	for _, p := range m.parts {
		b = append(b, p...)
	}
	if len(b) > format.MaxMetadata {
		return nil, fmt.Errorf("the metadata of the delta has %d bytes, over the limit of %d", len(b), format.MaxMetadata)
	}
	return pack(ctx, b, level)
}

func unpackMetadata(ctx context.Context, r *io.SectionReader, memory int64) (*metadata, error) {
	b, err := unpack(ctx, r, r.Size(), min(format.MaxMetadata, memory), memory)
	if err != nil {
		return nil, err
	}
	count, n := binary.Uvarint(b)
	if n <= 0 || count > min(uint64(len(b)), maxParts) {
		return nil, fmt.Errorf("%w: its metadata", format.ErrCorrupt)
	}
	b = b[n:]
	lengths := make([]uint64, count)
	for i := range lengths {
		if lengths[i], n = binary.Uvarint(b); n <= 0 {
			return nil, fmt.Errorf("%w: its metadata", format.ErrCorrupt)
		}
		b = b[n:]
	}
	m := new(metadata)
	for _, length := range lengths {
		if length > uint64(len(b)) {
			return nil, fmt.Errorf("%w: its metadata", format.ErrCorrupt)
		}
		m.add(b[:length:length])
		b = b[length:]
	}
	if len(b) > 0 {
		return nil, fmt.Errorf("%w: its metadata", format.ErrCorrupt)
	}
	return m, nil
}

func (m *metadata) part(i int) ([]byte, error) {
	if i < 0 || i >= len(m.parts) {
		return nil, fmt.Errorf("%w: it has no part %d", format.ErrCorrupt, i)
	}
	return m.parts[i], nil
}
