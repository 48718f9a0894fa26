// Package tree gives random access to the named files of a tar archive or of a
// directory. Nothing is extracted: a file in a tar is a section of the tar.
//
// Names are slash-separated and relative to the root. A name that would leave
// the root is never opened.
package tree

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

// ErrTruncated reports an archive that ends in the middle of an entry.
var ErrTruncated = errors.New("the archive is truncated")

// ErrNotTar reports bytes that are no tar archive.
var ErrNotTar = errors.New("not a tar archive")

// Tree is a set of named files.
type Tree interface {
	// Open opens a regular file; links inside the tree are followed.
	// It fails with fs.ErrNotExist when there is no such file.
	Open(name string) (*File, error)
	// Names lists up to max names, for messages and for probing.
	Names(max int) []string
	// Close releases what the tree holds open. Files must be closed before.
	Close() error
}

// File is an open file of a Tree.
type File struct {
	*io.SectionReader
	close func() error
}

// Close closes the file.
func (f *File) Close() error {
	if f.close == nil {
		return nil
	}
	return f.close()
}

// ReadFile reads a whole file of at most limit bytes.
func ReadFile(t Tree, name string, limit int64) ([]byte, error) {
	f, err := t.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if f.Size() > limit {
		return nil, fmt.Errorf("%s has %d bytes, more than the limit of %d", name, f.Size(), limit)
	}
	b := make([]byte, f.Size())
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return b, nil
}

// Clean normalises a name as found in a tar or in a JSON document. It reports
// false for the root itself and for names that leave it.
func Clean(name string) (string, bool) {
	if strings.IndexByte(name, 0) >= 0 {
		return "", false
	}
	name = path.Clean("/" + strings.ReplaceAll(name, "\\", "/"))[1:]
	return name, name != "" && fs.ValidPath(name)
}
