package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/docker-delta/docker-delta/image/internal/tree"
	"github.com/docker-delta/docker-delta/image/internal/unpack"
)

// file is what an archive is read from.
type file interface {
	io.ReaderAt
	io.Reader
	io.Closer
}

// openFile opens an archive or a JSON document. It takes f over.
func openFile(ctx context.Context, name string, f file, size int64, r Reference, opt *Options) (*top, error) {
	t, err := openFileContent(ctx, name, &f, size, r, opt)
	if err != nil {
		f.Close()
	}
	return t, err
}

func openFileContent(ctx context.Context, name string, fp *file, size int64, r Reference, opt *Options) (*top, error) {
	head := make([]byte, 512)
	n, err := (*fp).ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return nil, err
	}
	head = head[:n]
	if format := unpack.Detect(head); format != unpack.None {
		opt.debugf("%s is compressed with %s", name, format)
		plain, m, err := decompress(ctx, *fp, size, opt)
		if err != nil {
			return nil, fmt.Errorf("decompressing %s (%s): %w", name, format, err)
		}
		(*fp).Close()
		*fp, size = plain, m
		n, err := plain.ReadAt(head[:cap(head)], 0)
		if err != nil && err != io.EOF {
			return nil, err
		}
		head = head[:n]
	}
	if isJSON(head) {
		return openDocument(ctx, name, *fp, size, r, opt)
	}
	t, err := tree.Tar(*fp, size, *fp)
	if errors.Is(err, tree.ErrNotTar) {
		return nil, hint(fmt.Errorf("%w: %s", ErrNotImage, describe(head, size)), "expected a tar archive of an image, possibly compressed, or a manifest")
	}
	if errors.Is(err, tree.ErrTruncated) {
		return nil, hint(err, "copy or save it again")
	}
	if err != nil {
		return nil, err
	}
	return openTree(ctx, name, t, nil, r, opt)
}

func decompress(ctx context.Context, f io.ReaderAt, size int64, opt *Options) (file, int64, error) {
	rc, _, err := unpack.NewReader(&ctxReader{ctx, io.NewSectionReader(f, 0, size)})
	if err != nil {
		return nil, 0, err
	}
	defer rc.Close()
	s, n, err := opt.spool(rc)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = hint(fmt.Errorf("it is truncated: %w", err), "copy or save it again")
	}
	return s, n, err
}

// openDocument opens a manifest or index given itself as the path; what it names
// lies beside it.
func openDocument(ctx context.Context, name string, f file, size int64, r Reference, opt *Options) (*top, error) {
	if size > maxJSON {
		return nil, fmt.Errorf("%w: a JSON document of %d bytes, more than the limit of %d", ErrNotImage, size, maxJSON)
	}
	raw := make([]byte, size)
	if _, err := f.ReadAt(raw, 0); err != nil && err != io.EOF {
		return nil, err
	}
	d, err := parseDocument(raw)
	if err != nil {
		return nil, err
	}
	t, err := openTree(ctx, name, tree.Dir(besides(name)), d, r, opt)
	if err == nil {
		t.closers = append(t.closers, f)
	}
	return t, err
}

// besides is the directory whose files a document names. A manifest that is
// itself a blob of a layout lies two levels below the root.
func besides(name string) string {
	dir := filepath.Dir(absPath(name))
	if up := filepath.Dir(dir); filepath.Base(up) == "blobs" {
		return filepath.Dir(up)
	}
	return dir
}

// describe tells a person what a file seems to be.
func describe(head []byte, size int64) string {
	switch {
	case size == 0:
		return "an empty file"
	case len(head) > 4 && string(head[:4]) == "\x7fELF":
		return "an executable program"
	case len(head) > 4 && string(head[:4]) == "PK\x03\x04":
		return "a zip archive"
	}
	for _, b := range head {
		if b < 9 {
			return fmt.Sprintf("binary data (%d bytes, starting with %x)", size, head[:min(8, len(head))])
		}
	}
	return fmt.Sprintf("text (%d bytes, starting with %q)", size, head[:min(20, len(head))])
}
