//go:build unix

package tempfile

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// lock takes the lock of an open file or directory; false means that somebody
// else has it. A file system without locks has nobody to share with: there
// nothing can be swept either.
func lock(f *os.File) bool {
	return !errors.Is(flock(f), unix.EWOULDBLOCK)
}

func flock(f *os.File) error {
	for {
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != unix.EINTR {
			return err
		}
	}
}

// sweep removes path if it is ours and nobody's.
func sweep(path string) {
	st, err := os.Lstat(path)
	if err != nil || !st.IsDir() && !st.Mode().IsRegular() {
		return
	}
	if sys, ok := st.Sys().(*syscall.Stat_t); !ok || int(sys.Uid) != os.Geteuid() {
		return
	}
	// Anything may have taken the place of what was seen: no links are
	// followed, and no pipe is waited for.
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	if flock(f) != nil {
		return
	}
	is, err := f.Stat()
	if err != nil {
		return
	}
	if named, err := os.Lstat(path); err != nil || !os.SameFile(is, named) || !os.SameFile(is, st) {
		return
	}
	if is.IsDir() {
		_ = os.RemoveAll(path)
	} else {
		_ = os.Remove(path)
	}
}
