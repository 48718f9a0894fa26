package tardiff

import (
	"encoding/binary"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/docker-delta/docker-delta/diff"
)

const (
	// flushAt is how many bytes of data one operation holds: its readers have
	// the operations of one in memory.
	flushAt = 4 << 20
	// minCopy is the length from which on equal bytes get an operation of their
	// own among those that differ here and there.
	minCopy = 256
)

// Writer writes a tar-diff.
type Writer struct {
	z    *zstd.Encoder
	data []byte // not yet written
	name string // of the open file
	at   int64  // in it
	err  error
}

// NewWriter begins a tar-diff. The same calls give the same bytes.
func NewWriter(w io.Writer) (*Writer, error) {
	if _, err := w.Write(magic[:]); err != nil {
		return nil, err
	}
	z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(8<<20))
	if err != nil {
		return nil, err
	}
	return &Writer{z: z}, nil
}

// Write takes bytes as they are.
func (w *Writer) Write(p []byte) (int, error) {
	w.data = append(w.data, p...)
	if len(w.data) >= flushAt {
		w.flush()
	}
	return len(p), w.err
}

func (w *Writer) op(kind byte, n int64, data []byte) {
	var head [1 + binary.MaxVarintLen64]byte
	head[0] = kind
	k := binary.PutUvarint(head[1:], uint64(n))
	for _, b := range [][]byte{head[:1+k], data} {
		if w.err == nil {
			_, w.err = w.z.Write(b)
		}
	}
}

func (w *Writer) flush() {
	if len(w.data) > 0 {
		w.op(opData, int64(len(w.data)), w.data)
		w.data = w.data[:0]
	}
}

// from goes to a place in a file.
func (w *Writer) from(name string, at int64) {
	w.flush()
	if w.name != name {
		w.op(opOpen, int64(len(name)), []byte(name))
		w.name, w.at = name, 0
	}
	if w.at != at {
		w.op(opSeek, at, nil)
		w.at = at
	}
}

// Copy takes n bytes of a file, from a place on.
func (w *Writer) Copy(name string, at, n int64) error {
	if n > 0 {
		w.from(name, at)
		w.op(opCopy, n, nil)
		w.at += n
	}
	return w.err
}

// Diff takes new, which resembles the file old.
func (w *Writer) Diff(name string, old, new []byte) error {
	for _, r := range diff.Pair(old, new) {
		w.resembling(name, int64(r.Old), old[r.Old:r.Old+r.Len], new[:r.Len])
		_, _ = w.Write(new[r.Len : r.Len+r.Lit])
		new = new[r.Len+r.Lit:]
	}
	return w.err
}

// resembling takes new from a place in a file that has old there.
func (w *Writer) resembling(name string, at int64, old, new []byte) {
	for len(new) > 0 {
		equal := 0
		for equal < len(new) && old[equal] == new[equal] {
			equal++
		}
		if equal == len(new) || equal >= minCopy {
			_ = w.Copy(name, at, int64(equal))
			at, old, new = at+int64(equal), old[equal:], new[equal:]
			continue
		}
		// Up to the next long run of equal bytes.
		n, run := 0, 0
		for n < len(new) && run < minCopy && n < flushAt {
			if run++; old[n] != new[n] {
				run = 0
			}
			n++
		}
		if run >= minCopy {
			n -= run
		}
		sum := make([]byte, n)
		for i := range sum {
			sum[i] = new[i] - old[i]
		}
		w.from(name, at)
		w.op(opAdd, int64(n), sum)
		w.at += int64(n)
		at, old, new = at+int64(n), old[n:], new[n:]
	}
}

// Close ends the tar-diff.
func (w *Writer) Close() error {
	w.flush()
	if w.err != nil {
		w.z.Close()
		return w.err
	}
	return w.z.Close()
}
