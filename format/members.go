package format

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// files gives the members of a layout.
type files interface {
	open(name string) (*io.SectionReader, error)
	io.Closer
}

func readSmall(fs files, name string, limit int64) ([]byte, error) {
	r, err := fs.open(name)
	if err != nil {
		return nil, err
	}
	if r.Size() > limit {
		return nil, corrupt("%s has %d bytes, over the limit of %d", name, r.Size(), limit)
	}
	b := make([]byte, r.Size())
	if _, err = r.ReadAt(b, 0); err == io.EOF {
		err = nil
	}
	return b, err
}

// tarFiles is a layout in a tar.
type tarFiles struct {
	members map[string]*io.SectionReader
	closer  io.Closer
}

func indexTar(r io.ReaderAt, size int64) (*tarFiles, error) {
	s := io.NewSectionReader(r, 0, size)
	t := &tarFiles{members: make(map[string]*io.SectionReader)}
	tr := tar.NewReader(s)
	end := int64(0) // of the last member
	for n := 0; ; n++ {
		h, err := tr.Next()
		if err == io.EOF {
			if n == 0 {
				return nil, fmt.Errorf("%w: it is empty", ErrNotPackage)
			}
			if size-end < 2*tarBlock {
				return nil, corrupt("its last blocks are missing")
			}
			return t, checkZero(r, end, size)
		}
		if err != nil {
			if n == 0 {
				return nil, fmt.Errorf("%w: it is no tar", ErrNotPackage)
			}
			return nil, corrupt("it ends too early or is no tar to its end: %v", err)
		}
		if n == MaxMembers {
			return nil, corrupt("over %d members", MaxMembers)
		}
		at, err := s.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, err
		}
		if err := checkHeader(r, at); err != nil {
			return nil, err
		}
		end = at
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if h.Size > size-at {
			return nil, corrupt("it ends inside of %s: %d of %d bytes", h.Name, size-at, h.Size)
		}
		end = at + h.Size
		if padding(h.Size) > size-end {
			return nil, corrupt("it ends behind %s", h.Name)
		}
		if err := checkZero(r, end, end+padding(h.Size)); err != nil {
			return nil, err
		}
		end += padding(h.Size)
		t.members[strings.TrimPrefix(h.Name, "./")] = io.NewSectionReader(r, at, h.Size)
	}
}

func (t *tarFiles) open(name string) (*io.SectionReader, error) {
	if r, ok := t.members[name]; ok {
		return r, nil
	}
	return nil, fmt.Errorf("%s: %w", name, os.ErrNotExist)
}

func (t *tarFiles) Close() error {
	if t.closer == nil {
		return nil
	}
	return t.closer.Close()
}

// dirFiles is a layout in a directory.
type dirFiles struct {
	root   string
	opened []*os.File
}

func (d *dirFiles) open(name string) (*io.SectionReader, error) {
	f, err := os.Open(filepath.Join(d.root, filepath.FromSlash(name)))
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", f.Name())
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	d.opened = append(d.opened, f)
	return io.NewSectionReader(f, 0, info.Size()), nil
}

func (d *dirFiles) Close() error {
	var errs []error
	for _, f := range d.opened {
		errs = append(errs, f.Close())
	}
	d.opened = nil
	return errors.Join(errs...)
}
