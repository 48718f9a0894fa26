// Package spool keeps bytes in temporary files that vanish with the process.
//
// A [Dir] is the room that one operation may use: it knows where temporary
// files go and how many bytes they may hold together. Its files have no name,
// where the system can do that, so that even a killed process leaves nothing
// behind.
package spool

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"syscall"

	"github.com/docker-delta/docker-delta/internal/tempfile"
)

// ErrLimit reports that an operation needs more temporary space than it was
// allowed.
var ErrLimit = errors.New("limit on temporary space reached")

// Dir hands out temporary files below one directory and counts their bytes.
type Dir struct {
	path   string
	room   Room
	used   atomic.Int64
	failed atomic.Pointer[error] // the first failure to read
}

// Room is how many bytes temporary files may hold together.
type Room struct {
	path    string
	most    int64 // 0 if that is not known
	isAsked bool  // for, with --max-temp
}

// NewRoom is the room for temporary files below path: max bytes or, if that is 0,
// nine tenths of what is free there, so that hostile input does not fill a disk
// that others need.
func NewRoom(path string, max int64) Room {
	if max > 0 {
		return Room{path, max, true}
	}
	return Room{path, free(path) / 10 * 9, false}
}

// Check fails with an [ErrLimit] if used bytes are more than there is room for.
func (r Room) Check(used int64) error {
	switch {
	case r.most == 0 || used <= r.most:
		return nil
	case r.isAsked:
		return fmt.Errorf("%w: %d bytes are allowed in %s; raise --max-temp", ErrLimit, r.most, r.path)
	}
	return fmt.Errorf("%w: %w in %s, but for a tenth that is kept free; choose another place with --temp-dir, or allow more with --max-temp", ErrLimit, syscall.ENOSPC, r.path)
}

// NewDir returns a Dir below path, or below the system's temporary directory
// if path is empty. max bounds the bytes held at a time; 0 is the default of
// [NewRoom].
func NewDir(path string, max int64) *Dir {
	if path == "" {
		path = os.TempDir()
	}
	return &Dir{path: path, room: NewRoom(path, max)}
}

// Path is the directory in which the files are made.
func (d *Dir) Path() string { return d.path }

func (d *Dir) reserve(n int64) error {
	return d.room.Check(d.used.Add(n))
}

// Failed gives the first error that reading any of the files has met, the end of
// a file aside. Who reads to find out whether something is sound, such as a
// compressed stream, cannot tell a disk that fails from bytes that are wrong, and
// asks here in the end.
func (d *Dir) Failed() error {
	if err := d.failed.Load(); err != nil {
		return *err
	}
	return nil
}

func (d *Dir) note(err error) {
	if err != nil && err != io.EOF {
		d.failed.CompareAndSwap(nil, &err)
	}
}

// Watch notes failures to read from r as if it were one of the files.
func (d *Dir) Watch(r io.ReaderAt) io.ReaderAt { return &watched{r, d} }

type watched struct {
	r io.ReaderAt
	d *Dir
}

func (w *watched) ReadAt(p []byte, off int64) (int, error) {
	n, err := w.r.ReadAt(p, off)
	w.d.note(err)
	return n, err
}

// File is an anonymous temporary file: written at the end, read anywhere.
type File struct {
	dir  *Dir
	f    *tempfile.File
	size int64
}

// Create makes an empty file.
func (d *Dir) Create() (*File, error) {
	f, err := tempfile.Anonymous(d.path)
	if err != nil {
		return nil, fmt.Errorf("temporary file in %s (choose another place with --temp-dir): %w", d.path, err)
	}
	return &File{dir: d, f: f}, nil
}

// Write appends p.
func (f *File) Write(p []byte) (int, error) {
	if err := f.dir.reserve(int64(len(p))); err != nil {
		return 0, err
	}
	n, err := f.f.WriteAt(p, f.size)
	f.size += int64(n)
	if err != nil {
		return n, fmt.Errorf("temporary file in %s (choose another place with --temp-dir): %w", f.dir.path, err)
	}
	return n, nil
}

// ReadAt reads bytes written before.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.f.ReadAt(p, off)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("temporary file in %s (choose another place with --temp-dir): %w", f.dir.path, err)
		f.dir.note(err)
	}
	return n, err
}

// Size is the number of bytes written.
func (f *File) Size() int64 { return f.size }

// Section reads n bytes from off.
func (f *File) Section(off, n int64) *io.SectionReader { return io.NewSectionReader(f, off, n) }

// Close gives the space back. Closing twice is harmless.
func (f *File) Close() error {
	if f == nil || f.f == nil {
		return nil
	}
	f.dir.used.Add(-f.size)
	err := f.f.Close()
	f.f = nil
	return err
}
