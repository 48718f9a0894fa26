package layer

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/docker-delta/docker-delta/internal/limit"
	"github.com/docker-delta/docker-delta/internal/spool"
	"github.com/docker-delta/docker-delta/recipe"
)

// refused runs what must fail for want of memory without taking much more.
func refused(t *testing.T, name string, most uint64, f func(mem *limit.Memory) error) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := f(limit.NewMemory(1<<20, "this table"))
	runtime.ReadMemStats(&after)
	if !errors.Is(err, limit.ErrMemory) || !strings.Contains(err.Error(), "this table would take over 1024 KiB; raise --max-memory") {
		t.Errorf("%s: %v", name, err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > most {
		t.Errorf("%s: %d bytes were allocated", name, n)
	}
}

// Tables that a few bytes stand for are refused before there is room for them.
func TestHostileTables(t *testing.T) {
	s, _ := unwrapped(t, makeTar(t, tar.FormatUSTAR, member{"a.gz", makeGzip(t, 6, text(1, 1000))}), true)
	var step []byte // a coded step, with its inner program
	program := NewProgram(s)
	if len(program.steps) != 1 {
		t.Fatalf("%d steps", len(program.steps))
	}
	coded, err := program.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	_, n := binary.Uvarint(coded)
	step = coded[n:]
	const many = 200_000
	steps := append(binary.AppendUvarint(nil, many), bytes.Repeat(step, many)...)
	refused(t, "steps", 8<<20, func(mem *limit.Memory) error {
		_, err := ParseProgram(steps, 1<<50, mem)
		return err
	})
	_, k := binary.Uvarint(step)
	length, m := binary.Uvarint(step[k:])
	start := step[:k+m+int(length)] // what stands before the chunks
	chunked := append([]byte{1}, start...)
	chunked = binary.AppendUvarint(chunked, 1<<20)
	chunked = append(chunked, make([]byte, 1<<20)...)
	refused(t, "chunks", 8<<20, func(mem *limit.Memory) error {
		_, err := ParseProgram(chunked, 1<<50, mem)
		return err
	})
	stream := []byte{0, 0, 1, 1, byte(recipe.Gzip), 0}
	streams := append(binary.AppendUvarint(nil, many), bytes.Repeat(stream, many)...)
	if _, err := ParseReference(streams, []int64{1 << 30}, nil); err != nil {
		t.Fatalf("the streams are not what this test means: %v", err)
	}
	refused(t, "streams", 8<<20, func(mem *limit.Memory) error {
		_, err := ParseReference(streams, []int64{1 << 30}, mem)
		return err
	})
	deep := []byte{}
	for range MaxDepth + 2 {
		deep = append(deep, 1)
		deep = append(deep, start...)
		deep = append(deep, 0)
	}
	if _, err := ParseProgram(deep, 1<<50, nil); !errors.Is(err, ErrProgram) || !strings.Contains(err.Error(), "nested too deeply") {
		t.Errorf("nesting: %v", err)
	}
}

// An image of millions of tiny files, whose list would take more than all of them.
func TestHostileTar(t *testing.T) {
	one := makeTar(t, tar.FormatUSTAR, member{"x", []byte("y")})
	one = one[:1024] // without the end
	refused(t, "tiny files", 4<<20, func(mem *limit.Memory) error {
		_, err := Scan(&repeat{b: one, n: 1 << 40}, mem)
		return err
	})
	// The same inside of a gzip file, which has to be unwrapped to be seen.
	bomb := makeTar(t, tar.FormatUSTAR, member{"layer.tar.gz", makeGzip(t, 9, bytes.Repeat(one, 20_000))})
	s := scanned(t, bomb)
	refused(t, "tiny files in a gzip file", 64<<20, func(mem *limit.Memory) error {
		u := &Unwrapper{Dir: spool.NewDir(t.TempDir(), 0), Concurrency: 1, Memory: mem}
		defer u.Close()
		if err := u.Cut(context.Background(), s); err != nil {
			return err
		}
		return u.Unwrap(context.Background(), s)
	})
}

type repeat struct {
	b    []byte
	n    int64
	left []byte
}

func (r *repeat) Read(p []byte) (int, error) {
	if len(r.left) == 0 {
		if r.n == 0 {
			return 0, io.EOF
		}
		r.n--
		r.left = r.b
	}
	n := copy(p, r.left)
	r.left = r.left[n:]
	return n, nil
}

// Names that are long and part of many others do not multiply.
func TestHostileNames(t *testing.T) {
	var z bytes.Buffer
	w := zip.NewWriter(&z)
	for i := range 1000 {
		f, err := w.CreateHeader(&zip.FileHeader{Name: fmt.Sprint(i), Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	s := scanned(t, makeTar(t, tar.FormatPAX, member{strings.Repeat("n", 500_000), z.Bytes()}))
	u := &Unwrapper{Dir: spool.NewDir(t.TempDir(), 0), Concurrency: 1}
	if err := u.Cut(context.Background(), s); err != nil {
		t.Fatal(err)
	}
	names, total := 0, 0
	_ = s.Leaves(func(n *Node) error {
		names++
		total += len(n.Path)
		return nil
	})
	if names < 2000 || total > names*maxPath {
		t.Errorf("%d names have %d bytes", names, total)
	}
}

// A window that only a hostile frame asks for is refused.
func TestHostileWindow(t *testing.T) {
	// Magic, no single segment, window of 2^41 bytes, a last raw block of one byte.
	frame := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 31 << 3, 0x09, 0x00, 0x00, 'x'}
	r, err := recipe.NewReader(recipe.Zstd, bytes.NewReader(frame))
	if err == nil {
		_, err = io.Copy(io.Discard, r)
		r.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "window") {
		t.Errorf("%v", err)
	}
}
