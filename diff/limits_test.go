package diff

import (
	"bytes"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/docker-delta/docker-delta/diff/internal/code"
	"github.com/docker-delta/docker-delta/internal/limit"
)

// head codes the beginning of a delta with so many operations of a byte each, which
// take next to nothing, and so many groups.
func head(t *testing.T, target int64, ops, groups int) []byte {
	t.Helper()
	var coded bytes.Buffer
	e, err := code.NewIntEncoder(&coded, code.Lean)
	if err != nil {
		t.Fatal(err)
	}
	write := func(field int, v uint64) {
		if err := e.Write(field, v); err != nil {
			t.Fatal(err)
		}
	}
	write(fieldCount, uint64(ops))
	for i := range min(ops, 100_000) {
		which, distance := jumpFields(i > 0, 0)
		write(which, 0)
		write(distance, 0)
		write(fieldLen, 1)
		write(fieldLit, 1)
	}
	write(fieldCount, uint64(groups))
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	b.WriteByte(version)
	for _, n := range []int64{target, 1 << 30, int64(coded.Len()), 0} {
		putUvarint(&b, uint64(n))
	}
	b.Write(coded.Bytes())
	return b.Bytes()
}

// allocated is how many bytes f asks for, in all.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// What a few coded bytes stand for is refused before there is room for it.
func TestHostileOperations(t *testing.T) {
	for _, c := range []struct {
		name        string
		target      int64
		ops, groups int
		memory      int64
		want        error
		text        string
	}{
		{"more operations than bytes", 1 << 20, 1 << 30, 0, 1 << 40, ErrCorrupt, "operations for 1048576 bytes"},
		{"a billion operations", 1 << 40, 1 << 30, 0, 64 << 20, limit.ErrMemory, "--max-memory"},
		{"more groups than executables", 1 << 20, 1, 1 << 20, 1 << 40, ErrCorrupt, "groups"},
		{"a billion groups", 1 << 40, 1, 1 << 30, 64 << 20, limit.ErrMemory, "--max-memory"},
		{"operations that end early", 1 << 40, 1 << 20, 0, 1 << 30, ErrCorrupt, ""},
	} {
		b := head(t, c.target, c.ops, c.groups)
		var err error
		n := allocated(func() {
			_, err = Open(bytes.NewReader(b), int64(len(b)), Limits{Memory: limit.NewMemory(c.memory, "the operations")})
		})
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", c.name, err)
		}
		if n > 100<<20 {
			t.Errorf("%s: %d bytes were allocated for %d", c.name, n, len(b))
		}
	}
}
