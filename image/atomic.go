package image

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

func bytesCloser(b []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(b)) }

// pendingFile is a file that gets its name when it is whole.
type pendingFile struct {
	*os.File
	final string // empty for devices and pipes, which are written directly
}

// createPending opens a temporary file beside path. Symbolic links are followed,
// so that a link stays one.
func createPending(path string) (*pendingFile, error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	st, err := os.Stat(path)
	switch {
	case err == nil && st.IsDir():
		return nil, hint(fmt.Errorf("%s is a directory", path), "name a file in it")
	case err == nil && !st.Mode().IsRegular():
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		return &pendingFile{File: f}, err
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return nil, err
	}
	name := tempName(path)
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		if dir := filepath.Dir(path); errors.Is(err, os.ErrNotExist) {
			err = hint(fmt.Errorf("there is no directory %s", dir), "make it first")
		}
		return nil, err
	}
	return &pendingFile{File: f, final: path}, nil
}

// tempName is a hidden name beside path, so that a rename stays in one file system.
func tempName(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+rand.Text()[:8]+".tmp")
}

// commit syncs the file and gives it its name.
func (p *pendingFile) commit() error {
	if p.final == "" {
		return p.Close()
	}
	err := firstError(p.Sync(), p.Close())
	if err == nil {
		err = os.Rename(p.Name(), p.final)
	}
	if err != nil {
		os.Remove(p.Name())
		return err
	}
	syncDir(filepath.Dir(p.final))
	return nil
}

// abort removes the file; after commit it does nothing.
func (p *pendingFile) abort() {
	if p.Close() == nil && p.final != "" {
		os.Remove(p.Name())
	}
}

// writeFile writes a small file atomically.
func writeFile(path string, b []byte) error {
	f, err := createPending(path)
	if err != nil {
		return err
	}
	defer f.abort()
	if _, err := f.Write(b); err != nil {
		return err
	}
	return f.commit()
}

// syncDir makes a rename last. Some file systems cannot do it.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		d.Close()
	}
}
