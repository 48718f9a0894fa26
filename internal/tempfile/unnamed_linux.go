package tempfile

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// unnamed opens a file that never has a name; nil where that cannot be done.
func unnamed(dir string) *os.File {
	for {
		fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
		switch err {
		case nil:
			return os.NewFile(uintptr(fd), filepath.Join(dir, "(unnamed)"))
		case unix.EINTR:
		default:
			return nil
		}
	}
}
