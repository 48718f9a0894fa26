package goflate

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"regexp"
	"runtime"
	"strconv"
	"testing"

	"github.com/docker-delta/docker-delta/recipe/golden"
)

func levels() (all []int) {
	for level := HuffmanOnly; level <= BestCompression; level++ {
		all = append(all, level)
	}
	return all
}

// standard says whether the standard library at hand is of the class.
func standard() bool {
	m := regexp.MustCompile(`^go1\.(\d+)`).FindStringSubmatch(runtime.Version())
	if m == nil {
		return false
	}
	minor, _ := strconv.Atoi(m[1])
	return minor <= 26
}

func TestWriteSizesAndReset(t *testing.T) {
	for _, it := range golden.Items() {
		if len(it.Data) > 100_000 {
			it.Data = it.Data[:100_000]
			it.Flush = min(it.Flush, len(it.Data))
		}
		for _, level := range levels() {
			var want, got bytes.Buffer
			z, err := NewWriter(&want, level)
			if err != nil {
				t.Fatal(err)
			}
			compress(t, z, it, 1<<20)
			r := flate.NewReader(bytes.NewReader(want.Bytes()))
			plain, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(plain, it.Data) {
				t.Fatalf("%s, level %d: does not inflate to the input: %v", it.Name, level, err)
			}
			for _, step := range []int{1, 4099, 65535} {
				got.Reset()
				z.Reset(&got)
				compress(t, z, it, step)
				if !bytes.Equal(got.Bytes(), want.Bytes()) {
					t.Errorf("%s, level %d: written %d bytes at a time, after a Reset, the stream differs", it.Name, level, step)
				}
			}
		}
	}
}

// TestRebase lets positions overflow early.
func TestRebase(t *testing.T) {
	data := golden.Tar(11, 500_000)
	for _, level := range levels()[3:] {
		var want, got bytes.Buffer
		z, _ := NewWriter(&want, level)
		compress(t, z, golden.Item{Data: data}, 1<<20)
		z.Reset(&got)
		switch c := z.comp.(type) {
		case *matcher:
			c.base = rebase - 3*windowSize
		case *speeder:
			c.cur = curLimit - 100_000
		}
		compress(t, z, golden.Item{Data: data}, 1<<20)
		if !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Errorf("level %d: the stream differs when positions overflow", level)
		}
		if c, ok := z.comp.(*matcher); ok && c.base >= rebase-3*windowSize {
			t.Errorf("level %d: positions did not overflow", level)
		}
		if c, ok := z.comp.(*speeder); ok && c.cur >= curLimit {
			t.Errorf("level %d: positions did not overflow", level)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, level := range []int{-3, 10} {
		if _, err := NewWriter(io.Discard, level); err == nil {
			t.Errorf("level %d is accepted", level)
		}
	}
	broken := errors.New("broken")
	for _, level := range levels() {
		for _, room := range []int{0, 1, 5000, 40_000} {
			z, _ := NewWriter(&failing{room, broken}, level)
			_, err := z.Write(golden.Random(1, 200_000))
			if err == nil {
				err = z.Close()
			}
			if !errors.Is(err, broken) {
				t.Errorf("level %d: error %v, want %v", level, err, broken)
			}
			if _, err := z.Write([]byte("x")); !errors.Is(err, broken) {
				t.Errorf("level %d: the error is not sticky: %v", level, err)
			}
		}
		z, _ := NewWriter(io.Discard, level)
		if err := errors.Join(z.Close(), z.Close()); err != nil {
			t.Error(err)
		}
		if _, err := z.Write(nil); err == nil {
			t.Errorf("level %d: Write after Close succeeds", level)
		}
	}
}

type failing struct {
	room int
	err  error
}

func (f *failing) Write(p []byte) (int, error) {
	if f.room -= len(p); f.room < 0 {
		return 0, f.err
	}
	return len(p), nil
}

func FuzzStandard(f *testing.F) {
	for i, it := range golden.Items() {
		f.Add(it.Data[:min(len(it.Data), 20_000)], i%12-2, uint16(i*100), uint8(i))
	}
	f.Fuzz(func(t *testing.T, data []byte, level int, flush uint16, times uint8) {
		if level < HuffmanOnly || level > BestCompression {
			return
		}
		// Repeat the data, so that windows fill up.
		data = bytes.Repeat(data, 1+int(times)%16)
		if len(data) > 200_000 {
			data = data[:200_000]
		}
		at := min(int(flush), len(data))
		var got bytes.Buffer
		z, _ := NewWriter(&got, level)
		compress(t, z, golden.Item{Data: data, Flush: at}, 1<<20)
		plain, err := io.ReadAll(flate.NewReader(bytes.NewReader(got.Bytes())))
		if err != nil || !bytes.Equal(plain, data) {
			t.Fatalf("does not inflate to the input: %v", err)
		}
		if !standard() {
			return
		}
		var want bytes.Buffer
		w, _ := flate.NewWriter(&want, level)
		w.Write(data[:at])
		if at > 0 {
			w.Flush()
		}
		w.Write(data[at:])
		w.Close()
		if !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Errorf("level %d: the stream differs from the standard library's", level)
		}
	})
}

func BenchmarkWriter(b *testing.B) {
	data := golden.Tar(12, 8<<20)
	for _, level := range levels() {
		z, _ := NewWriter(io.Discard, level)
		b.Run(fmt.Sprintf("goflate/%d", level), func(b *testing.B) { benchmark(b, z, data) })
		w, _ := flate.NewWriter(io.Discard, level)
		b.Run(fmt.Sprintf("standard/%d", level), func(b *testing.B) { benchmark(b, w, data) })
	}
}

func benchmark(b *testing.B, w interface {
	io.WriteCloser
	Reset(io.Writer)
}, data []byte) {
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		w.Reset(io.Discard)
		w.Write(data)
		w.Close()
	}
}
