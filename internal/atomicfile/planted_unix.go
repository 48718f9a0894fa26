//go:build unix

package atomicfile

import (
	"os"
	"path/filepath"
	"syscall"
)

// isPlanted tells whether a link is one that Linux does not follow either, where
// fs.protected_symlinks is set: in a directory that everybody may write to, such as
// /tmp, made by neither this user nor the directory's owner. Whoever made it may
// have meant a file of ours by it.
func isPlanted(path string) bool {
	dir, err := os.Stat(filepath.Dir(path))
	if err != nil || dir.Mode()&os.ModeSticky == 0 || dir.Mode().Perm()&0o002 == 0 {
		return false
	}
	link, err := os.Lstat(path)
	if err != nil {
		return false
	}
	of, ok := link.Sys().(*syscall.Stat_t)
	in, ok2 := dir.Sys().(*syscall.Stat_t)
	return ok && ok2 && int(of.Uid) != os.Geteuid() && of.Uid != in.Uid
}
