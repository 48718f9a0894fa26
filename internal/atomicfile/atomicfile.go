// Package atomicfile writes files that get their name only when they are whole.
package atomicfile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// File is being written. Commit gives it its name; Abort takes it away.
type File struct {
	*os.File
	final string // empty for devices and pipes, which are written directly
}

// Create opens a hidden file beside path. Symbolic links are followed, so that
// a link stays one; a device or pipe is opened itself.
func Create(path string) (*File, error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
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
	name := TempName(path)
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		if dir := filepath.Dir(path); errors.Is(err, os.ErrNotExist) {
			err = fmt.Errorf("there is no directory %s; make it first", dir)
		}
		return nil, err
	}
	return &File{File: f, final: path}, nil
}

// TempName is a hidden name beside path, so that a rename stays in one file
// system.
func TempName(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+rand.Text()[:8]+".tmp")
}

// Commit syncs the file and gives it its name; on failure nothing is left.
func (f *File) Commit() error {
	if f.final == "" {
		return f.Close()
	}
	err := errors.Join(f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), f.final)
	}
	if err != nil {
		os.Remove(f.Name())
		return err
	}
	SyncDir(filepath.Dir(f.final))
	return nil
}

// Abort removes the file; after Commit it does nothing.
func (f *File) Abort() {
	if f.Close() == nil && f.final != "" {
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
