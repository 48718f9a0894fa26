package recipe

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
)

// text makes n bytes that compress like the contents of a layer do.
func text(n int, seed uint64) []byte {
	rnd := rand.New(rand.NewPCG(seed, 1))
	var b bytes.Buffer
	words := make([]string, 500)
	for i := range words {
		words[i] = fmt.Sprintf("%x", rnd.Uint64N(1<<(8+rnd.UintN(40))))
	}
	for b.Len() < n {
		switch rnd.UintN(40) {
		case 0:
			for range rnd.UintN(400) {
				b.WriteByte(byte(rnd.Uint32()))
			}
		case 1:
			b.Write(make([]byte, rnd.UintN(600)))
		case 2:
			if b.Len() > 100 {
				from := rnd.IntN(b.Len() - 50)
				b.Write(bytes.Clone(b.Bytes()[from:min(b.Len(), from+rnd.IntN(5000))]))
			}
		default:
			b.WriteString(words[rnd.IntN(1+rnd.IntN(len(words)))])
			b.WriteByte(' ')
		}
	}
	return b.Bytes()[:n]
}

// unpack decompresses packed with NewReader.
func unpack(t testing.TB, f Format, packed []byte) []byte {
	t.Helper()
	r, err := NewReader(f, bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return plain
}

func find(f Format, packed, plain []byte, opt Options) (*Recipe, error) {
	return Find(context.Background(), Input{
		Format: f, Compressed: bytes.NewReader(packed), Size: int64(len(packed)),
		Plain: bytes.NewReader(plain), PlainSize: int64(len(plain)),
	}, opt)
}

// roundTrip finds a recipe for packed, serializes, parses and replays it.
func roundTrip(t testing.TB, f Format, packed []byte, opt Options) *Recipe {
	t.Helper()
	plain := unpack(t, f, packed)
	found, err := find(f, packed, plain, opt)
	if err != nil {
		t.Fatalf("Find: %v", err)
	}
	b, err := found.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Parse(b, nil)
	if err != nil {
		t.Fatalf("Parse: %v (%s, %x)", err, found, b)
	}
	if r.Size() != int64(len(packed)) || r.PlainSize() != int64(len(plain)) || r.Format() != f {
		t.Errorf("recipe for %s, %d of %d bytes, want %s, %d of %d", r.Format(), r.Size(), r.PlainSize(), f, len(packed), len(plain))
	}
	for _, by := range []struct{ cores, step int }{{1, 1021}, {3, 1 << 16}} {
		if got, err := replay(r, plain, by.step, by.cores); err != nil || !bytes.Equal(got, packed) {
			t.Fatalf("replay of %s in steps of %d on %d cores: %d bytes, want %d, error %v", r, by.step, by.cores, len(got), len(packed), err)
		}
	}
	return r
}

func replay(r *Recipe, plain []byte, step, cores int) ([]byte, error) {
	var out bytes.Buffer
	w, err := r.NewWriter(&out, WriterOptions{Concurrency: cores})
	if err != nil {
		return nil, err
	}
	for len(plain) > 0 {
		n := min(step, len(plain))
		if _, err := w.Write(plain[:n]); err != nil {
			w.Close()
			return out.Bytes(), err
		}
		plain = plain[n:]
	}
	err = w.Close()
	return out.Bytes(), err
}

func TestGoGzip(t *testing.T) {
	for _, level := range []int{-2, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9} {
		for _, n := range []int{0, 1, 100, 65535, 300000, 5 << 20} {
			if n > 1<<20 && (level != 6 || testing.Short()) {
				continue
			}
			var b bytes.Buffer
			w, _ := gzip.NewWriterLevel(&b, level)
			w.Write(text(n, 7))
			w.Close()
			r := roundTrip(t, Gzip, b.Bytes(), Options{Concurrency: 2, Debugf: t.Logf})
			enc, _ := r.AppendBinary(nil)
			t.Logf("%d %d: %s, %d bytes", level, n, r, len(enc))
		}
	}
}
