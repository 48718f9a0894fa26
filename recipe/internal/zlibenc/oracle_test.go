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
			params := func(level int) zlibenc.Params {
				p := prog.Params
				p.Level = level
				return p
			}
			if prog.Name == "busybox" {
				params = busybox(t, prog)
			}
			for level := 1; level <= 9; level++ {
				for i, size := range sizes {
					if (i+level)%4 != 0 {
						continue
					}
					kind := corpus.Kinds[(i+level)%len(corpus.Kinds)]
					data := corpus.Data(kind, size, uint64(level))
					want, err := prog.Run(dir, level, data)
					if errors.Is(err, oracle.ErrMissing) && (!must || prog.Optional()) {
						t.Skip(err)
					}
					if err != nil {
						t.Fatal(err)
					}
					if got := encode(t, params(level), data); !bytes.Equal(got, want) {
						t.Errorf("level %d, %d bytes of %s: %s", level, size, kind, difference(got, want))
					}
				}
			}
		})
	}
}

// busybox finds out how the installed busybox was built: which GZIP_FAST, and
// whether it heeds levels or always uses the sixth.
func busybox(t *testing.T, prog oracle.Program) func(level int) zlibenc.Params {
	data := corpus.Data("mixed", 400000, 1)
	for mem := 7; mem <= 9; mem++ {
		for _, fixed := range []int{0, 6} {
			params := func(level int) zlibenc.Params {
				if fixed != 0 {
					level = fixed
				}
				return zlibenc.Params{Variant: zlibenc.Busybox, MemLevel: mem, Level: level}
			}
			want, err := prog.Run(t.TempDir(), 9, data)
			if err == nil && bytes.Equal(encode(t, params(9), data), want) {
				return params
			}
		}
	}
	return func(level int) zlibenc.Params { return zlibenc.Params{Variant: zlibenc.Busybox, Level: level} }
}

func difference(got, want []byte) string {
	i := 0
	for i < len(got) && i < len(want) && got[i] == want[i] {
		i++
	}
	return fmt.Sprintf("%d bytes, want %d; they differ at %d", len(got), len(want), i)
}
