//go:build linux || darwin

package spool

import "golang.org/x/sys/unix"

// free is what the file system of a directory has left for this user, in bytes, 0
// if that is not known.
func free(dir string) int64 {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil {
		return 0
	}
	return int64(st.Bavail) * int64(st.Bsize)
}
