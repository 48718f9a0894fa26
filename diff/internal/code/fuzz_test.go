package code

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/iotest"
)

// fuzzSeeds are good streams of one kind.
func fuzzSeeds(f *testing.F, kind string) {
	for _, coder := range coders {
		b := codeAll(f, coder)[kind]
		f.Add(b)
		f.Add(b[:len(b)/2])
		f.Add(b[:1])
	}
}

// checkDecoded: a decoder fails with ErrCorrupt or not at all.
func checkDecoded(t *testing.T, err error) {
	t.Helper()
	if err != nil && !errors.Is(err, ErrCorrupt) {
		t.Fatalf("unexpected kind of error: %v", err)
	}
}

func FuzzCopyDecoder(f *testing.F) {
	fuzzSeeds(f, "copies")
	pred := make([]byte, 3000)
	for i := range pred {
		pred[i] = byte(i * i >> 3)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := NewCopyDecoder(iotest.OneByteReader(bytes.NewReader(b)))
		dst := make([]byte, len(pred))
		for i := 0; err == nil && i < 10; i++ {
			err = d.Decode(int64(i), pred[:300*i], dst[:300*i])
		}
		checkDecoded(t, err)
	})
}

func FuzzLiteralDecoder(f *testing.F) {
	fuzzSeeds(f, "literals")
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := NewLiteralDecoder(bytes.NewReader(b))
		dst := make([]byte, 200)
		for i := 0; err == nil && i < 10; i++ {
			err = d.Decode(Around{Pos: int64(i), Before: dst[:20*i], Old: b[:min(len(b), i*i)]}, dst)
		}
		checkDecoded(t, err)
	})
}

func FuzzIntDecoder(f *testing.F) {
	fuzzSeeds(f, "integers")
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := NewIntDecoder(bytes.NewReader(b))
		for i := 0; err == nil && i < 300; i++ {
			_, err = d.ReadSigned(i % MaxFields)
		}
		checkDecoded(t, err)
	})
}

func FuzzDecompressBytes(f *testing.F) {
	fuzzSeeds(f, "bytes")
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := DecompressBytes(b, 1<<16)
		checkDecoded(t, err)
		if len(got) > 1<<16 {
			t.Fatalf("%d bytes", len(got))
		}
	})
}

func FuzzCopies(f *testing.F) {
	f.Add([]byte("some old bytes here"), []byte("some new bytes there"), uint8(1), uint16(7))
	f.Add(make([]byte, 600), make([]byte, 600), uint8(2), uint16(100))
	f.Fuzz(func(t *testing.T, pred, actual []byte, coder uint8, step uint16) {
		n := min(len(pred), len(actual))
		var runs []copyRun
		for i := 0; i < n; i += int(step) + 1 {
			j := min(n, i+int(step)+1)
			runs = append(runs, copyRun{int64(i), pred[i:j], actual[i:j]})
		}
		coded := encodeCopies(t, Coder(coder%3), runs)
		d, err := NewCopyDecoder(bytes.NewReader(coded))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range runs {
			got := bytes.Clone(r.pred)
			if err := d.Decode(r.pos, got, got); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, r.actual) {
				t.Fatal("differs")
			}
		}
	})
}

// TestReaderError: what the reader below says is not lost.
func TestReaderError(t *testing.T) {
	lost := errors.New("connection lost")
	for _, coder := range coders {
		b := codeAll(t, coder)["literals"]
		r := io.MultiReader(bytes.NewReader(b[:len(b)/2]), iotest.ErrReader(lost))
		d, err := NewLiteralDecoder(r)
		for i := 0; err == nil && i < 1000; i++ {
			err = d.Decode(Around{Before: fmt.Append(nil, i*i)}, make([]byte, 100))
		}
		if !errors.Is(err, lost) {
			t.Errorf("coder %d: %v", coder, err)
		}
	}
}
