// Package tardiff reads and writes the format of github.com/containers/tar-diff:
// a tar as operations over files that lie extracted. Behind eight fixed bytes comes
// a zstd stream of operations; each is a byte, a varint, and for three of the
// five kinds so many bytes.
package tardiff

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// MediaType is that of a tar-diff as a blob.
const MediaType = "application/vnd.tar-diff"

var magic = [8]byte{'t', 'a', 'r', 'd', 'f', '1', '\n', 0}

// The operations.
const (
	opData = 0 // write the bytes that follow
	opOpen = 1 // go to the start of the file with the name that follows
	opCopy = 2 // copy so many bytes from the file
	opAdd  = 3 // add, byte for byte, so many bytes of the file to those that follow
	opSeek = 4 // go to a place in the file
)

// MaxName is the length of the longest name that a tar-diff may read, in bytes.
const MaxName = 4 << 10

// Limits of what is read.
const (
	maxNames  = 1 << 20
	nameBytes = 64 << 20  // of all names together
	maxWindow = 128 << 20 // of zstd, bytes
	chunk     = 64 << 10
)

// ErrCorrupt reports a tar-diff that is damaged, or asks for what cannot be.
var ErrCorrupt = errors.New("the tar-diff is damaged")

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
}

// Clean gives the form of a tar member's name in which a tar-diff names it. ".." stops
// at the root. It is empty for the root itself.
func Clean(name string) string {
	if strings.ContainsRune(name, 0) {
		return ""
	}
	return path.Clean("/" + name)[1:]
}

// visitor is what becomes of the operations.
type visitor interface {
	data(in *input, n int64) error
	open(name string) error
	copy(n int64) error
	add(in *input, n int64) error
	seek(to int64) error
}

// input is the decompressed stream of operations.
type input struct {
	*bufio.Reader
	src *source
}

// full fills b.
func (in *input) full(b []byte) error {
	if _, err := io.ReadFull(in.Reader, b); err != nil {
		return in.src.explain(err)
	}
	return nil
}

// skip passes over n bytes.
func (in *input) skip(n int64) error {
	if _, err := io.CopyN(io.Discard, in.Reader, n); err != nil {
		return in.src.explain(err)
	}
	return nil
}

// walk reads all operations.
func walk(r io.Reader, v visitor) error {
	src := &source{r: r}
	var head [len(magic)]byte
	if _, err := io.ReadFull(src, head[:]); err != nil {
		return src.explain(err)
	}
	if head != magic {
		return corrupt("it does not begin as one")
	}
	z, err := zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return src.explain(err)
	}
	defer z.Close()
	in := &input{bufio.NewReaderSize(z, chunk), src}
	opened := false
	for {
		op, err := in.ReadByte()
		if err == io.EOF && src.err == nil {
			return nil
		}
		if err != nil {
			return src.explain(err)
		}
		u, err := binary.ReadUvarint(in)
		if err != nil {
			return src.explain(err)
		}
		if u > math.MaxInt64 {
			return corrupt("an operation on %d bytes", u)
		}
		n := int64(u)
		if (op == opCopy || op == opAdd) && !opened {
			return corrupt("it copies from no file") // even if no bytes of it
		}
		switch op {
		case opData:
			err = v.data(in, n)
		case opOpen:
			err = openFile(in, n, v)
			opened = true
		case opCopy:
			err = v.copy(n)
		case opAdd:
			err = v.add(in, n)
		case opSeek:
			err = v.seek(n)
		default:
			err = corrupt("operation %d", op)
		}
		if err != nil {
			return err
		}
	}
}

func openFile(in *input, n int64, v visitor) error {
	if n > MaxName {
		return corrupt("a file name of %d bytes", n)
	}
	b := make([]byte, n)
	if err := in.full(b); err != nil {
		return err
	}
	name := Clean(string(b))
	if name == "" {
		return corrupt("a file named %q", b)
	}
	return v.open(name)
}

// source notes why a tar-diff cannot be read, to tell that from damage.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// explain gives the reason for an error of the decoder.
func (s *source) explain(err error) error {
	switch {
	case s.err != nil:
		return s.err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return corrupt("it ends too early")
	}
	return fmt.Errorf("%w: %w", ErrCorrupt, err)
}

// Needs are the files that a tar-diff reads, and the size of the tar it gives.
type Needs struct {
	Names map[string]bool
	Size  int64
}

// Scan reads a tar-diff to its end without the files.
func Scan(r io.Reader) (*Needs, error) {
	s := &scanner{needs: Needs{Names: map[string]bool{}}}
	if err := walk(r, s); err != nil {
		return nil, err
	}
	return &s.needs, nil
}

type scanner struct {
	needs  Needs
	opened string
	names  int // bytes of the names in needs
}

func (s *scanner) grow(n int64) error {
	if s.needs.Size > math.MaxInt64-n {
		return corrupt("it gives more than %d bytes", int64(math.MaxInt64))
	}
	s.needs.Size += n
	return nil
}

func (s *scanner) data(in *input, n int64) error {
	if err := in.skip(n); err != nil {
		return err
	}
	return s.grow(n)
}

func (s *scanner) open(name string) error {
	s.opened = name
	return nil
}

// copy and add make a file needed: one that is only opened is not.
func (s *scanner) copy(n int64) error {
	if n > 0 && !s.needs.Names[s.opened] {
		// A name of 4 KiB takes some ten bytes in the compressed stream.
		if s.names += len(s.opened); s.names > nameBytes || len(s.needs.Names) >= maxNames {
			return corrupt("it reads more than %d files, or their names have more than %d bytes", maxNames, nameBytes)
		}
		s.needs.Names[s.opened] = true
	}
	return s.grow(n)
}

func (s *scanner) add(in *input, n int64) error {
	if err := in.skip(n); err != nil {
		return err
	}
	return s.copy(n)
}

func (s *scanner) seek(int64) error { return nil }

// Apply writes the tar. open gives the files that Scan has listed.
func Apply(w io.Writer, r io.Reader, open func(name string) (*io.SectionReader, error)) error {
	return walk(r, &applier{w: w, files: open})
}

type applier struct {
	w     io.Writer
	files func(string) (*io.SectionReader, error)
	name  string
	at    int64
	file  *io.SectionReader // nil until it is read
	a, b  [chunk]byte
}

func (p *applier) data(in *input, n int64) error {
	for n > 0 {
		b := p.a[:min(n, chunk)]
		if err := in.full(b); err != nil {
			return err
		}
		if _, err := p.w.Write(b); err != nil {
			return err
		}
		n -= int64(len(b))
	}
	return nil
}

func (p *applier) open(name string) error {
	p.name, p.at, p.file = name, 0, nil
	return nil
}

func (p *applier) seek(to int64) error {
	p.at = to
	return nil
}

// read fills b from the file.
func (p *applier) read(b []byte) error {
	if p.file == nil {
		var err error
		if p.file, err = p.files(p.name); err != nil {
			return err
		}
	}
	if p.at > p.file.Size()-int64(len(b)) {
		return corrupt("it reads %d bytes at %d of file %q, which has %d", len(b), p.at, p.name, p.file.Size())
	}
	if _, err := p.file.ReadAt(b, p.at); err != nil && err != io.EOF {
		return err
	}
	p.at += int64(len(b))
	return nil
}

func (p *applier) copy(n int64) error {
	for n > 0 {
		b := p.a[:min(n, chunk)]
		if err := p.read(b); err != nil {
			return err
		}
		if _, err := p.w.Write(b); err != nil {
			return err
		}
		n -= int64(len(b))
	}
	return nil
}

func (p *applier) add(in *input, n int64) error {
	for n > 0 {
		a, b := p.a[:min(n, chunk)], p.b[:min(n, chunk)]
		if err := in.full(a); err != nil {
			return err
		}
		if err := p.read(b); err != nil {
			return err
		}
		for i := range a {
			a[i] += b[i]
		}
		if _, err := p.w.Write(a); err != nil {
			return err
		}
		n -= int64(len(a))
	}
	return nil
}
