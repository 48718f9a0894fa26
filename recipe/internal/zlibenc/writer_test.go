package zlibenc_test

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"testing"

	"github.com/docker-delta/docker-delta/recipe/internal/zlibenc"
	"github.com/docker-delta/docker-delta/recipe/internal/zlibenc/corpus"
)

// variants has parameters of every kind.
var variants = []zlibenc.Params{
	{},
	{MemLevel: 9},
	{MemLevel: 1, WindowBits: 9},
	{Strategy: zlibenc.Filtered, WindowBits: 11},
	{Strategy: zlibenc.HuffmanOnly},
	{Strategy: zlibenc.RLE},
	{Strategy: zlibenc.Fixed},
	{Variant: zlibenc.GNU},
	{Variant: zlibenc.Busybox},
	{Variant: zlibenc.Pigz, Concurrency: 3, Piece: 32 << 10},
	{Variant: zlibenc.PigzSingle, Piece: 32 << 10},
	{Variant: zlibenc.Pigz, Independent: true, Piece: 32 << 10},
	{Variant: zlibenc.PigzSingle, Independent: true, Piece: 32 << 10},
}

// check compresses data at once, in writes of step bytes with a reused writer, and
// compares, and decompresses.
func check(t *testing.T, p zlibenc.Params, data []byte, step int) {
	t.Helper()
	once := encode(t, p, data)
	plain, err := io.ReadAll(flate.NewReader(bytes.NewReader(once)))
	if err != nil || !bytes.Equal(plain, data) {
		t.Fatalf("%+v: inflated to other bytes (%v)", p, err)
	}

	var b bytes.Buffer
	p.Concurrency = 1
	w, err := zlibenc.NewWriter(io.Discard, p)
	if err != nil {
		t.Fatal(err)
	}
	// Leave something behind, unfinished.
	if _, err := w.Write(bytes.Repeat(data[len(data)/3:], 2)); err != nil {
		t.Fatal(err)
	}
	w.Reset(&b)
	for rest := data; len(rest) > 0; {
		n := min(step, len(rest))
		if _, err := w.Write(rest[:n]); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), once) {
		t.Fatalf("%+v: writes of %d bytes or a reused writer changed the output: %s", p, step, difference(b.Bytes(), once))
	}
}

func TestWriteSizes(t *testing.T) {
	for i, p := range variants {
		for _, level := range []int{1, 4, 6, 9} {
			p.Level = level
			for j, step := range []int{1000, 32768, 65536, 65537} {
				kind := corpus.Kinds[(i+j)%len(corpus.Kinds)]
				check(t, p, corpus.Data(kind, 140000+i*100, uint64(level)), step)
			}
			check(t, p, corpus.Data("mixed", 3000, uint64(level)), 1)
			check(t, p, nil, 1)
		}
	}
}

func FuzzWriter(f *testing.F) {
	for i := range variants {
		f.Add(uint8(i), uint8(i), 100+i, uint16(i), []byte("a seed, a seed, seeds"))
		f.Add(uint8(i), uint8(i+5), 7, uint16(1000*i), corpus.Data("repeats", 900, uint64(i)))
	}
	f.Fuzz(func(t *testing.T, v, level uint8, step int, more uint16, data []byte) {
		p := variants[int(v)%len(variants)]
		p.Level = 1 + int(level)%9
		// Grow the data, so that it reaches the window's end.
		big := append(corpus.Data("repeats", 2*int(more), uint64(v)), data...)
		check(t, p, big, 1+max(0, step)%70000)
	})
}

func TestFlush(t *testing.T) {
	data := corpus.Data("text", 200000, 1)
	for mode := zlibenc.BlockFlush; mode <= zlibenc.FullFlush; mode++ {
		var b bytes.Buffer
		w, err := zlibenc.NewWriter(&b, zlibenc.Params{Level: 6})
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range [][]byte{data[:1], data[1:70000], nil, data[70000:]} {
			if _, err := w.Write(part); err != nil {
				t.Fatal(err)
			}
			if err := w.Flush(mode); err != nil {
				t.Fatal(err)
			}
		}
		size := b.Len()
		if err := w.Flush(mode); err != nil || b.Len() != size {
			t.Errorf("mode %d: a second flush wrote %d bytes, error %v", mode, b.Len()-size, err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		plain, err := io.ReadAll(flate.NewReader(&b))
		if err != nil || !bytes.Equal(plain, data) {
			t.Errorf("mode %d: inflated to other bytes (%v)", mode, err)
		}
	}
}

func TestBadParams(t *testing.T) {
	for _, p := range []zlibenc.Params{
		{}, {Level: -1}, {Level: 10}, {Level: 6, Variant: 99}, {Level: 6, MemLevel: 10}, {Level: 6, MemLevel: -1},
		{Level: 6, WindowBits: 8}, {Level: 6, WindowBits: 16}, {Level: 6, Strategy: 5}, {Level: 6, Piece: 1},
		{Level: 6, Piece: 1 << 30}, {Level: 6, Variant: zlibenc.GNU, WindowBits: 14},
		{Level: 6, Variant: zlibenc.Busybox, MemLevel: 6},
	} {
		if _, err := zlibenc.NewWriter(io.Discard, p); err == nil {
			t.Errorf("%+v was accepted", p)
		}
	}
}

type brokenWriter struct{ left int }

var errBroken = errors.New("broken")

func (w *brokenWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, errBroken
	}
	return len(p), nil
}

func TestWriteError(t *testing.T) {
	data := corpus.Data("random", 1<<20, 1)
	for _, p := range variants {
		p.Level = 1
		w, err := zlibenc.NewWriter(&brokenWriter{100000}, p)
		if err != nil {
			t.Fatal(err)
		}
		_, werr := w.Write(data)
		if cerr := w.Close(); !errors.Is(cerr, errBroken) && !errors.Is(werr, errBroken) {
			t.Errorf("%+v: errors %v and %v", p, werr, cerr)
		}
	}
}
