//go:build unix

package image

import (
	"os"

	"golang.org/x/sys/unix"
)

// lockDir keeps other writers of a layout waiting. The lock is on the directory
// itself, so nothing is left behind.
func lockDir(dir string) (unlock func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil && err != unix.ENOLCK && err != unix.ENOTSUP {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}
