package code

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
)

var coders = []Coder{Zstd, Quick, Lean, Full}

// sample is made-up data that looks a little like a program: words from a small
// vocabulary, tables of slowly growing numbers, noise.
func sample(rnd *rand.Rand, n int) []byte {
	b := make([]byte, 0, n+64)
	for len(b) < n {
		switch rnd.IntN(4) {
		case 0:
			for i := range rnd.IntN(40) {
				b = append(b, byte(i), byte(i>>1), 0, 0)
			}
		case 1:
			b = append(b, byte(rnd.Uint32()), byte(rnd.Uint32()))
		default:
			b = fmt.Appendf(b, "word%d ", rnd.IntN(50))
		}
	}
	return b[:n]
}

// mutate changes about one byte in every.
func mutate(rnd *rand.Rand, b []byte, every int) []byte {
	b = bytes.Clone(b)
	for i := rnd.IntN(every + 1); i < len(b); i += 1 + rnd.IntN(2*every) {
		b[i] += byte(rnd.IntN(3) + 1)
	}
	return b
}

type copyRun struct {
	pos          int64
	pred, actual []byte
}

func encodeCopies(t testing.TB, coder Coder, runs []copyRun) []byte {
	t.Helper()
	var buf bytes.Buffer
	e, err := NewCopyEncoder(&buf, coder)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range runs {
		if err := e.Write(r.pos, r.pred, r.actual); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// decodeCopies decodes as many runs of these lengths, and does not look at them.
func decodeCopies(coded []byte, runs []copyRun) error {
	d, err := NewCopyDecoder(bytes.NewReader(coded))
	if err != nil {
		return err
	}
	for _, r := range runs {
		if err := d.Decode(r.pos, r.pred, make([]byte, len(r.pred))); err != nil {
			return err
		}
	}
	return nil
}

func copyRuns(rnd *rand.Rand, lengths []int, every int) []copyRun {
	var runs []copyRun
	pos := int64(0)
	for _, n := range lengths {
		pred := sample(rnd, n)
		runs = append(runs, copyRun{pos, pred, mutate(rnd, pred, every)})
		pos += int64(n)
	}
	return runs
}

var boundaries = []int{0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 255, 256, 257, 1000, 4095, 4096, 4097, 20_000, 65537, 0, 1}

func TestCopies(t *testing.T) {
	for _, coder := range coders {
		for _, every := range []int{1, 10, 300, 1 << 30} {
			rnd := rand.New(rand.NewPCG(1, uint64(every)))
			runs := copyRuns(rnd, boundaries, every)
			coded := encodeCopies(t, coder, runs)
			d, err := NewCopyDecoder(bytes.NewReader(coded))
			if err != nil {
				t.Fatal(err)
			}
			for i, r := range runs {
				dst := bytes.Clone(r.pred)
				if err := d.Decode(r.pos, dst, dst); err != nil {
					t.Fatalf("coder %d, every %d, run %d: %v", coder, every, i, err)
				}
				if !bytes.Equal(dst, r.actual) {
					t.Fatalf("coder %d, every %d, run %d differs", coder, every, i)
				}
			}
			cut := len(coded) - 1
			if coder.stream() == Zstd {
				cut = len(coded) / 4 // the end of a zstd frame holds no data
			}
			if decodeCopies(coded[:cut], runs) == nil {
				t.Errorf("coder %d, every %d: no error after %d of %d bytes", coder, every, cut, len(coded))
			}
		}
	}
}

func TestLiterals(t *testing.T) {
	for _, coder := range coders {
		rnd := rand.New(rand.NewPCG(2, 0))
		var buf bytes.Buffer
		e, err := NewLiteralEncoder(&buf, coder)
		if err != nil {
			t.Fatal(err)
		}
		var lits [][]byte
		var around []Around
		for i, n := range boundaries {
			lit := sample(rnd, n)
			a := Around{Pos: rnd.Int64()}
			if i%2 == 1 {
				a.Before, a.Old = sample(rnd, n%40), mutate(rnd, lit, 20)
			}
			if err := e.Write(a, lit); err != nil {
				t.Fatal(err)
			}
			lits, around = append(lits, lit), append(around, a)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		d, err := NewLiteralDecoder(&buf)
		if err != nil {
			t.Fatal(err)
		}
		for i, lit := range lits {
			got := make([]byte, len(lit))
			if err := d.Decode(around[i], got); err != nil {
				t.Fatalf("coder %d, literal %d: %v", coder, i, err)
			}
			if !bytes.Equal(got, lit) {
				t.Fatalf("coder %d, literal %d differs", coder, i)
			}
		}
		if err := d.Decode(Around{}, make([]byte, 1000)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("coder %d: reading on behind the end: %v", coder, err)
		}
	}
}

func TestIntegers(t *testing.T) {
	for _, coder := range coders {
		rnd := rand.New(rand.NewPCG(3, 0))
		var vals []uint64
		for i := range 64 {
			vals = append(vals, 1<<i-1, 1<<i, 1<<i+1, ^uint64(0)>>i)
		}
		for range 5000 {
			vals = append(vals, rnd.Uint64()>>rnd.IntN(64))
		}
		var buf bytes.Buffer
		e, err := NewIntEncoder(&buf, coder)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range vals {
			if err := errors.Join(e.Write(i%MaxFields, v), e.WriteSigned(i%3, -int64(v))); err != nil {
				t.Fatal(err)
			}
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		d, err := NewIntDecoder(&buf)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range vals {
			v, err := d.Read(i % MaxFields)
			s, err2 := d.ReadSigned(i % 3)
			if err := errors.Join(err, err2); err != nil || v != want || s != -int64(want) {
				t.Fatalf("coder %d, number %d: %d, %d, %v, want %d", coder, i, v, s, err, want)
			}
		}
		for range 1000 {
			_, err = d.Read(0)
		}
		if !errors.Is(err, ErrCorrupt) {
			t.Errorf("coder %d: reading on behind the end: %v", coder, err)
		}
	}
}

func TestBytes(t *testing.T) {
	for _, coder := range coders {
		for _, n := range boundaries {
			b := sample(rand.New(rand.NewPCG(4, uint64(n))), n)
			coded, err := CompressBytes(b, coder)
			if err != nil {
				t.Fatal(err)
			}
			got, err := DecompressBytes(coded, n)
			if err != nil || !bytes.Equal(got, b) {
				t.Fatalf("coder %d, %d bytes: %v", coder, n, err)
			}
			if n == 0 {
				continue
			}
			if _, err := DecompressBytes(coded, n-1); !errors.Is(err, ErrCorrupt) {
				t.Errorf("coder %d: %d bytes allowed for %d: %v", coder, n-1, n, err)
			}
			for _, cut := range []int{0, 1, 2, len(coded) / 2, len(coded) - 1} {
				if _, err := DecompressBytes(coded[:cut], n); !errors.Is(err, ErrCorrupt) {
					t.Errorf("coder %d, %d of %d coded bytes: %v", coder, cut, len(coded), err)
				}
			}
		}
	}
}
