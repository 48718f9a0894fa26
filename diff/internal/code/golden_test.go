package code

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
)

// goldens are the coded lengths and digests of everything below. Another value
// of coders 1 and 2 means another format: old deltas can no longer be read. One of
// coder 0 means another encoder of zstd.
var goldens = map[string]string{
	"bytes 0":      "1080 b3100d2f5607b3f9",
	"bytes 1":      "653 c92d0010e9e1f383",
	"bytes 2":      "653 83500dd5c6a37fe4",
	"copies 128":   "1936 b4dcf46b90337877",
	"literals 128": "1669 05a0fbea4232ca1b",
	"integers 128": "799 5dc62644f969869a",
	"bytes 128":    "1080 b3100d2f5607b3f9",
	"copies 0":     "1936 b4dcf46b90337877",
	"copies 1":     "1857 d6e50b64370e34ce",
	"copies 2":     "1824 110d44314f45a4e4",
	"integers 0":   "799 5dc62644f969869a",
	"integers 1":   "741 4cd046d5b7c6bfad",
	"integers 2":   "680 0b3af67a0f897495",
	"literals 0":   "1669 05a0fbea4232ca1b",
	"literals 1":   "829 73289fab4ec15221",
	"literals 2":   "660 8ea019ba9797720b",
}

// codeAll codes something of every kind, and gives the coded form of each.
func codeAll(t testing.TB, coder Coder) map[string][]byte {
	t.Helper()
	rnd := rand.New(rand.NewPCG(7, 7))
	out := map[string][]byte{}
	out["copies"] = encodeCopies(t, coder, append(
		copyRuns(rnd, []int{5000, 300, 20_000}, 12), copyRuns(rnd, []int{30_000, 1000}, 700)...))
	old := sample(rnd, 8000)
	var lits, ints bytes.Buffer
	le, err := NewLiteralEncoder(&lits, coder)
	if err != nil {
		t.Fatal(err)
	}
	ie, err := NewIntEncoder(&ints, coder)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+200 < len(old); i += 200 {
		lit := mutate(rnd, old[i:i+rnd.IntN(200)], 9)
		a := Around{Pos: int64(i), Before: old[:i], Old: old[i : i+200]}
		if err := le.Write(a, lit); err != nil {
			t.Fatal(err)
		}
		for range 10 {
			length := rnd.IntN(100)
			if err := errors.Join(ie.Write(0, uint64(length)), ie.WriteSigned(1, int64(rnd.IntN(3)*length))); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := le.Close(); err != nil {
		t.Fatal(err)
	}
	if err := ie.Close(); err != nil {
		t.Fatal(err)
	}
	out["literals"], out["integers"] = lits.Bytes(), ints.Bytes()
	if out["bytes"], err = CompressBytes(old, coder); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestGolden(t *testing.T) {
	for _, coder := range coders {
		all := codeAll(t, coder)
		again := codeAll(t, coder)
		for kind, b := range all {
			if !bytes.Equal(b, again[kind]) {
				t.Errorf("%s by coder %d: coded differently the second time", kind, coder)
			}
			sum := sha256.Sum256(b)
			name := fmt.Sprintf("%s %d", kind, coder)
			got := fmt.Sprintf("%d %s", len(b), hex.EncodeToString(sum[:8]))
			if got != goldens[name] {
				t.Errorf("%q: %q, want %q", name, got, goldens[name])
			}
		}
	}
}

// TestSmaller: what takes longer gives less.
func TestSmaller(t *testing.T) {
	quick, lean, full := codeAll(t, Zstd), codeAll(t, Lean), codeAll(t, Full)
	for kind := range quick {
		if len(lean[kind]) > len(quick[kind])*103/100 {
			t.Errorf("%s: %d bytes lean, %d by zstd", kind, len(lean[kind]), len(quick[kind]))
		}
		if len(full[kind]) > len(lean[kind])*102/100 {
			t.Errorf("%s: %d bytes full, %d lean", kind, len(full[kind]), len(lean[kind]))
		}
	}
}

// TestEqualCostsNothing: long equal stretches have to be nearly free.
func TestEqualCostsNothing(t *testing.T) {
	for _, coder := range coders {
		b := make([]byte, 1<<20)
		runs := make([]copyRun, 200)
		for i := range runs {
			runs[i] = copyRun{int64(i) << 20, b, b}
		}
		if n := len(encodeCopies(t, coder, runs)); n > 40 {
			t.Errorf("coder %d: %d bytes for 200 MiB without a difference", coder, n)
		}
	}
}
