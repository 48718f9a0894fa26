// Package tempfile makes temporary files and directories that no crash leaves
// behind for good.
//
// Where the system has files without a name, a temporary file gets none. What
// must have a name is locked for as long as its process lives, so that [Sweep]
// can tell what a killed process has left from what is in use, without a look
// at clocks, process numbers or host names.
package tempfile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Temporary names are hidden, and start and end in a way that nobody else's do.
const (
	prefix = ".docker-delta-"
	suffix = ".tmp"
	middle = 16 // letters of rand.Text
)

// Name gives a temporary name in dir that nothing has yet.
func Name(dir string) string { return filepath.Join(dir, newName()) }

func newName() string { return prefix + rand.Text()[:middle] + suffix }

// isName tells whether newName may have given this name.
func isName(name string) bool {
	s, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return false
	}
	if s, ok = strings.CutSuffix(s, suffix); !ok || len(s) != middle {
		return false
	}
	return strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

// tries bounds how often a new name is taken away before it is locked.
const tries = 100

var errTaken = errors.New("temporary names are taken away as soon as they are made")

// Create makes a file with a temporary name in dir and locks it until it is
// closed. The caller renames or removes it.
func Create(dir string, perm os.FileMode) (*os.File, error) {
	for range tries {
		f, err := os.OpenFile(filepath.Join(dir, newName()), os.O_RDWR|os.O_CREATE|os.O_EXCL, perm)
		if err != nil {
			return nil, err
		}
		if lockNew(f, f.Name()) {
			return f, nil
		}
		// A sweeper came before the lock. It removes the file, or has done so.
		f.Close()
	}
	return nil, fmt.Errorf("%s: %w", dir, errTaken)
}

// lockNew locks what was just made, and tells whether it still has its name.
func lockNew(f *os.File, path string) bool {
	if !lock(f) {
		return false
	}
	is, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(path)
	return err == nil && os.SameFile(is, named)
}

// A File is without a name where the system can do that, else it has a
// temporary one. Close takes it away.
type File struct {
	*os.File
	named bool
}

// Anonymous opens a new file for temporary bytes in dir.
func Anonymous(dir string) (*File, error) {
	if f := unnamed(dir); f != nil {
		return &File{File: f}, nil
	}
	f, err := Create(dir, 0o600)
	if err != nil {
		return nil, err
	}
	// Where an open file cannot be removed, Close does it.
	return &File{File: f, named: os.Remove(f.Name()) != nil}, nil
}

// Close gives the space back. The error of a second call is that of os.File.
func (f *File) Close() error {
	err := f.File.Close()
	if f.named {
		err = errors.Join(err, os.Remove(f.Name()))
		f.named = false
	}
	return err
}

// A Dir is a directory with a temporary name, locked until Close or Keep.
type Dir struct {
	Path string
	held *os.File // nil where directories cannot be opened
}

// MakeDir sweeps the directory parent, or the system's directory for temporary
// files if that is empty, and makes a new directory in it.
func MakeDir(parent string, perm os.FileMode) (*Dir, error) {
	if parent == "" {
		parent = os.TempDir()
	}
	Sweep(parent)
	for range tries {
		path := filepath.Join(parent, newName())
		if err := os.Mkdir(path, perm); err != nil {
			return nil, err
		}
		f, err := os.Open(path)
		if errors.Is(err, os.ErrNotExist) {
			continue // swept
		}
		if err != nil {
			return nil, errors.Join(err, os.Remove(path))
		}
		if lockNew(f, path) {
			return &Dir{Path: path, held: f}, nil
		}
		f.Close()
	}
	return nil, fmt.Errorf("%s: %w", parent, errTaken)
}

// Close removes the directory and what is in it. After the first call, or after
// a rename of the directory, it does nothing but unlock.
func (d *Dir) Close() error {
	if d.held == nil {
		return nil
	}
	err := os.RemoveAll(d.Path)
	d.held.Close()
	d.held = nil
	return err
}

// Sweep removes from dir what killed processes of this user have left there:
// what has a temporary name, and is locked by nobody. Failures are no concern
// of the caller; the next sweep tries again.
func Sweep(dir string) {
	d, err := os.Open(dir)
	if err != nil {
		return
	}
	defer d.Close()
	for {
		names, err := d.Readdirnames(1000)
		for _, name := range names {
			if isName(name) {
				sweep(filepath.Join(dir, name))
			}
		}
		if err != nil {
			return
		}
	}
}
