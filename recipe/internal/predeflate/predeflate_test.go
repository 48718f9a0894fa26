package predeflate_test

import (
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"testing"

	"github.com/docker-delta/docker-delta/recipe/internal/predeflate"
	"github.com/docker-delta/docker-delta/recipe/internal/zlibenc"
	"github.com/docker-delta/docker-delta/recipe/internal/zlibenc/corpus"
)

func analyze(t testing.TB, deflated, plain []byte) []byte {
	t.Helper()
	c, err := predeflate.Analyze(context.Background(), bytes.NewReader(deflated), int64(len(deflated)),
		bytes.NewReader(plain), int64(len(plain)), math.MaxInt64)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func rebuild(c, plain []byte, step int) ([]byte, error) {
	var b bytes.Buffer
	w, err := predeflate.NewWriter(&b, c, int64(len(plain)))
	if err != nil {
		return nil, err
	}
	for len(plain) > 0 {
		n := min(step, len(plain))
		if _, err := w.Write(plain[:n]); err != nil {
			return nil, err
		}
		plain = plain[n:]
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func roundTrip(t testing.TB, deflated, plain []byte, step int) []byte {
	t.Helper()
	c := analyze(t, deflated, plain)
	got, err := rebuild(c, plain, step)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, deflated) {
		i := 0
		for i < len(got) && i < len(deflated) && got[i] == deflated[i] {
			i++
		}
		t.Fatalf("rebuilt %d bytes, want %d; they differ at %d", len(got), len(deflated), i)
	}
	return c
}

func zlib(t testing.TB, p zlibenc.Params, plain []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := zlibenc.NewWriter(&b, p)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func goFlate(t testing.TB, level int, plain []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRoundTrip(t *testing.T) {
	for i, size := range []int{0, 1, 2, 3, 4, 100, 600, 32768, 300000} {
		for j, kind := range corpus.Kinds {
			plain := corpus.Data(kind, size, uint64(i))
			step := []int{1 << 20, 1000, 65536, 517}[(i+j)%4]
			t.Run(fmt.Sprintf("%s-%d", kind, size), func(t *testing.T) {
				roundTrip(t, zlib(t, zlibenc.Params{Level: 1 + (i+j)%9}, plain), plain, step)
				roundTrip(t, zlib(t, zlibenc.Params{Level: 6, WindowBits: 9 + i%7, MemLevel: 1 + j}, plain), plain, step)
				roundTrip(t, goFlate(t, (i+j)%10, plain), plain, step)
				roundTrip(t, goFlate(t, flate.HuffmanOnly, plain), plain, step)
			})
		}
	}
}

// TestCost keeps the corrections of streams of zlib's kind small.
func TestCost(t *testing.T) {
	plain := corpus.Data("mixed", 1<<20, 5)
	for _, test := range []struct {
		p       zlibenc.Params
		percent float64
	}{
		{zlibenc.Params{Level: 6}, 0.5},
		{zlibenc.Params{Level: 9, MemLevel: 9}, 0.5},
		{zlibenc.Params{Level: 1}, 0.5},
		{zlibenc.Params{Level: 6, WindowBits: 12}, 1},
		{zlibenc.Params{Level: 6, Strategy: zlibenc.Fixed}, 0.5},
		{zlibenc.Params{Level: 6, Strategy: zlibenc.HuffmanOnly}, 0.5},
	} {
		d := zlib(t, test.p, plain)
		c := roundTrip(t, d, plain, 1<<20)
		got := 100 * float64(len(c)) / float64(len(d))
		t.Logf("%+v: %d bytes, %.3f%% of %d", test.p, len(c), got, len(d))
		if got > test.percent {
			t.Errorf("%+v: corrections are %.2f%% of the stream, want at most %.2f%%", test.p, got, test.percent)
		}
	}
}

// TestLevelChange has a stream of two levels, one after the other.
func TestLevelChange(t *testing.T) {
	plain := corpus.Data("mixed", 2<<20, 9)
	half := len(plain) / 2
	var b bytes.Buffer
	for i, level := range []int{9, 1} {
		w, err := zlibenc.NewWriter(&b, zlibenc.Params{Level: level})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(plain[i*half : (i+1)*half]); err != nil {
			t.Fatal(err)
		}
		end := w.Close
		if i == 0 {
			end = func() error { return w.Flush(zlibenc.SyncFlush) }
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
	}
	c := roundTrip(t, b.Bytes(), plain, 1<<20)
	// The change is noticed after a block or two, which are a large part here.
	if 25*len(c) > b.Len() {
		t.Errorf("corrections of %d bytes for %d", len(c), b.Len())
	}
}

func TestTooLarge(t *testing.T) {
	plain := corpus.Data("text", 60000, 1)
	d := goFlate(t, 1, plain)
	size := int64(len(analyze(t, d, plain)))
	for _, limit := range []int64{0, 5, size / 2, size - 1} {
		_, err := predeflate.Analyze(context.Background(), bytes.NewReader(d), int64(len(d)), bytes.NewReader(plain), int64(len(plain)), limit)
		if !errors.Is(err, predeflate.ErrTooLarge) {
			t.Errorf("limit %d of %d: error %v", limit, size, err)
		}
	}
}

func TestWrongInput(t *testing.T) {
	plain := corpus.Data("mixed", 100000, 1)
	d := goFlate(t, 6, plain)
	run := func(d, plain []byte) error {
		_, err := predeflate.Analyze(context.Background(), bytes.NewReader(d), int64(len(d)), bytes.NewReader(plain), int64(len(plain)), math.MaxInt64)
		return err
	}
	other := bytes.Clone(plain)
	other[50000] ^= 1
	for name, err := range map[string]error{
		"other plain":  run(d, other),
		"short plain":  run(d, plain[:99999]),
		"long plain":   run(d, append(bytes.Clone(plain), 0)),
		"short stream": run(d[:len(d)-1], plain),
		"long stream":  run(append(bytes.Clone(d), 0), plain),
		"no stream":    run(nil, nil),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	c := analyze(t, d, plain)
	if _, err := rebuild(c, plain[:99999], 1000); err == nil {
		t.Error("rebuilt from too little")
	}
	if _, err := rebuild(c[:len(c)/2], plain, 1000); err == nil {
		t.Error("rebuilt with half the corrections")
	}
	w, err := predeflate.NewWriter(io.Discard, c, int64(len(plain)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(append(bytes.Clone(plain), 0)); err == nil {
		t.Error("took too much")
	}
}

func FuzzWriter(f *testing.F) {
	plain := corpus.Data("mixed", 3000, 1)
	f.Add(analyze(f, goFlate(f, 6, plain), plain), plain)
	f.Add(analyze(f, goFlate(f, 0, plain), plain), plain)
	f.Add(analyze(f, zlib(f, zlibenc.Params{Level: 1}, plain), plain), plain)
	f.Add(analyze(f, goFlate(f, 1, nil), nil), []byte{})
	f.Fuzz(func(t *testing.T, c, plain []byte) {
		d, err := rebuild(c, plain, 700)
		if err != nil {
			return
		}
		// Whatever was written is a stream of these bytes, or cannot be read at all.
		got, err := io.ReadAll(flate.NewReader(bytes.NewReader(d)))
		if err == nil && !bytes.Equal(got, plain) {
			t.Fatalf("inflates to %d other bytes", len(got))
		}
	})
}

func FuzzAnalyze(f *testing.F) {
	plain := corpus.Data("mixed", 3000, 1)
	f.Add(goFlate(f, 6, plain))
	f.Add(goFlate(f, 0, plain))
	f.Add(zlib(f, zlibenc.Params{Level: 6, Strategy: zlibenc.Fixed}, plain))
	f.Fuzz(func(t *testing.T, d []byte) {
		r := bytes.NewReader(d)
		plain, err := io.ReadAll(io.LimitReader(flate.NewReader(r), 1<<20))
		if err != nil {
			plain = nil
		}
		d = d[:len(d)-r.Len()]
		c, err := predeflate.Analyze(context.Background(), bytes.NewReader(d), int64(len(d)), bytes.NewReader(plain), int64(len(plain)), math.MaxInt64)
		if err != nil {
			return
		}
		got, err := rebuild(c, plain, 700)
		if err != nil || !bytes.Equal(got, d) {
			t.Fatalf("not rebuilt: %v", err)
		}
	})
}
