package tree

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"sort"
	"strings"
)

// Limits on what an index of an archive may hold in memory.
const (
	maxEntries  = 1 << 20
	maxNameSize = 64 << 20 // bytes of all names together
	maxHops     = 16       // links followed for one name
)

type tarEntry struct {
	off, size int64
	link      string // target inside the tree, when the entry is a link
}

type tarTree struct {
	r       io.ReaderAt
	closer  io.Closer
	entries map[string]tarEntry
}

// Tar indexes the archive in r, of size bytes, by reading its headers only.
// Of several entries with one name the last counts, as when extracting.
// Close closes closer, if it is not nil.
//
// It fails with ErrNotTar when r does not begin with a tar header and with
// ErrTruncated when an entry reaches beyond the end.
func Tar(r io.ReaderAt, size int64, closer io.Closer) (Tree, error) {
	t := &tarTree{r: r, closer: closer, entries: map[string]tarEntry{}}
	sr := io.NewSectionReader(r, 0, size)
	tr := tar.NewReader(sr)
	names := 0
	for n := 0; ; n++ {
		h, err := tr.Next()
		if err == io.EOF {
			if n == 0 {
				return nil, fmt.Errorf("%w: no entries", ErrNotTar)
			}
			return t, nil
		}
		off, _ := sr.Seek(0, io.SeekCurrent)
		switch {
		case errors.Is(err, io.ErrUnexpectedEOF) && n > 0:
			return nil, fmt.Errorf("%w: it ends at byte %d, inside entry %d", ErrTruncated, size, n+1)
		case err != nil && n == 0:
			return nil, fmt.Errorf("%w: %w", ErrNotTar, err)
		case err != nil:
			return nil, fmt.Errorf("tar entry %d near byte %d: %w", n+1, off, err)
		}
		names += len(h.Name) + len(h.Linkname)
		if n >= maxEntries || names > maxNameSize {
			return nil, fmt.Errorf("the tar has more than %d entries or %d bytes of names", maxEntries, maxNameSize)
		}
		name, ok := Clean(h.Name)
		if !ok {
			continue
		}
		switch h.Typeflag {
		case tar.TypeReg:
			if h.Size > size-off {
				return nil, fmt.Errorf("%w: %s should have %d bytes, %d are there", ErrTruncated, name, h.Size, size-off)
			}
			// A sparse file has holes, so it is no section of the archive.
			if isSparse(h) {
				return nil, fmt.Errorf("%s is stored as a sparse file, which an image archive does not use", name)
			}
			t.entries[name] = tarEntry{off: off, size: h.Size}
		case tar.TypeLink:
			if link, ok := Clean(h.Linkname); ok {
				t.entries[name] = tarEntry{link: link}
			}
		case tar.TypeSymlink:
			if path.IsAbs(h.Linkname) {
				continue
			}
			// path.Join would swallow a leading "..": such a link leads outside.
			if link := path.Join(path.Dir(name), h.Linkname); fs.ValidPath(link) {
				t.entries[name] = tarEntry{link: link}
			}
		}
	}
}

func isSparse(h *tar.Header) bool {
	for k := range h.PAXRecords {
		if strings.HasPrefix(k, "GNU.sparse.") {
			return true
		}
	}
	return false
}

func (t *tarTree) Open(name string) (*File, error) {
	clean, ok := Clean(name)
	for range maxHops {
		if !ok {
			break
		}
		e, there := t.entries[clean]
		if !there {
			break
		}
		if e.link == "" {
			return &File{SectionReader: io.NewSectionReader(t.r, e.off, e.size)}, nil
		}
		clean = e.link
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

func (t *tarTree) Names(max int) []string {
	names := make([]string, 0, len(t.entries))
	for n := range t.entries {
		names = append(names, n)
	}
	sort.Strings(names)
	return names[:min(max, len(names))]
}

func (t *tarTree) Close() error {
	if t.closer == nil {
		return nil
	}
	return t.closer.Close()
}
