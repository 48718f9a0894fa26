package cli

import (
	"path/filepath"
	"strings"
	"testing"
)

// A package of a docker-delta that knows more encoders is shown, applied where its
// compressed layers are not wanted, and else refused with what is to be done.
func TestUnknownEncoder(t *testing.T) {
	layer := "../../delta/testdata/vectors/unknown-encoder.delta"
	inside := "../../delta/testdata/vectors/unknown-inside.delta"
	to := func(transport string) string { return transport + filepath.Join(t.TempDir(), "x") }
	for _, c := range []struct {
		args []string
		code int
		want []string
	}{
		{[]string{"inspect", layer}, ExitOK, []string{"does not know encoder number 99; update it", "docker-archive:", "encoder number 99, of a newer"}},
		{[]string{"inspect", inside}, ExitOK, []string{"comes back with a newer docker-delta only", "encoder number 99", "Go compress/flate"}},
		{[]string{"inspect", layer, "--format", "{{(index .Targets 0).Exact}}{{(index (index .Layers 0).Blobs 0).Lacks}}"}, ExitOK, []string{"falseencoder number 99"}},
		{[]string{"inspect", inside, "--bytes"}, ExitFailure, []string{inside + ": made for a newer version", "update docker-delta"}},
		{[]string{"apply", layer, "--to", to("docker-archive:")}, ExitOK, []string{"image ID"}},
		{[]string{"apply", layer, "--to", to("oci:")}, ExitFailure, []string{layer, "unknown encoder number 99; update docker-delta"}},
		{[]string{"verify", layer}, ExitFailure, []string{layer, "unknown encoder number 99; update docker-delta"}},
		{[]string{"verify", inside}, ExitFailure, []string{inside, "unknown encoder number 99; update docker-delta"}},
	} {
		code, stdout, stderr := run(t, c.args...)
		if code != c.code {
			t.Errorf("%s: exit %d, %s", c.args, code, stderr)
		}
		for _, want := range c.want {
			if !strings.Contains(stdout+stderr, want) {
				t.Errorf("%s: %q is not in %s%s", c.args, want, stdout, stderr)
			}
		}
	}
}
