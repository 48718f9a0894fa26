package zlibenc_test

import (
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/docker-delta/docker-delta/recipe/internal/zlibenc"
	"github.com/docker-delta/docker-delta/recipe/internal/zlibenc/corpus"
)

// BenchmarkEncode measures plain bytes. BENCH_FILE names a file to compress in
// place of generated data.
func BenchmarkEncode(b *testing.B) {
	data := corpus.Data("mixed", 8<<20, 1)
	if name := os.Getenv("BENCH_FILE"); name != "" {
		var err error
		if data, err = os.ReadFile(name); err != nil {
			b.Fatal(err)
		}
	}
	for _, level := range []int{1, 3, 6, 9} {
		b.Run(fmt.Sprint(level), func(b *testing.B) {
			w, err := zlibenc.NewWriter(io.Discard, zlibenc.Params{Level: level})
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				w.Reset(io.Discard)
				if _, err := w.Write(data); err != nil {
					b.Fatal(err)
				}
				if err := w.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
