//go:build unix

package image

import (
	"context"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// lockDir keeps other writers of a layout waiting. The lock is on the directory
// itself, so nothing is left behind.
func lockDir(ctx context.Context, dir string) (unlock func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch err {
		case nil, unix.ENOLCK, unix.ENOTSUP, unix.ENOSYS: // some file systems have no locks
			return func() { f.Close() }, nil
		case unix.EWOULDBLOCK, unix.EINTR:
		default:
			f.Close()
			return nil, err
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}
