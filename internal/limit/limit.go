// Package limit bounds what data from outside may make the program hold in memory.
//
// Packages, images and registries say how much there is of something: operations,
// steps, entries, values. A few coded bytes can stand for millions of these, so
// whoever builds a table from them takes its size off a [Memory] first.
package limit

import (
	"errors"
	"fmt"
	"sync/atomic"
)

// ErrMemory reports input that needs more memory than is allowed.
var ErrMemory = errors.New("limit on memory reached")

// Default is the memory that an operation may use, in bytes, where nothing else is
// said.
const Default = 1 << 30

// Memory is what is left of an allowance of bytes. It may be used by several
// goroutines. A nil Memory allows everything.
type Memory struct {
	left    atomic.Int64
	allowed int64
	what    string
}

// NewMemory allows n bytes for what is named, as in "the table of operations".
func NewMemory(n int64, what string) *Memory {
	m := &Memory{allowed: n, what: what}
	m.left.Store(n)
	return m
}

// Take takes n bytes off, or fails with an [ErrMemory]; after that, all fails.
func (m *Memory) Take(n int64) error {
	if m == nil || n >= 0 && m.left.Add(-n) >= 0 {
		return nil
	}
	m.left.Store(-1 << 62)
	return fmt.Errorf("%w: %s would take over %s; raise --max-memory if this is to be trusted", ErrMemory, m.what, size(m.allowed))
}

// Count gives how many things of a size are left, at most.
func (m *Memory) Count(size int64) int64 {
	if m == nil {
		return 1 << 62
	}
	return max(m.left.Load(), 0) / size
}

func size(n int64) string {
	if n < 10<<20 {
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d MiB", n>>20)
}
