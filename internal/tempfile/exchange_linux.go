package tempfile

import "golang.org/x/sys/unix"

// Exchange swaps two names in one step, so that at no time either is missing.
// It fails where the system or the file system cannot do it, and then nothing
// has changed.
func Exchange(a, b string) error {
	return unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
}
