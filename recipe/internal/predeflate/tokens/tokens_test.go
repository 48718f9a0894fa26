package tokens_test

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"testing"

	"github.com/docker-delta/docker-delta/recipe/internal/predeflate/tokens"
	"github.com/docker-delta/docker-delta/recipe/internal/zlibenc/corpus"
)

// inflate rebuilds the plain bytes from the tokens.
func inflate(d []byte) ([]byte, error) {
	r := tokens.NewReader(bytes.NewReader(d))
	var out []byte
	var b tokens.Block
	for {
		err := r.Next(&b)
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		for range b.Stored {
			c, err := r.Byte()
			if err != nil {
				return out, err
			}
			out = append(out, c)
		}
		for _, t := range b.Tokens {
			if c, ok := t.Literal(); ok {
				out = append(out, c)
				continue
			}
			if t.Dist() > len(out) {
				return out, tokens.ErrCorrupt
			}
			for range t.Len() {
				out = append(out, out[len(out)-t.Dist()])
			}
		}
	}
}

func deflate(t testing.TB, level int, p []byte) []byte {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(p); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReader(t *testing.T) {
	for level := -2; level <= 9; level++ {
		for i, kind := range corpus.Kinds {
			p := corpus.Data(kind, []int{0, 1, 300, 70000, 200000}[(level+2+i)%5], uint64(i))
			d := deflate(t, level, p)
			if got, err := inflate(d); err != nil || !bytes.Equal(got, p) {
				t.Errorf("level %d, %s: other bytes, error %v", level, kind, err)
			}
			if _, err := inflate(d[:len(d)-1]); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("level %d, %s: a cut stream gives error %v", level, kind, err)
			}
		}
	}
}

func FuzzReader(f *testing.F) {
	for level := -2; level <= 9; level++ {
		f.Add(deflate(f, level, corpus.Data("mixed", 2000, uint64(level+2))))
	}
	f.Fuzz(func(t *testing.T, d []byte) {
		want, werr := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(d)), 1<<20))
		if len(want) == 1<<20 {
			return
		}
		got, err := inflate(d)
		// The standard library refuses some incomplete codes that are taken here,
		// and takes one odd code that is refused.
		if err == nil && werr == nil && !bytes.Equal(got, want) {
			t.Fatal("other bytes than compress/flate")
		}
	})
}
