package signature

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/crypto/blake2b"
)

// Read reads the signature in a file. A file that is not there is an ErrMissing.
func Read(path string) ([]byte, error) {
	b, err := readSmall(path, MaxSize)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w in %s", ErrMissing, path)
	}
	return b, err
}

// Signer is who signed, and what was signed along with the file.
type Signer struct {
	Key     PublicKey
	Comment string
}

// Check verifies the signature of size bytes with that of the keys whose ID it
// names, and gives them back. Errors of r aside, all errors are ErrSignature.
func Check(r io.ReaderAt, size int64, text []byte, keys []PublicKey) (*File, error) {
	s, k, err := find(text, keys)
	if err != nil {
		return nil, err
	}
	f := &File{r: r, size: size}
	hash, err := f.learn()
	if err != nil {
		return nil, err
	}
	if f.Signer, err = s.by(hash, k); err != nil {
		return nil, err
	}
	return f, nil
}

// CheckBytes verifies the signature of b.
func CheckBytes(b, text []byte, keys []PublicKey) (Signer, error) {
	s, k, err := find(text, keys)
	if err != nil {
		return Signer{}, err
	}
	sum := blake2b.Sum512(b)
	return s.by(&sum, k)
}

// find reads a signature and finds the keys that it may be from: IDs are not
// unique by force.
func find(text []byte, keys []PublicKey) (*Signature, []PublicKey, error) {
	s, err := Parse(text)
	if err != nil {
		return nil, nil, err
	}
	var known []PublicKey
	for _, k := range keys {
		if k.ID == s.Key {
			known = append(known, k)
		}
	}
	if len(known) == 0 {
		return nil, nil, fmt.Errorf("%w: it is signed with key %s%s", errOtherKey, s.Key, wanted(keys))
	}
	return s, known, nil
}

// by verifies the signature with the first key that does.
func (s *Signature) by(hash *[blake2b.Size]byte, keys []PublicKey) (Signer, error) {
	var failed error
	for _, k := range keys {
		err := s.verify(hash, k)
		if err == nil {
			return Signer{Key: k, Comment: s.comment}, nil
		}
		if failed == nil {
			failed = err
		}
	}
	return Signer{}, failed
}

func wanted(keys []PublicKey) string {
	if len(keys) == 0 {
		return ", and no key is accepted"
	}
	return ", wanted is " + ids(keys)
}

// ids writes the IDs of keys, each once.
func ids(keys []PublicKey) string {
	var list []string
	for _, k := range keys {
		if id := k.ID.String(); !slices.Contains(list, id) {
			list = append(list, id)
		}
	}
	return strings.Join(list, " or ")
}

// errOtherKey reports a signature by a key that is not known. It is an
// ErrSignature.
var errOtherKey = fmt.Errorf("%w", ErrSignature)

// chunkSize is the grain at which a File knows its bytes: for each chunk it keeps
// 32 bytes.
const chunkSize = 64 << 10

// errChanged reports a file that was written to after its signature was checked.
var errChanged = fmt.Errorf("%w: it has changed since its signature was checked", ErrSignature)

// File is a signed file. What it reads was signed, also if others write to the
// file meanwhile: each chunk is compared with what it was when the signature was
// checked.
type File struct {
	Signer
	r    io.ReaderAt
	size int64
	sums [][sha256.Size]byte
}

// learn reads everything once: for the signature, and for later reads.
func (f *File) learn() (*[blake2b.Size]byte, error) {
	whole := NewHash()
	buf := make([]byte, chunkSize)
	for at := int64(0); at < f.size; at += chunkSize {
		b := buf[:min(chunkSize, f.size-at)]
		if err := f.fill(b, at); err != nil {
			return nil, err
		}
		whole.Write(b)
		f.sums = append(f.sums, sha256.Sum256(b))
	}
	return whole.sum(), nil
}

func (f *File) fill(b []byte, at int64) error {
	n, err := f.r.ReadAt(b, at)
	switch {
	case n == len(b):
		return nil
	case err == io.EOF || err == nil:
		return errChanged
	}
	return err
}

// Size is the number of bytes.
func (f *File) Size() int64 { return f.size }

// ReadAt reads what was signed.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("a negative offset")
	}
	var buf []byte
	done := 0
	for done < len(p) {
		at := off + int64(done)
		if at >= f.size {
			return done, io.EOF
		}
		n := at / chunkSize
		start := n * chunkSize
		length := min(chunkSize, f.size-start)
		if at == start && int64(len(p)-done) >= length { // a whole chunk needs no copy
			if err := f.chunk(p[done:done+int(length)], n); err != nil {
				return done, err
			}
			done += int(length)
			continue
		}
		if buf == nil {
			buf = make([]byte, chunkSize)
		}
		if err := f.chunk(buf[:length], n); err != nil {
			return done, err
		}
		done += copy(p[done:], buf[at-start:length])
	}
	return done, nil
}

// chunk reads a chunk and makes sure that it is the one that was signed.
func (f *File) chunk(b []byte, n int64) error {
	if err := f.fill(b, n*chunkSize); err != nil {
		return err
	}
	if sha256.Sum256(b) != f.sums[n] {
		return errChanged
	}
	return nil
}
