package zstdenc

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// golden holds a line for each release, level and datum: the sum of what the real
// klauspost/compress wrote. "go run ./gen/main.go" writes it.
//
//go:embed testdata/golden.txt
var golden string

// dump is how the generator gets the data.
var dump = flag.String("dump", "", "write the corpus to this directory")

func TestDump(t *testing.T) {
	if *dump == "" {
		t.Skip("for the generator")
	}
	for name, b := range corpus() {
		if err := os.WriteFile(filepath.Join(*dump, name), b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// classOf is the class of a release.
func classOf(v version) Class {
	c := Class1_13_6
	for i := range classes {
		if classes[i].version <= v {
			c = Class(i)
		}
	}
	if v < v1_14_4 {
		return Class1_13_6
	}
	return c
}

func TestGolden(t *testing.T) {
	all := corpus()
	writers := map[Params]*Writer{}
	tested := 0
	for line := range strings.Lines(golden) {
		var minor, patch int
		var level, window int
		var name, want string
		if _, err := fmt.Sscanf(line, "1.%d.%d %d %d %s %s", &minor, &patch, &level, &window, &name, &want); err != nil {
			continue // a comment
		}
		plain, ok := all[name]
		if !ok {
			t.Fatalf("no datum %q", name)
		}
		v := version(minor*100 + patch)
		p := Params{Class: classOf(v), Level: Level(level), WindowLog: window}
		if p.Level == Best && v < v1_17_3 || p.Level == Best && testing.Short() {
			continue
		}
		w := writers[p]
		if w == nil {
			var err error
			if w, err = NewWriter(nil, p); err != nil {
				t.Fatal(err)
			}
			clear(writers) // the tables of all of them are big
			writers[p] = w
		}
		var out bytes.Buffer
		w.Reset(&out)
		for rest := plain; len(rest) > 0; {
			n := min(len(rest), 40_009)
			if _, err := w.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(out.Bytes())
		if got := fmt.Sprintf("%x", sum[:12]); got != want {
			t.Errorf("1.%d.%d level %d %s: sum %s, want %s", minor, patch, level, name, got, want)
		}
		tested++
	}
	if tested < 400 {
		t.Errorf("only %d sums were compared", tested)
	}
}

func TestParams(t *testing.T) {
	for _, p := range []Params{
		{Class: -1, Level: Default}, {Class: Class1_20_3 + 1, Level: Default}, {Level: 0}, {Level: 5},
		{Level: Default, WindowLog: 9}, {Level: Default, WindowLog: 28}, {Class: Class1_17_2, Level: Best},
	} {
		if _, err := NewWriter(nil, p); err == nil {
			t.Errorf("no error for %+v", p)
		}
	}
}
