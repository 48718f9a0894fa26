package report

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/internal/spool"
)

// sum is the SHA-256 of a content.
type sum [sha256.Size]byte

// entry is a member of a layer's tar.
type entry struct {
	name    string // in the tar, clean, without a slash in front; "" is the root
	path    string // the same, or what a whiteout is about
	kind    Kind
	mode    int64
	uid     int
	gid     int
	sec     int64 // modification time
	nsec    int
	link    string // of a symbolic link; of a hard link, the clean path
	size    int64  // of a regular file
	sum     sum    // of a regular file, or of that which a hard link means
	linked  *entry // the file that a hard link means, or nil
	special string // device numbers
	xattrs  string // extended attributes, in one order
	ftype   string // by content

	// A whiteout removes path, an opaque one what lower layers have below it.
	whiteout, opaque bool

	layer *scanned
	// start and end bound the entry in the tar, with its headers and padding;
	// data is where the content begins.
	start, data, end int64
}

// reader gives the content of a regular file; of a sparse one, which tar does
// not keep as it is, only as much as is there.
func (e *entry) reader() *io.SectionReader {
	return e.layer.raw.Section(e.data, max(min(e.size, e.end-e.data), 0))
}

// scanned is a layer that was read.
type scanned struct {
	diffID  digest.Digest
	raw     *spool.File // the tar
	size    int64
	entries []*entry
	// blob is the size of the compressed layer, and curve the way in which the
	// parts of the tar share it; both are empty where nobody asked for them.
	blob      int64
	curve     curve
	estimated bool // there is no blob; it is what gzip would make
}

// compressed is the share of the compressed layer that an entry takes.
func (s *scanned) compressed(e *entry) float64 { return s.curve.at(e.end) - s.curve.at(e.start) }

// readAhead is larger than what any decoder gives at once, see [curve].
const readAhead = 256 << 10

// scanLayer reads a layer, checks it, and lists what is in its tar. If measure
// is set, it notes how the tar shares the compressed layer.
func scanLayer(ctx context.Context, l image.Layer, f *spool.File, measure bool) (*scanned, error) {
	s := &scanned{diffID: l.DiffID(), raw: f}
	plain, err := s.open(ctx, l, measure)
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	if err := s.list(bufio.NewReaderSize(io.TeeReader(plain, f), readAhead)); err != nil {
		return nil, err
	}
	s.size = f.Size()
	return s, plain.finish()
}

// list reads the tar to its end.
func (s *scanned) list(r io.Reader) error {
	in := &counter{r: r}
	tr := tar.NewReader(in)
	h, buf := sha256.New(), make([]byte, readAhead/2)
	for end := int64(0); ; {
		th, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("its tar: %w", err)
		}
		e := newEntry(th)
		if e == nil {
			continue
		}
		e.layer, e.start, e.data = s, end, in.n
		if err := e.read(tr, h, buf); err != nil {
			return fmt.Errorf("its tar: %s: %w", Show(e.path), err)
		}
		e.end = (in.n + 511) &^ 511
		end = e.end
		s.entries = append(s.entries, e)
	}
	// What stands behind the end of the archive is part of the layer, too.
	_, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{in}, buf)
	return err
}

// newEntry takes over a tar header; nil means that it stands for no file.
func newEntry(h *tar.Header) *entry {
	e := &entry{
		name: cleanPath(h.Name), mode: h.Mode & 0o7777, uid: h.Uid, gid: h.Gid,
		sec: h.ModTime.Unix(), nsec: h.ModTime.Nanosecond(),
	}
	switch h.Typeflag {
	case tar.TypeDir:
		e.kind = Directory
	case tar.TypeSymlink:
		e.kind, e.link = Symlink, h.Linkname
	case tar.TypeLink:
		e.kind, e.link = Hardlink, cleanPath(h.Linkname)
	case tar.TypeChar, tar.TypeBlock:
		e.kind, e.special = Device, fmt.Sprintf("%c %d:%d", h.Typeflag, h.Devmajor, h.Devminor)
	case tar.TypeFifo:
		e.kind = Fifo
	case tar.TypeXGlobalHeader:
		return nil
	default: // what is unknown counts as a file, says the format
		e.kind, e.size = Regular, h.Size
	}
	var attrs []string
	for k, v := range h.PAXRecords {
		if name, ok := strings.CutPrefix(k, "SCHILY.xattr."); ok {
			attrs = append(attrs, fmt.Sprintf("%q=%q", name, v))
		}
	}
	slices.Sort(attrs)
	e.xattrs = strings.Join(attrs, " ")
	e.findWhiteout()
	return e
}

// The names that stand for what is gone, of the OCI image specification's layer
// changesets.
const (
	whiteoutPrefix = ".wh."
	opaqueWhiteout = ".wh..wh..opq"
)

func (e *entry) findWhiteout() {
	dir, base := path.Split(e.name)
	switch e.path = e.name; {
	case base == opaqueWhiteout:
		e.path, e.opaque = strings.TrimSuffix(dir, "/"), true
	case strings.HasPrefix(base, whiteoutPrefix):
		e.path, e.whiteout = dir+strings.TrimPrefix(base, whiteoutPrefix), true
	}
}

// read sums a content and looks at its start.
func (e *entry) read(r io.Reader, h hash.Hash, buf []byte) error {
	if e.kind != Regular {
		return nil
	}
	n, err := io.ReadAtLeast(r, buf, int(min(e.size, lookAt)))
	if err != nil && err != io.EOF {
		return err
	}
	e.ftype = fileType(e.path, buf[:n])
	h.Reset()
	h.Write(buf[:n])
	if _, err := io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{r}, buf); err != nil {
		return err
	}
	h.Sum(e.sum[:0])
	return nil
}

// cleanPath brings the names that tars use into one form.
func cleanPath(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }

// counter counts the bytes that were read.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
