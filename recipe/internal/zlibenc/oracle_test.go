package zlibenc_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/docker-delta/docker-delta/recipe/internal/zlibenc"
	"github.com/docker-delta/docker-delta/recipe/internal/zlibenc/corpus"
	"github.com/docker-delta/docker-delta/recipe/internal/zlibenc/oracle"
)

func encode(t testing.TB, p zlibenc.Params, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := zlibenc.NewWriter(&b, p)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// sizes are around the edges of the window, of its lookahead and of pieces.
var sizes = []int{0, 1, 2, 3, 4, 100, 258, 262, 32505, 32506, 32767, 32768, 65273, 65274, 65275,
	65535, 65536, 65537, 98304, 131071, 131072, 131073, 262144, 300001}

// TestAgainstPrograms compares with what the real programs write here.
func TestAgainstPrograms(t *testing.T) {
	must := os.Getenv("DOCKER_DELTA_TEST_REQUIRE") == "1"
	for _, prog := range oracle.Programs() {
		t.Run(prog.Name, func(t *testing.T) {
			dir := t.TempDir()
			for level := 1; level <= 9; level++ {
				for i, size := range sizes {
					if (i+level)%4 != 0 && testing.Short() {
						continue
					}
					kind := corpus.Kinds[(i+level)%len(corpus.Kinds)]
					data := corpus.Data(kind, size, uint64(level))
					want, err := prog.Run(dir, level, data)
					if errors.Is(err, oracle.ErrMissing) && !must {
						t.Skip(err)
					}
					if err != nil {
						t.Fatal(err)
					}
					p := prog.Params
					p.Level = level
					if got := encode(t, p, data); !bytes.Equal(got, want) {
						t.Errorf("level %d, %d bytes of %s: %s", level, size, kind, difference(got, want))
					}
				}
			}
		})
	}
}

func difference(got, want []byte) string {
	i := 0
	for i < len(got) && i < len(want) && got[i] == want[i] {
		i++
	}
	return fmt.Sprintf("%d bytes, want %d; they differ at %d", len(got), len(want), i)
}
