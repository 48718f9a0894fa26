// Package rpmdb reads the database of installed packages that rpm keeps in an
// image, in each of the forms that it has had: a Berkeley DB hash
// (/var/lib/rpm/Packages, until rpm 4.15), ndb (Packages.db, SUSE) and SQLite
// (rpmdb.sqlite, since rpm 4.16). It reads what is needed for that and no more
// of these formats, and believes nothing that they say about sizes.
package rpmdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// ErrFormat reports a database that cannot be understood.
var ErrFormat = errors.New("malformed rpm database")

// Package is an installed package.
type Package struct {
	Name, Arch string
	// Version is [epoch:]version-release.
	Version string
	// Files are absolute paths, directories included.
	Files []string
}

const (
	// maxBlob bounds a package's header, in bytes: rpm's own limit.
	maxBlob = 256 << 20
	// maxPackages bounds the number of packages, maxFiles that of the files and
	// directories of one.
	maxPackages = 1 << 20
	maxFiles    = 1 << 20
	// mostNames bounds the bytes of all paths, for each byte of the database: a
	// path is written as the number of a directory and a name in it. Real headers
	// have some 120 bytes more for each file.
	mostNames = 16
)

// Read lists the packages of a database of size bytes.
func Read(r io.ReaderAt, size int64) ([]Package, error) {
	head := make([]byte, 100)
	if n, err := r.ReadAt(head, 0); n < len(head) {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	l := &list{blobs: size, names: mostNames*size + 1<<20}
	var err error
	switch {
	case string(head[:len(sqliteMagic)]) == sqliteMagic:
		err = readSQLite(r, size, head, l.add)
	case string(head[:4]) == ndbMagic:
		err = readNDB(r, size, l.add)
	case isBDB(head):
		err = readBDB(r, size, head, l.add)
	default:
		return nil, fmt.Errorf("%w: of no known kind", ErrFormat)
	}
	return l.packages, err
}

type list struct {
	packages []Package
	blobs    int64 // bytes of headers that may still come: each byte is in one
	names    int64 // bytes of paths that may still come
}

func (l *list) add(blob []byte) error {
	if l.blobs -= int64(len(blob)); l.blobs < 0 {
		return fmt.Errorf("%w: its packages have more bytes than it has", ErrFormat)
	}
	p, err := parseHeader(blob, &l.names)
	if err != nil {
		return err
	}
	if len(l.packages) == maxPackages {
		return fmt.Errorf("%w: more than %d packages", ErrFormat, maxPackages)
	}
	if p.Name != "" {
		l.packages = append(l.packages, p)
	}
	return nil
}

// Tags of rpm's header, of rpmtag.h.
const (
	tagName       = 1000
	tagVersion    = 1001
	tagRelease    = 1002
	tagEpoch      = 1003
	tagArch       = 1022
	tagOldFiles   = 1027
	tagDirIndexes = 1116
	tagBaseNames  = 1117
	tagDirNames   = 1118
)

const (
	typeInt32       = 4
	typeString      = 6
	typeStringArray = 8
	typeI18NString  = 9
)

// header is rpm's header structure: an index and the data that it points into.
type header struct {
	index map[uint32]indexEntry
	data  []byte
}

type indexEntry struct{ kind, off, count uint32 }

// parseHeader reads a header; names bounds the bytes of its paths.
func parseHeader(b []byte, names *int64) (Package, error) {
	h, err := newHeader(b)
	if err != nil {
		return Package{}, err
	}
	p := Package{Name: h.text(tagName), Arch: h.text(tagArch), Version: h.text(tagVersion) + "-" + h.text(tagRelease)}
	if epoch := h.ints(tagEpoch); len(epoch) > 0 {
		p.Version = strconv.FormatUint(uint64(epoch[0]), 10) + ":" + p.Version
	}
	if p.Name == "" {
		return p, nil
	}
	dirs, bases := h.texts(tagDirNames, maxFiles), h.texts(tagBaseNames, maxFiles)
	for i, d := range h.ints(tagDirIndexes) {
		if i >= len(bases) || int(d) >= len(dirs) {
			continue
		}
		if *names -= int64(len(dirs[d]) + len(bases[i])); *names < 0 {
			return Package{}, fmt.Errorf("%w: the paths of its files are too long", ErrFormat)
		}
		p.Files = append(p.Files, dirs[d]+bases[i])
	}
	if p.Files == nil {
		p.Files = h.texts(tagOldFiles, maxFiles)
	}
	return p, nil
}

const indexEntrySize = 16

func newHeader(b []byte) (*header, error) {
	be := binary.BigEndian
	if len(b) < 8 {
		return nil, fmt.Errorf("%w: a header of %d bytes", ErrFormat, len(b))
	}
	entries, size := int64(be.Uint32(b)), int64(be.Uint32(b[4:]))
	if 8+entries*indexEntrySize+size > int64(len(b)) {
		return nil, fmt.Errorf("%w: a header of %d bytes has %d entries and %d bytes of data", ErrFormat, len(b), entries, size)
	}
	h := &header{index: make(map[uint32]indexEntry), data: b[8+entries*indexEntrySize:][:size]}
	for i := range entries {
		e := b[8+i*indexEntrySize:]
		switch be.Uint32(e) {
		case tagName, tagVersion, tagRelease, tagEpoch, tagArch, tagOldFiles, tagDirIndexes, tagBaseNames, tagDirNames:
		default:
			continue
		}
		h.index[be.Uint32(e)] = indexEntry{be.Uint32(e[4:]), be.Uint32(e[8:]), be.Uint32(e[12:])}
	}
	return h, nil
}

// text is the first string of a tag, or "".
func (h *header) text(tag uint32) string {
	if list := h.texts(tag, 1); len(list) > 0 {
		return list[0]
	}
	return ""
}

// texts lists the strings of a tag, as far as they are there, and no more than
// most.
func (h *header) texts(tag, most uint32) (list []string) {
	e := h.index[tag]
	if e.kind != typeString && e.kind != typeStringArray && e.kind != typeI18NString || int64(e.off) > int64(len(h.data)) {
		return nil
	}
	rest := h.data[e.off:]
	for range min(e.count, most) {
		n := 0
		for n < len(rest) && rest[n] != 0 {
			n++
		}
		if n == len(rest) {
			break
		}
		list = append(list, string(rest[:n]))
		rest = rest[n+1:]
	}
	return list
}

// ints lists the numbers of a tag, as far as they are there.
func (h *header) ints(tag uint32) (list []uint32) {
	e := h.index[tag]
	if e.kind != typeInt32 || int64(e.off) > int64(len(h.data)) {
		return nil
	}
	rest := h.data[e.off:]
	for range e.count {
		if len(rest) < 4 {
			break
		}
		list = append(list, binary.BigEndian.Uint32(rest))
		rest = rest[4:]
	}
	return list
}

// readAt reads n bytes, which must lie in the database.
func readAt(r io.ReaderAt, size, off, n int64) ([]byte, error) {
	if off < 0 || n < 0 || off > size-n {
		return nil, fmt.Errorf("%w: %d bytes at %d of %d", ErrFormat, n, off, size)
	}
	b := make([]byte, n)
	if m, err := r.ReadAt(b, off); int64(m) < n {
		return nil, err
	}
	return b, nil
}
