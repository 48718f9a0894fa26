package image

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestDiskFull writes to and spools into a file system that is too small.
func TestDiskFull(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting a small file system needs root")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=48k"); err != nil {
		t.Skipf("mounting a small file system: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	big := fixture{seed: 90, layers: 4, files: map[string][]byte{"big": randomText(5, 300000)}, compress: "gzip"}
	for _, d := range fileDestinations {
		_, err := Write(t.Context(), d.prefix+filepath.Join(dir, "out"), big.build(t), WriteOptions{})
		wantError(t, d.prefix, err, syscall.ENOSPC, "free some space")
		isEmpty(t, dir)
	}
	elsewhere := filepath.Join(t.TempDir(), "out")
	_, err := Write(t.Context(), "oci-archive:"+elsewhere, fixture{seed: 91, files: map[string][]byte{"big": randomText(5, 300000)}}.build(t),
		WriteOptions{Compression: GzipCompression, Options: Options{TempDir: dir}})
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("spooling: %v", err)
	}
	isEmpty(t, dir)
	isEmpty(t, filepath.Dir(elsewhere))
	archive := put(t, "x", pack(t, "gzip", oldDockerFiles(t, nil, big.build(t)).tar(t)))
	if err := readAll(archive, Options{TempDir: dir}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("decompressing: %v", err)
	}
	isEmpty(t, dir)
}
