//go:build linux && (!cgo || exclude_graphdriver_btrfs)

package image

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

// TestContainersStorage goes through a storage of the test's own, with the
// library alone and, where there is podman, with its eyes too.
func TestContainersStorage(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("containers-storage without cgo needs root or podman unshare")
	}
	root := storageRoot(t)
	at := "containers-storage:[vfs@" + root + "+" + root + "-run]"
	for name, fx := range fixtures {
		src := fx.build(t)
		for _, form := range []Form{AutoForm, Exact} {
			ref := at + "reg.example/storage/" + name + ":" + form.String()
			res := mustWrite(t, ref, src, WriteOptions{Form: form})
			img := mustOpen(t, ref, Options{})
			same(t, src, img, false)
			raw, _ := img.Manifest()
			if digest.FromBytes(raw) != res.Manifest.Digest {
				t.Errorf("%s: the manifest is %s, want %s", ref, digest.FromBytes(raw), res.Manifest.Digest)
			}
			if want := fx.compress == "none" || form == Exact && fx.compress != ""; res.Original != want {
				t.Errorf("%s: Original = %v, want %v", ref, res.Original, want)
			}
			if n := img.Names(); len(n) != 1 || n[0] != "reg.example/storage/"+name+":"+form.String() {
				t.Errorf("%s: names %v", ref, n)
			}
			// And on, from there to an archive.
			path := filepath.Join(t.TempDir(), "x")
			mustWrite(t, "oci-archive:"+path, img, WriteOptions{})
			same(t, src, mustOpen(t, path, Options{}), false)
		}
	}
	if _, err := Open(t.Context(), at+"reg.example/absent:v1", Options{}); !errors.Is(err, ErrNotFound) {
		t.Errorf("absent: %v", err)
	}
	broken := errors.New("the source broke")
	bad := fixture{seed: 150, compress: "gzip"}.build(t)
	bad.layers[2].(*fakeLayer).after = func() error { return broken }
	if _, err := Write(t.Context(), at+"reg.example/broken:v1", bad, WriteOptions{}); !errors.Is(err, broken) {
		t.Errorf("broken source: %v", err)
	}
	if _, err := Open(t.Context(), at+"reg.example/broken:v1", Options{}); !errors.Is(err, ErrNotFound) {
		t.Errorf("a broken image appeared: %v", err)
	}
	out, err := podman(t, root, "images", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}", "--no-trunc")
	if err != nil {
		need(t, "podman: %v\n%s", err, out)
	}
	want := "reg.example/storage/gzip:auto sha256:" + digest.FromBytes(fixtures["gzip"].build(t).config).Encoded()
	if !strings.Contains(out, want) {
		t.Errorf("podman does not show %s:\n%s", want, out)
	}
}
