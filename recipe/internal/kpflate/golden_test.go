package kpflate

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

// classOf returns the class of a version of the golden records.
var classOf = map[string]Class{
	"go1.27.0": Go1_27,
	"1.20.3":   V1_20_0, "1.20.1": V1_20_0, "1.20.0": V1_20_0,
	"1.19.1": V1_18_2, "1.19.0": V1_18_2, "1.18.6": V1_18_2, "1.18.2": V1_18_2,
	"1.18.1": V1_18_1, "1.18.0": V1_18_0,
	"1.17.11": V1_15_15, "1.17.4": V1_15_15, "1.17.0": V1_15_15, "1.16.7": V1_15_15, "1.16.0": V1_15_15, "1.15.15": V1_15_15,
	"1.15.14": V1_15_11, "1.15.11": V1_15_11, "1.15.10": V1_15_10,
	"1.15.9": V1_15_0, "1.15.4": V1_15_0, "1.15.1": V1_15_0, "1.15.0": V1_15_0,
	"1.14.4": V1_14_3, "1.14.3": V1_14_3, "1.14.2": V1_14_2, "1.14.1": V1_14_0, "1.14.0": V1_14_0,
	"1.13.6": V1_12_3, "1.13.0": V1_12_3, "1.12.3": V1_12_3, "1.12.2": V1_12_2,
	"1.12.1": V1_11_13, "1.11.13": V1_11_13,
	"1.11.12": V1_10_2, "1.10.11": V1_10_2, "1.10.2": V1_10_2,
}

// short tells whether an input is left out to save time, as when another
// processor is emulated. The small ones are left, code with a flush, text, and
// a layer, by which most classes are told apart.
func short(it golden.Item) bool {
	return testing.Short() && len(it.Data) > 1000 && it.Name != "elf-flush" && it.Name != "text" && it.Name != "tar"
}

// TestGolden compares with what the real versions wrote.
func TestGolden(t *testing.T) {
	f, err := golden.Load()
	if err != nil {
		t.Fatal(err)
	}
	items := map[string]golden.Item{}
	for _, it := range golden.Items() {
		if short(it) {
			continue
		}
		items[it.Name] = it
		if got := golden.Hash(it.Data); got != f.Inputs[it.Name] {
			t.Fatalf("input %s has hash %s, want %s", it.Name, got, f.Inputs[it.Name])
		}
	}
	type key struct {
		class Class
		level int
		input string
	}
	hashes := map[key]string{}
	hash := func(class Class, level int, it golden.Item) string {
		k := key{Canonical(class, level, false), class.level(level), it.Name}
		if hashes[k] == "" {
			var b bytes.Buffer
			z, err := NewWriter(&b, k.class, k.level)
			if err != nil {
				t.Fatal(err)
			}
			compress(t, z, it, 1<<20)
			hashes[k] = golden.Hash(b.Bytes())
		}
		return hashes[k]
	}
	covered := map[candidate]int{}
	for _, r := range f.Records {
		it, ok := items[r.Input]
		if r.Encoder != golden.Klauspost || !ok {
			continue
		}
		done := map[Class]string{}
		for want, versions := range r.Outputs {
			for _, v := range versions {
				class, ok := classOf[v]
				if !ok {
					t.Errorf("version %s has no class", v)
				}
				if w, ok := done[class]; ok && w != want {
					t.Errorf("class %v is not one class at level %d: %s of %s differs", class, r.Level, r.Input, v)
				}
				if _, ok := done[class]; ok || !Supports(class, r.Level) {
					continue
				}
				done[class] = want
				covered[candidate{class, r.Level}]++
				got := hash(class, r.Level, it)
				if class == V1_18_1 && (r.Input == "skewed" && r.Level >= 7 || r.Input == "zeros" && r.Level == 9) {
					// A bug of that version: a table for a block without matches
					// has no code for its end. What it wrote does not inflate.
					if got == want {
						t.Errorf("class %v, level %d, %s: the stream is broken", class, r.Level, r.Input)
					}
				} else if got != want {
					t.Errorf("class %v, level %d, %s: hash %s, want %s as %s", class, r.Level, r.Input, got, want, v)
				}
			}
		}
	}
	each(func(class Class, level int) {
		if n := covered[candidate{class, level}]; n != len(items) {
			t.Errorf("class %v, level %d: %d inputs are proved, want %d", class, level, n, len(items))
		}
	})
}

// TestPgzipGolden compares with what real pgzip wrote.
func TestPgzipGolden(t *testing.T) {
	f, err := golden.Load()
	if err != nil {
		t.Fatal(err)
	}
	items := map[string]golden.Item{}
	for _, it := range golden.PgzipItems() {
		items[it.Name] = it
	}
	n := 0
	for _, r := range f.Records {
		if r.Encoder != golden.Pgzip || testing.Short() && len(items[r.Input].Data) > 0 && (r.Input != "tar" || r.Level != DefaultCompression) {
			continue
		}
		for want, versions := range r.Outputs {
			done := map[Class]bool{}
			for _, v := range versions {
				class := classOf[v]
				if done[class] {
					continue
				}
				done[class] = true
				var b bytes.Buffer
				z, err := NewPgzipWriter(&b, class, r.Level, r.BlockSize, 2)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := z.Write(items[r.Input].Data); err != nil {
					t.Fatal(err)
				}
				if err := z.Close(); err != nil {
					t.Fatal(err)
				}
				if got := golden.Hash(b.Bytes()); got != want {
					t.Errorf("class %v, level %d, block %d, %s: hash %s, want %s as %s", class, r.Level, r.BlockSize, r.Input, got, want, v)
				}
				n++
			}
		}
	}
	if n == 0 {
		t.Error("no pgzip records")
	}
}
