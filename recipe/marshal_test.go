package recipe

import (
	"bytes"
	"compress/gzip"
	"errors"
	"hash/crc32"
	"io"
	"testing"
)

// samples are recipes of every shape with their plain bytes.
func samples(t testing.TB) (recipes [][]byte, plains [][]byte) {
	t.Helper()
	plain := text(4000, 4)
	add := func(f Format, packed, plain []byte, opt Options) {
		r, err := find(f, packed, plain, opt)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := r.AppendBinary(nil)
		recipes, plains = append(recipes, b), append(plains, plain)
	}
	one := member(t, plain, 6, gzip.Header{Name: "x"})
	add(Gzip, one, plain, Options{})
	add(Gzip, append(bytes.Clone(one), make([]byte, 500)...), plain, Options{})
	three := bytes.Join([][]byte{one, one, one, member(t, plain, 1, gzip.Header{}), []byte("end")}, nil)
	add(Gzip, three, bytes.Repeat(plain, 4), Options{})
	add(Deflate, foreign(t, plain), plain, Options{MaxCorrections: 1000})
	add(Zstd, zstdBlob(t, plain, 2, 0), plain, Options{})
	return recipes, plains
}

// TestDamage replays damaged recipes: they fail, or write the number of bytes
// that they announce, and never more.
func TestDamage(t *testing.T) {
	recipes, plains := samples(t)
	for k, b := range recipes {
		for n := range b {
			if r, err := Parse(b[:n], nil); err == nil {
				replayAny(t, r, plains[k])
			} else if !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrUnknownEncoder) {
				t.Errorf("sample %d cut to %d bytes: %v", k, n, err)
			}
		}
		for n := 0; n < 8*len(b); n++ {
			c := bytes.Clone(b)
			c[n/8] ^= 1 << (n % 8)
			if r, err := Parse(c, nil); err == nil {
				replayAny(t, r, plains[k])
			} else if !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrUnknownEncoder) {
				t.Errorf("sample %d with bit %d flipped: %v", k, n, err)
			}
		}
	}
}

func replayAny(t testing.TB, r *Recipe, plain []byte) {
	t.Helper()
	sum := crc32.NewIEEE()
	out := &countWriter{w: sum, limit: r.Size()}
	w, err := r.NewWriter(out, WriterOptions{})
	if err != nil {
		return
	}
	if r.Size() > 1<<24 { // zeros without end
		return
	}
	_, err = w.Write(plain)
	if cerr := w.Close(); err == nil {
		err = cerr
	}
	if err == nil && (out.n != r.Size() || int64(len(plain)) != r.PlainSize()) {
		t.Errorf("%s: %d of %d bytes, and no error", r, out.n, r.Size())
	}
}

func TestWrongPlain(t *testing.T) {
	recipes, plains := samples(t)
	for k, b := range recipes {
		r, err := Parse(b, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := replay(r, plains[k][1:], 100, 1); err == nil {
			t.Errorf("%s: no error for missing bytes", r)
		}
		if _, err := replay(r, append(bytes.Clone(plains[k]), 1), 100, 2); err == nil {
			t.Errorf("%s: no error for a byte too many", r)
		}
		w, err := r.NewWriter(failing{}, WriterOptions{Concurrency: 2})
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Write(plains[k])
		if cerr := w.Close(); err == nil {
			err = cerr
		}
		if !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("%s: error of the destination lost, got %v", r, err)
		}
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestUnknownEncoder(t *testing.T) {
	c := coding{encoder: 4711, level: 6}
	r := &Recipe{format: Gzip, size: 20, parts: []part{{stream: true, coding: c, plain: 5}}}
	b, _ := r.AppendBinary(nil)
	if _, err := Parse(b, nil); !errors.Is(err, ErrUnknownEncoder) {
		t.Errorf("Parse of an unknown encoder: %v", err)
	}
}

// TestRegistry keeps the numbers on the wire what they are.
func TestRegistry(t *testing.T) {
	want := map[encoderID]string{
		1:  "Go compress/flate 1.8-1.26",
		10: "klauspost flate Go 1.27", 11: "klauspost flate 1.20.0-1.20.3", 12: "klauspost flate 1.18.2-1.19.2",
		13: "klauspost flate 1.18.1", 14: "klauspost flate 1.15.15-1.17.11",
		15: "klauspost flate 1.15.11-1.15.14", 16: "klauspost flate 1.15.10",
		17: "klauspost flate 1.15.0-1.15.9", 18: "klauspost flate 1.14.3-1.14.4",
		19: "klauspost flate 1.14.2", 20: "klauspost flate 1.14.0-1.14.1",
		21: "klauspost flate 1.12.3-1.13.6", 22: "klauspost flate 1.12.2",
		23: "klauspost flate 1.11.13-1.12.1", 24: "klauspost flate 1.10.2-1.11.12",
		25: "klauspost flate 1.18.0",
		30: "zlib 1.2-1.3", 31: "GNU gzip 1.2-1.14", 32: "busybox gzip 1.x", 33: "pigz 2.x", 34: "pigz -p1 2.x",
		50: "klauspost zstd 1.11.13-1.13.6", 51: "klauspost zstd 1.14.0-1.16.4", 52: "klauspost zstd 1.15.11-1.16.4",
		53: "klauspost zstd 1.16.5-1.16.7", 54: "klauspost zstd 1.17.0-1.17.7", 55: "klauspost zstd 1.17.3-1.17.7",
		56: "klauspost zstd 1.17.6-1.17.7", 57: "klauspost zstd 1.17.8-1.20.2", 58: "klauspost zstd 1.20.3",
		90: "corrections 1",
	}
	for _, e := range registry {
		if got := e.name + " " + e.class; want[e.id] != got {
			t.Errorf("encoder %d is %q, want %q", e.id, got, want[e.id])
		}
		delete(want, e.id)
	}
	if len(want) > 0 {
		t.Errorf("encoders are missing: %v", want)
	}
}

// FuzzParse checks that what parses marshals back identically and replays
// without a panic.
func FuzzParse(f *testing.F) {
	recipes, plains := samples(f)
	for k := range recipes {
		f.Add(recipes[k], plains[k][:50])
		f.Add(recipes[k], plains[k])
	}
	f.Fuzz(func(t *testing.T, b, plain []byte) {
		r, err := Parse(b, nil)
		if err != nil {
			return
		}
		if again, _ := r.AppendBinary(nil); !bytes.Equal(again, b) {
			t.Fatalf("%x marshals to %x", b, again)
		}
		_ = r.String()
		replayAny(t, r, plain)
	})
}

// FuzzFind checks that whatever is found gives the input back, on any input.
func FuzzFind(f *testing.F) {
	plain := text(300, 1)
	f.Add(byte(Gzip), member(f, plain, 6, gzip.Header{Name: "x"}))
	f.Add(byte(Zstd), zstdBlob(f, plain, 2, 10))
	f.Add(byte(Deflate), foreign(f, plain))
	f.Add(byte(Zlib), []byte{0x78, 0x9c, 3, 0, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, format byte, packed []byte) {
		r, err := NewReader(Format(format), bytes.NewReader(packed))
		if err != nil {
			return
		}
		plain, err := io.ReadAll(io.LimitReader(r, 1<<16))
		if err != nil || len(plain) == 1<<16 {
			return
		}
		found, err := find(Format(format), packed, plain, Options{MaxCorrections: 1 << 20})
		if err != nil {
			return
		}
		if got, err := replay(found, plain, 100, 1); err != nil || !bytes.Equal(got, packed) {
			t.Fatalf("%s gives %x, error %v, want %x", found, got, err, packed)
		}
	})
}
