package format

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A patch, the delta between two plain files, has a form of its own, since a
// package would be larger than many a patch:
//
//	magic     "ddpatch" and the version, 1 byte
//	old, new  size as uvarint, SHA-256 in 32 bytes, each
//	reference length as uvarint, then as many bytes
//	data      all that is left but the last 32 bytes: a coded layer
//	checksum  SHA-256 of everything before it

const patchMagic = "ddpatch"

// PatchHeader is what stands before the data of a patch.
type PatchHeader struct {
	Old, New FileID
	// Reference says what is unwrapped from the old file.
	Reference []byte
}

// FileID identifies a file's contents.
type FileID struct {
	Size int64
	Sum  [sha256.Size]byte
}

// WritePatch writes a patch with the given data.
func WritePatch(w io.Writer, h *PatchHeader, data io.Reader) error {
	sum := sha256.New()
	out := io.MultiWriter(w, sum)
	b := append([]byte(patchMagic), Version)
	for _, f := range []FileID{h.Old, h.New} {
		b = binary.AppendUvarint(b, uint64(f.Size))
		b = append(b, f.Sum[:]...)
	}
	b = binary.AppendUvarint(b, uint64(len(h.Reference)))
	b = append(b, h.Reference...)
	if _, err := out.Write(b); err != nil {
		return err
	}
	if _, err := io.Copy(out, data); err != nil {
		return err
	}
	_, err := w.Write(sum.Sum(nil))
	return err
}

// isPatch tells whether a file starts as a patch does.
func isPatch(r io.ReaderAt) bool {
	var magic [len(patchMagic)]byte
	_, _ = r.ReadAt(magic[:], 0)
	return string(magic[:]) == patchMagic
}

// OpenPatch checks a patch of size bytes and gives its header and its data.
func OpenPatch(r io.ReaderAt, size int64) (*PatchHeader, *io.SectionReader, error) {
	s := io.NewSectionReader(r, 0, size)
	var magic [len(patchMagic) + 1]byte
	if _, err := io.ReadFull(s, magic[:]); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, nil, err
	}
	if string(magic[:len(patchMagic)]) != patchMagic {
		return nil, nil, fmt.Errorf("%w: %w", ErrNotPackage, ErrNotPatch)
	}
	if v := magic[len(patchMagic)]; v != Version {
		return nil, nil, fmt.Errorf("%w: patch version %d, this program knows %d", ErrVersion, v, Version)
	}
	end := size - sha256.Size
	if end < int64(len(magic)) {
		return nil, nil, corrupt("the patch ends too early")
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(r, 0, end)); err != nil {
		return nil, nil, err
	}
	want := make([]byte, sha256.Size)
	if _, err := r.ReadAt(want, end); err != nil && err != io.EOF {
		return nil, nil, err
	}
	if !bytes.Equal(sum.Sum(nil), want) {
		return nil, nil, corrupt("the patch's bytes do not match its checksum")
	}
	return parsePatch(r, int64(len(magic)), end)
}

func parsePatch(r io.ReaderAt, at, end int64) (*PatchHeader, *io.SectionReader, error) {
	in := &byteCounter{r: io.NewSectionReader(r, at, end-at)}
	h := new(PatchHeader)
	for _, f := range []*FileID{&h.Old, &h.New} {
		n, err := binary.ReadUvarint(in)
		if err != nil || n > 1<<62 {
			return nil, nil, corrupt("the patch's header")
		}
		f.Size = int64(n)
		if _, err := io.ReadFull(in, f.Sum[:]); err != nil {
			return nil, nil, corrupt("the patch's header")
		}
	}
	n, err := binary.ReadUvarint(in)
	if err != nil || n > MaxMetadata || int64(n) > end-at-in.n {
		return nil, nil, corrupt("the patch's header")
	}
	h.Reference = make([]byte, n)
	if _, err := io.ReadFull(in, h.Reference); err != nil {
		return nil, nil, corrupt("the patch's header")
	}
	at += in.n
	return h, io.NewSectionReader(r, at, end-at), nil
}

// byteCounter reads bytes and counts them.
type byteCounter struct {
	r io.Reader
	n int64
}

func (c *byteCounter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func (c *byteCounter) ReadByte() (byte, error) {
	var b [1]byte
	_, err := io.ReadFull(c, b[:])
	return b[0], err
}
