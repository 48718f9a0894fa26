package recipe

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	kpflate "github.com/klauspost/compress/flate"
)

// member compresses plain as one gzip member of Go's standard library.
func member(t testing.TB, plain []byte, level int, h gzip.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	w.Header = h
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestGzipFrames(t *testing.T) {
	plain := text(9000, 3)
	one := member(t, plain, 6, gzip.Header{OS: 255})
	rnd := make([]byte, 3000)
	for i := range rnd {
		rnd[i] = byte(i*i*7 + i>>3)
	}
	for _, test := range []struct {
		name   string
		packed []byte
	}{
		{"name", member(t, plain, 9, gzip.Header{Name: "a file", Comment: "a comment", ModTime: time.Unix(1e9, 0), OS: 3})},
		{"extra", member(t, plain, 1, gzip.Header{Extra: []byte("ab\x03\x00xyz")})},
		{"long comment", member(t, plain, 1, gzip.Header{Comment: strings.Repeat("long ", 100)})},
		{"stored", member(t, text(70000, 9), 0, gzip.Header{})},
		{"incompressible", member(t, rnd, 6, gzip.Header{})},
		{"two levels", append(bytes.Clone(one), member(t, plain, 1, gzip.Header{OS: 255})...)},
		{"zeros behind", append(bytes.Clone(one), make([]byte, 100000)...)},
		{"one zero behind", append(bytes.Clone(one), 0)},
		{"garbage behind", append(bytes.Clone(one), "garbage"...)},
		{"half a magic number behind", append(bytes.Clone(one), 0x1f, 0x8b)},
		{"empty member in front", append(member(t, nil, 6, gzip.Header{}), one...)},
		{"empty members", append(append(member(t, nil, 6, gzip.Header{}), one...), member(t, nil, 6, gzip.Header{})...)},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := roundTrip(t, Gzip, test.packed, Options{Concurrency: 2})
			b, _ := r.AppendBinary(nil)
			t.Logf("%s, %d bytes", r, len(b))
		})
	}
}

// TestManyMembers is about blobs like eStargz, with a member for each file.
func TestManyMembers(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var packed []byte
	for i := range 400 {
		packed = append(packed, member(t, text(rnd.IntN(5000), uint64(i)), 9, gzip.Header{OS: 255})...)
	}
	r := roundTrip(t, Gzip, packed, Options{Concurrency: 2})
	b, _ := r.AppendBinary(nil)
	if len(b) > 3*400+100 {
		t.Errorf("recipe of 400 members is %d bytes: %s", len(b), r)
	}
	t.Logf("%s, %d bytes", r, len(b))
}

func TestZlibAndDeflate(t *testing.T) {
	for _, level := range []int{-2, 0, 1, 6, 9} {
		plain := text(60000, uint64(level+5))
		var z, d bytes.Buffer
		zw, _ := zlib.NewWriterLevel(&z, level)
		zw.Write(plain)
		zw.Close()
		roundTrip(t, Zlib, z.Bytes(), Options{})
		roundTrip(t, Zlib, append(z.Bytes(), "tail"...), Options{})
		dw, _ := flate.NewWriter(&d, level)
		dw.Write(plain)
		dw.Flush()
		dw.Close()
		r := roundTrip(t, Deflate, d.Bytes(), Options{})
		if !strings.Contains(r.String(), "flushed before the end") && level != 0 {
			t.Errorf("flushed stream taken for %s", r)
		}
		n, size, err := InflateAt(bytes.NewReader(append(d.Bytes(), "behind"...)), 0, int64(d.Len()+6), nil, 60000)
		if n != int64(d.Len()) || size != 60000 || err != nil {
			t.Errorf("InflateAt = %d, %d, %v, want %d, 60000", n, size, err, d.Len())
		}
		if _, _, err := InflateAt(bytes.NewReader(d.Bytes()), 0, int64(d.Len()), nil, 59999); !errors.Is(err, ErrTooLarge) {
			t.Errorf("InflateAt over the limit: %v", err)
		}
	}
}

// foreign makes a stream that no encoder here writes: blocks are cut at odd places.
func foreign(t testing.TB, plain []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := kpflate.NewWriter(&b, 6)
	if err != nil {
		t.Fatal(err)
	}
	for len(plain) > 0 {
		n := min(len(plain), 7777)
		w.Write(plain[:n])
		w.Flush()
		plain = plain[n:]
	}
	w.Close()
	return b.Bytes()
}

func TestCorrections(t *testing.T) {
	plain := text(100000, 8)
	packed := foreign(t, plain)
	if r, err := find(Deflate, packed, plain, Options{}); !errors.Is(err, ErrNotReproduced) {
		t.Fatalf("Find without corrections: %v, %v", r, err)
	}
	if r, err := find(Deflate, packed, plain, Options{MaxCorrections: 10}); !errors.Is(err, ErrNotReproduced) {
		t.Fatalf("Find with few corrections: %v, %v", r, err)
	}
	r := roundTrip(t, Deflate, packed, Options{MaxCorrections: 1 << 20})
	if n := r.Corrections(); n == 0 || n > int64(len(packed)/4) {
		t.Errorf("%d bytes of corrections for %d: %s", n, len(packed), r)
	}
	if want := fmt.Sprintf("deflate, unknown encoder, %d bytes of corrections", r.Corrections()); r.String() != want {
		t.Errorf("it is described as %q, want %q", r, want)
	}
	hinted, err := find(Deflate, packed, plain, Options{MaxCorrections: 1 << 20, Hint: r, HintOnly: true})
	if err != nil || hinted.Corrections() != r.Corrections() {
		t.Errorf("Find with a hint of corrections: %v, %v", hinted, err)
	}
}

func TestHint(t *testing.T) {
	var tried int
	opt := Options{Debugf: func(string, ...any) { tried++ }}
	plain := text(30000, 1)
	packed := member(t, plain, 4, gzip.Header{})
	hint := roundTrip(t, Gzip, packed, opt)
	if tried == 0 {
		t.Fatal("level 4 is found at once: the test says nothing")
	}
	tried = 0
	opt.Hint, opt.HintOnly = hint, true
	roundTrip(t, Gzip, member(t, text(20000, 2), 4, gzip.Header{}), opt)
	if tried > 0 {
		t.Errorf("%d candidates failed in spite of the hint", tried)
	}
	if _, err := find(Gzip, member(t, plain, 1, gzip.Header{}), plain, opt); !errors.Is(err, ErrNotReproduced) {
		t.Errorf("Find with a wrong hint only: %v", err)
	}
}
