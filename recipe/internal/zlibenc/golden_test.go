package zlibenc_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"strconv"
	"testing"

	"github.com/docker-delta/docker-delta/recipe/internal/zlibenc/oracle"
)

// TestGolden proves the encoder without the programs.
func TestGolden(t *testing.T) {
	b, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []oracle.Golden
	if err := json.Unmarshal(b, &list); err != nil {
		t.Fatal(err)
	}
	golden := map[string]oracle.Golden{}
	for _, g := range list {
		golden[g.Program] = g
	}
	data := map[string][]byte{}
	for _, c := range oracle.Cases(1) {
		data[c.String()] = c.Data()
	}
	for _, p := range oracle.Programs() {
		t.Run(p.Name, func(t *testing.T) {
			if len(golden[p.Name].Sums) != 9 {
				t.Fatal("levels are missing")
			}
			for level, sums := range golden[p.Name].Sums {
				params := p.Params
				params.Level, _ = strconv.Atoi(level)
				params.Concurrency = 2
				for name, want := range sums {
					d, ok := data[name]
					if !ok {
						t.Fatalf("no data %s", name)
					}
					if testing.Short() && len(d) > 1<<20 {
						continue
					}
					sum := sha256.Sum256(encode(t, params, d))
					if got := hex.EncodeToString(sum[:]); got != want {
						t.Errorf("level %s, %s: sum %s, want %q", level, name, got, want)
					}
				}
			}
		})
	}
}
