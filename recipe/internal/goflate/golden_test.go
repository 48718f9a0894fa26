package goflate

import (
	"bytes"
	"testing"

	"github.com/docker-delta/docker-delta/recipe/golden"
)

// compress returns the stream of one item, written in pieces of step bytes.
func compress(t testing.TB, z *Writer, it golden.Item, step int) {
	t.Helper()
	data := it.Data
	write := func(p []byte) {
		for len(p) > 0 {
			n := min(step, len(p))
			if _, err := z.Write(p[:n]); err != nil {
				t.Fatal(err)
			}
			p = p[n:]
		}
	}
	if it.Flush > 0 {
		write(data[:it.Flush])
		if err := z.Flush(); err != nil {
			t.Fatal(err)
		}
		data = data[it.Flush:]
	}
	write(data)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestGolden compares with what the standard libraries of Go 1.8 to 1.26 wrote.
func TestGolden(t *testing.T) {
	f, err := golden.Load()
	if err != nil {
		t.Fatal(err)
	}
	items := map[string]golden.Item{}
	for _, it := range golden.Items() {
		items[it.Name] = it
		if got := golden.Hash(it.Data); got != f.Inputs[it.Name] {
			t.Fatalf("input %s has hash %s, want %s", it.Name, got, f.Inputs[it.Name])
		}
	}
	covered := map[int]int{}
	for _, r := range f.Records {
		if r.Encoder != golden.GoFlate {
			continue
		}
		if len(r.Outputs) != 1 {
			t.Errorf("Go 1.8 to 1.26 are not one class at level %d: %s: %v", r.Level, r.Input, r.Outputs)
		}
		for want, versions := range r.Outputs {
			var b bytes.Buffer
			z, err := NewWriter(&b, r.Level)
			if err != nil {
				t.Fatal(err)
			}
			compress(t, z, items[r.Input], 1<<20)
			if got := golden.Hash(b.Bytes()); got != want {
				t.Errorf("level %d, %s: hash %s, want %s as %v", r.Level, r.Input, got, want, versions)
			}
		}
		covered[r.Level]++
	}
	for level := HuffmanOnly; level <= BestCompression; level++ {
		if covered[level] != len(items) {
			t.Errorf("level %d: %d inputs are proved, want %d", level, covered[level], len(items))
		}
	}
}
