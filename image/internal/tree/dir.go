package tree

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

type dirTree string

// Dir gives the files under a directory. Symbolic links that lie in it are
// followed wherever they lead (people share blob directories that way), so
// callers verify what they read.
func Dir(root string) Tree { return dirTree(root) }

func (d dirTree) Open(name string) (*File, error) {
	clean, ok := Clean(name)
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	p := filepath.Join(string(d), filepath.FromSlash(clean))
	// Stat first: opening a FIFO would block.
	if err := regular(os.Stat(p)); err != nil {
		return nil, err
	}
	f, err := os.Open(p)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err := regular(st, err); err != nil {
		f.Close()
		return nil, err
	}
	return &File{io.NewSectionReader(f, 0, st.Size()), f.Close}, nil
}

func regular(st fs.FileInfo, err error) error {
	if err != nil {
		return err
	}
	if !st.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file (%s)", st.Name(), st.Mode().Type())
	}
	return nil
}

func (d dirTree) Names(max int) []string {
	f, err := os.Open(string(d))
	if err != nil {
		return nil
	}
	defer f.Close()
	names, _ := f.Readdirnames(max)
	return names
}

func (d dirTree) Close() error { return nil }
