package image

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"testing"
)

// packExternal compresses with a program, where Go has no encoder.
func packExternal(t testing.TB, program string, b []byte) []byte {
	t.Helper()
	cmd := exec.Command(program, "-c")
	cmd.Stdin = bytes.NewReader(b)
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("%s: %v", program, err)
	}
	return out
}

// fileDestinations are the kinds that need no server. exact tells whether the
// kind keeps manifest and blobs.
var fileDestinations = []struct {
	prefix string
	exact  bool
}{{"docker-archive:", false}, {"oci-archive:", true}, {"oci:", true}, {"dir:", true}, {"", false}}

var fixtures = map[string]fixture{
	"bare":   {seed: 1},
	"gzip":   {seed: 2, compress: "gzip"},
	"zstd":   {seed: 3, compress: "zstd"},
	"tars":   {seed: 4, compress: "none"},
	"docker": {seed: 5, compress: "gzip", docker: true},
}

func TestRoundTripFiles(t *testing.T) {
	for name, fx := range fixtures {
		for _, first := range fileDestinations {
			for _, second := range fileDestinations {
				t.Run(name+"/"+first.prefix+second.prefix, func(t *testing.T) {
					dir := t.TempDir()
					src := fx.build(t)
					ref1 := first.prefix + filepath.Join(dir, "one")
					r1 := mustWrite(t, ref1, src, WriteOptions{})
					img1 := mustOpen(t, ref1, Options{})
					exact1 := fx.compress == "none" || first.exact && fx.compress != ""
					same(t, src, img1, exact1)
					if r1.Original != exact1 {
						t.Errorf("Original = %v, want %v", r1.Original, exact1)
					}
					ref2 := second.prefix + filepath.Join(dir, "two")
					mustWrite(t, ref2, img1, WriteOptions{})
					img2 := mustOpen(t, filepath.Join(dir, "two"), Options{})
					same(t, src, img2, fx.compress == "none" || exact1 && second.exact)
					if !second.exact {
						return
					}
					same(t, img1, img2, true) // also manifests that were made on the way
				})
			}
		}
	}
}
