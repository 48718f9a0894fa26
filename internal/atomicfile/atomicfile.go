// Package atomicfile writes files that get their name only when they are whole.
package atomicfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/docker-delta/docker-delta/internal/tempfile"
)

// File is being written. Commit gives it its name; Abort takes it away.
type File struct {
	*os.File
	final string // empty for devices and pipes, which are written directly
	done  bool
}

// Create opens a file with a temporary name beside path, and takes away what
// killed processes have left there. Symbolic links are followed, so that a link
// stays one, also if it leads to nothing yet; a device or pipe is opened itself.
func Create(path string) (*File, error) {
	path = Resolve(path)
	tempfile.Sweep(filepath.Dir(path))
	return CreateUnswept(path)
}

// CreateUnswept is Create without the look at the rest of the directory, for
// who writes many files into one. It does not follow symbolic links.
func CreateUnswept(path string) (*File, error) {
	st, err := os.Stat(path)
	switch {
	case err == nil && st.IsDir():
		return nil, fmt.Errorf("%s is a directory; name a file in it", path)
	case err == nil && !st.Mode().IsRegular():
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		return &File{File: f}, err
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return nil, err
	}
	f, err := tempfile.Create(filepath.Dir(path), 0o666)
	if err != nil {
		dir := filepath.Dir(path)
		switch failed := (*os.PathError)(nil); {
		case errors.Is(err, os.ErrNotExist):
			err = fmt.Errorf("there is no directory %s; make it first", dir)
		case errors.As(err, &failed): // the temporary name tells nobody anything
			err = fmt.Errorf("%s: no file can be made in %s: %w", path, dir, failed.Err)
		}
		return nil, err
	}
	return &File{File: f, final: path}, nil
}

// maxLinks is how many symbolic links in a row are followed, as in Linux.
const maxLinks = 40

// Resolve follows path while it is a symbolic link, but not one that may have been
// put there to make us write elsewhere: that is then replaced itself.
func Resolve(path string) string {
	for range maxLinks {
		if isPlanted(path) {
			break
		}
		to, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !filepath.IsAbs(to) {
			dir := filepath.Dir(path)
			if real, err := filepath.EvalSymlinks(dir); err == nil {
				dir = real
			}
			to = filepath.Join(dir, to)
		}
		path = to
	}
	return path
}

// Commit syncs the file and gives it its name; on failure nothing is left.
func (f *File) Commit() error {
	f.done = true
	if f.final == "" {
		return f.Close()
	}
	err := f.Sync()
	if runtime.GOOS == "windows" { // an open file cannot be renamed
		err = errors.Join(err, f.Close())
	}
	if err == nil {
		err = os.Rename(f.Name(), f.final)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	// Closing unlocks: not before the temporary name is gone.
	if runtime.GOOS != "windows" {
		_ = f.Close() // Sync has told of what went wrong
	}
	if err == nil {
		SyncDir(filepath.Dir(f.final))
	}
	return err
}

// Abort removes the file; after Commit it does nothing.
func (f *File) Abort() {
	if f.done {
		return
	}
	f.done = true
	if f.final != "" && runtime.GOOS != "windows" {
		os.Remove(f.Name())
	}
	f.Close()
	if f.final != "" && runtime.GOOS == "windows" {
		os.Remove(f.Name())
	}
}

// WriteFile writes a small file.
func WriteFile(path string, b []byte) error {
	f, err := Create(path)
	if err != nil {
		return err
	}
	defer f.Abort()
	if _, err := f.Write(b); err != nil {
		return err
	}
	return f.Commit()
}

// SyncDir makes a rename last. Some file systems cannot do it.
func SyncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		d.Close()
	}
}
