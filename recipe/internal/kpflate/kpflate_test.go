package kpflate

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"testing"

	kp "github.com/klauspost/compress/flate"

	"github.com/docker-delta/docker-delta/recipe/golden"
)

// each calls f with every class and level.
func each(f func(c Class, level int)) {
	for _, c := range Classes() {
		for level := HuffmanOnly; level <= BestCompression; level++ {
			if Supports(c, level) {
				f(c, level)
			}
		}
	}
}

func TestWriteSizesAndReset(t *testing.T) {
	items := golden.Items()
	for _, name := range []string{"empty", "text-30", "text-100", "text-flush", "elf-flush", "rare", "random"} {
		it := items[index(items, name)]
		if len(it.Data) > 80_000 {
			it.Data = it.Data[:80_000]
			it.Flush /= 2
		}
		for _, c := range candidates(false) {
			var want, got bytes.Buffer
			z, err := NewWriter(&want, c.Class, c.Level)
			if err != nil {
				t.Fatal(err)
			}
			compress(t, z, it, 1<<20)
			plain, err := io.ReadAll(flate.NewReader(bytes.NewReader(want.Bytes())))
			if err != nil || !bytes.Equal(plain, it.Data) {
				t.Fatalf("%s, %v: does not inflate to the input: %v", name, c, err)
			}
			for _, step := range []int{13, 32768} {
				got.Reset()
				z.Reset(&got)
				compress(t, z, it, step)
				if !bytes.Equal(got.Bytes(), want.Bytes()) {
					t.Errorf("%s, %v: written %d bytes at a time, after a Reset, the stream differs", name, c, step)
				}
			}
		}
	}
}

func index(items []golden.Item, name string) int {
	for i, it := range items {
		if it.Name == name {
			return i
		}
	}
	panic("no item " + name)
}

// TestRebase lets positions overflow early.
func TestRebase(t *testing.T) {
	data := golden.Tar(11, 700_000)
	for level := BestSpeed; level <= BestCompression; level++ {
		var want, got bytes.Buffer
		z, err := NewWriter(&want, V1_15_15, level)
		if err != nil {
			t.Fatal(err)
		}
		compress(t, z, golden.Item{Data: data}, 1<<20)
		z.Reset(&got)
		var pos *int
		switch c := z.comp.(type) {
		case *lazy:
			pos = &c.base
		case *fast:
			pos = &c.win.cur
		}
		*pos = rebase - 200_000
		compress(t, z, golden.Item{Data: data}, 1<<20)
		if !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Errorf("level %d: the stream differs when positions overflow", level)
		}
		if *pos >= rebase-200_000 {
			t.Errorf("level %d: positions did not overflow", level)
		}
		*pos = rebase - 1
		got.Reset()
		z.Reset(&got)
		compress(t, z, golden.Item{Data: data}, 1<<20)
		if !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Errorf("level %d: the stream differs after a Reset at the end of positions", level)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, bad := range []candidate{{0, 5}, {200, 5}, {V1_15_0, -3}, {V1_15_0, 10}, {V1_14_0, 7}} {
		if _, err := NewWriter(io.Discard, bad.Class, bad.Level); err == nil {
			t.Errorf("%v, level %d, is accepted", bad.Class, bad.Level)
		}
		if _, err := NewPgzipWriter(io.Discard, bad.Class, bad.Level, PgzipBlock, 1); err == nil {
			t.Errorf("pgzip, %v, level %d, is accepted", bad.Class, bad.Level)
		}
		if Supports(bad.Class, bad.Level) {
			t.Errorf("%v, level %d, is called supported", bad.Class, bad.Level)
		}
	}
	broken := errors.New("broken")
	data := golden.Random(1, 300_000)
	each(func(c Class, level int) {
		z, err := NewWriter(&failing{40_000, broken}, c, level)
		if err != nil {
			t.Fatal(err)
		}
		_, err = z.Write(data)
		if err == nil {
			err = z.Close()
		}
		if !errors.Is(err, broken) {
			t.Errorf("%v, level %d: error %v, want %v", c, level, err, broken)
		}
		if _, err := z.Write([]byte("x")); !errors.Is(err, broken) {
			t.Errorf("%v, level %d: the error is not sticky: %v", c, level, err)
		}
		z.Reset(io.Discard)
		if err := errors.Join(z.Close(), z.Close()); err != nil {
			t.Error(err)
		}
		if _, err := z.Write(nil); err == nil {
			t.Errorf("%v, level %d: Write after Close succeeds", c, level)
		}
	})
	for _, cores := range []int{0, 1, 3} {
		p, err := NewPgzipWriter(&failing{100_000, broken}, V1_15_15, 5, 50_000, cores)
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = p.Write(data)
		}
		if !errors.Is(err, broken) || !errors.Is(p.Close(), broken) {
			t.Errorf("pgzip: error %v, want %v", err, broken)
		}
	}
	if _, err := NewPgzipWriter(io.Discard, V1_15_15, 5, pgzipTail, 1); err == nil {
		t.Error("a pgzip block of 16 KiB is accepted")
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

// TestPgzip checks that concurrency, write sizes and Reset do not matter.
func TestPgzip(t *testing.T) {
	data := golden.Tar(13, 400_000)
	for _, size := range []int{0, 1, 99_999, 100_000, 100_001, 400_000} {
		var want bytes.Buffer
		p, err := NewPgzipWriter(&want, V1_15_15, 5, 100_000, 1)
		if err != nil {
			t.Fatal(err)
		}
		p.Write(data[:size])
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if _, err := p.Write(data); err == nil {
			t.Error("Write after Close succeeds")
		}
		plain, err := io.ReadAll(flate.NewReader(bytes.NewReader(want.Bytes())))
		if err != nil || !bytes.Equal(plain, data[:size]) {
			t.Fatalf("%d bytes: does not inflate to the input: %v", size, err)
		}
		for _, cores := range []int{2, 5} {
			p, err := NewPgzipWriter(io.Discard, V1_15_15, 5, 100_000, cores)
			if err != nil {
				t.Fatal(err)
			}
			p.Write(data[:size/2]) // dropped
			for _, step := range []int{777, 100_000, 400_000} {
				var got bytes.Buffer
				p.Reset(&got)
				for rest := data[:size]; len(rest) > 0; {
					n, err := p.Write(rest[:min(step, len(rest))])
					if err != nil {
						t.Fatal(err)
					}
					rest = rest[n:]
				}
				if err := p.Close(); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got.Bytes(), want.Bytes()) {
					t.Errorf("%d bytes, %d at a time, on %d cores: the stream differs", size, step, cores)
				}
			}
		}
	}
}

// A candidate is an encoder that a stream may come from.
type candidate struct {
	Class Class
	Level int
}

// candidates are all streams that this package can write for the same data, once.
func candidates(pgzip bool) []candidate {
	var all []candidate
	for _, level := range []int{5, 1, 9, 6, 4, 3, 2, 7, 8, HuffmanOnly, NoCompression} {
		for _, c := range Classes() {
			if Supports(c, level) && Canonical(c, level, pgzip) == c {
				all = append(all, candidate{c, level})
			}
		}
	}
	return all
}

// TestCandidates checks that what counts as the same is the same, and the classes' names.
func TestCandidates(t *testing.T) {
	data := append(golden.Tar(14, 150_000), golden.Rare(15, 70_000)...)
	sums := map[candidate]string{}
	sum := func(c Class, level int) string {
		k := candidate{c, level}
		if sums[k] == "" {
			var b bytes.Buffer
			z, err := NewWriter(&b, c, level)
			if err != nil {
				t.Fatal(err)
			}
			compress(t, z, golden.Item{Data: data}, 1<<20)
			sums[k] = golden.Hash(b.Bytes())
		}
		return sums[k]
	}
	seen := map[candidate]bool{}
	for _, pgzip := range []bool{false, true} {
		clear(seen)
		for _, c := range candidates(pgzip) {
			if seen[c] {
				t.Errorf("candidate %v twice", c)
			}
			seen[c] = true
		}
		each(func(c Class, level int) {
			canon := Canonical(c, level, pgzip)
			if !seen[candidate{canon, c.level(level)}] {
				t.Errorf("%v, level %d, stands for %v, but is no candidate", canon, level, c)
			}
			if !pgzip && sum(c, c.level(level)) != sum(canon, c.level(level)) {
				t.Errorf("level %d: %v counts as %v, and differs", level, c, canon)
			}
		})
	}
	if n := len(candidates(false)); n < 60 || n > 120 {
		t.Errorf("%d candidates", n)
	}
	if first := candidates(true)[0]; first != (candidate{V1_15_15, 5}) {
		t.Errorf("the first candidate is %v", first)
	}
	names := map[string]bool{}
	for _, c := range Classes() {
		names[c.String()] = true
	}
	if len(names) != len(classNames)-1 || Class(0).String() != "unknown" || Class(99).String() != "unknown" {
		t.Errorf("classes have the names %v", names)
	}
}

func FuzzKlauspost(f *testing.F) {
	for i, it := range golden.Items() {
		f.Add(it.Data[:min(len(it.Data), 20_000)], uint8(i), i%12-2, uint16(i*100), uint8(i))
	}
	f.Fuzz(func(t *testing.T, data []byte, class uint8, level int, flush uint16, times uint8) {
		c := Class(class)
		if !Supports(c, level) {
			c = V1_20_0
		}
		if !Supports(c, level) {
			return
		}
		// Repeat the data, so that windows fill up.
		data = bytes.Repeat(data, 1+int(times)%16)
		if len(data) > 200_000 {
			data = data[:200_000]
		}
		at := min(int(flush), len(data))
		var got bytes.Buffer
		z, _ := NewWriter(&got, c, level)
		compress(t, z, golden.Item{Data: data, Flush: at}, 1<<20)
		plain, err := io.ReadAll(flate.NewReader(bytes.NewReader(got.Bytes())))
		if err != nil || !bytes.Equal(plain, data) {
			t.Fatalf("%v, level %d: does not inflate to the input: %v", c, level, err)
		}

		var want bytes.Buffer
		got.Reset()
		z, _ = NewWriter(&got, V1_20_0, level)
		compress(t, z, golden.Item{Data: data, Flush: at}, 1<<20)
		w, _ := kp.NewWriter(&want, level)
		w.Write(data[:at])
		if at > 0 {
			w.Flush()
		}
		w.Write(data[at:])
		w.Close()
		if !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Errorf("level %d: the stream differs from that of klauspost 1.20", level)
		}
	})
}

func BenchmarkWriter(b *testing.B) {
	data := golden.Tar(12, 8<<20)
	for level := HuffmanOnly; level <= BestCompression; level++ {
		z, _ := NewWriter(io.Discard, V1_20_0, level)
		b.Run(fmt.Sprintf("kpflate/%d", level), func(b *testing.B) { benchmark(b, z, data) })
		w, _ := kp.NewWriter(io.Discard, level)
		b.Run(fmt.Sprintf("klauspost/%d", level), func(b *testing.B) { benchmark(b, w, data) })
	}
}

func BenchmarkPgzip(b *testing.B) {
	data := golden.Tar(12, 16<<20)
	for _, cores := range []int{1, 2} {
		p, _ := NewPgzipWriter(io.Discard, V1_15_15, 5, PgzipBlock, cores)
		b.Run(fmt.Sprint(cores), func(b *testing.B) { benchmark(b, p, data) })
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
