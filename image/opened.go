package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-delta/docker-delta/image/internal/tree"
	"github.com/docker-delta/docker-delta/image/internal/unpack"
)

// opened is an Image read from some store.
type opened struct {
	names        []string
	config       []byte
	rawManifest  []byte
	manifestType string
	platform     ocispec.Platform
	layers       []Layer
	indexes      []Index
	origin       string
	closers      []io.Closer
}

func (i *opened) Names() []string            { return i.names }
func (i *opened) Config() []byte             { return i.config }
func (i *opened) Manifest() ([]byte, string) { return i.rawManifest, i.manifestType }
func (i *opened) Platform() ocispec.Platform { return i.platform }
func (i *opened) Layers() []Layer            { return i.layers }
func (i *opened) Indexes() []Index           { return i.indexes }
func (i *opened) Origin() string             { return i.origin }
func (i *opened) Close() error {
	rc := readCloser{closers: i.closers}
	i.closers = nil
	return rc.Close()
}

// storeLayer is a layer of an opened image.
type storeLayer struct {
	what   string // "layer 2 of 5"
	diffID digest.Digest
	desc   *ocispec.Descriptor
	size   int64
	// open gives the stored bytes, compressed or not, and their number or -1.
	open func(ctx context.Context) (io.ReadCloser, int64, error)
	// measure finds the size when it is asked for; nil where it is known, or
	// where that takes reading the layer.
	measure func() int64
	// missing is returned instead of contents when it is set.
	missing error
}

func (l *storeLayer) DiffID() digest.Digest     { return l.diffID }
func (l *storeLayer) Blob() *ocispec.Descriptor { return l.desc }
func (l *storeLayer) Size() int64 {
	if l.size < 0 && l.measure != nil {
		return l.measure()
	}
	return l.size
}

func (l *storeLayer) Plain(ctx context.Context) (io.ReadCloser, error) {
	rc, _, err := l.raw(ctx)
	if err != nil {
		return nil, err
	}
	plain, format, err := unpack.NewReader(rc)
	if err != nil {
		rc.Close()
		return nil, fmt.Errorf("%s is no valid compressed tar: %w", l.what, err)
	}
	what := l.what
	if format != unpack.None {
		what += fmt.Sprintf(" (%s, decompressed)", format)
	}
	return &readCloser{newVerifier(ctx, plain, what, l.diffID, l.size), []io.Closer{plain, rc}}, nil
}

// PlainAt implements [Direct] for layers that are sections of an archive, or files.
func (l *storeLayer) PlainAt(ctx context.Context) PlainFile {
	if l.size < 0 {
		return nil
	}
	rc, size, err := l.raw(ctx)
	if err != nil {
		return nil
	}
	if f, ok := rc.(*tree.File); ok && size == l.size {
		return f
	}
	rc.Close()
	return nil
}

func (l *storeLayer) Compressed(ctx context.Context) (io.ReadCloser, error) {
	if l.desc == nil {
		return nil, fmt.Errorf("%s: %w", l.what, ErrNoBlob)
	}
	rc, _, err := l.raw(ctx)
	if err != nil {
		return nil, err
	}
	return &readCloser{newVerifier(ctx, rc, l.what, l.desc.Digest, l.desc.Size), []io.Closer{rc}}, nil
}

func (l *storeLayer) raw(ctx context.Context) (io.ReadCloser, int64, error) {
	if err := firstError(ctx.Err(), l.missing); err != nil {
		return nil, 0, err
	}
	return l.open(ctx)
}

// probe opens the layer of a local store once: is it there, and how large is it
// when it is not compressed? An absent layer is remembered in l.missing.
func (l *storeLayer) probe(ctx context.Context) error {
	rc, size, err := l.open(ctx)
	if err != nil {
		if errors.Is(err, ErrNotFound) {
			l.missing = err
			return nil
		}
		return err
	}
	defer rc.Close()
	if l.desc != nil && size >= 0 && size != l.desc.Size {
		return &DigestError{What: l.what, Want: l.desc.Digest, WantSize: l.desc.Size, GotSize: size}
	}
	var head [unpack.SniffLen]byte
	n, err := io.ReadFull(rc, head[:])
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return err
	}
	if unpack.Detect(head[:n]) == unpack.None {
		l.size = size
	}
	return nil
}

// firstMissing is the error of the first absent layer.
func (i *opened) firstMissing() error {
	for _, l := range i.layers {
		if s, ok := l.(*storeLayer); ok && s.missing != nil {
			return s.missing
		}
	}
	return nil
}

// newFromManifest builds the image that a manifest in s describes.
func newFromManifest(ctx context.Context, s store, d *document) (*opened, error) {
	m := &d.manifest
	if err := checkIsImage(m); err != nil {
		return nil, err
	}
	config, err := readBlob(ctx, s, "the image config", m.Config, maxJSON)
	if err != nil {
		if me := (*MissingError)(nil); errors.As(err, &me) {
			me.What = "the image config"
		}
		return nil, err
	}
	c, err := parseConfig(config, len(m.Layers))
	if err != nil {
		return nil, err
	}
	img := &opened{config: config, rawManifest: d.raw, manifestType: d.mediaType, platform: normalize(c.Platform), origin: s.source()}
	for i := range m.Layers {
		desc := m.Layers[i]
		l := &storeLayer{what: fmt.Sprintf("layer %d of %d", i+1, len(m.Layers)), diffID: c.RootFS.DiffIDs[i], desc: &desc, size: -1}
		if strings.Contains(desc.MediaType, "+encrypted") {
			return nil, fmt.Errorf("%s is encrypted (%s), which is not supported", l.what, desc.MediaType)
		}
		l.open = func(ctx context.Context) (io.ReadCloser, int64, error) {
			rc, size, err := s.blob(ctx, desc)
			if me := (*MissingError)(nil); errors.As(err, &me) {
				me.What, me.Hint = l.what, missingHint(desc)
			}
			return rc, size, err
		}
		switch {
		case s.local():
			if err := l.probe(ctx); err != nil {
				return nil, err
			}
		case desc.Digest == l.diffID:
			l.size = desc.Size
		}
		img.layers = append(img.layers, l)
	}
	return img, nil
}

func missingHint(desc ocispec.Descriptor) string {
	if len(desc.URLs) > 0 || strings.Contains(desc.MediaType, "nondistributable") || strings.Contains(desc.MediaType, "foreign") {
		return "it is a foreign layer that stays with its vendor"
	}
	return "get a complete copy: with docker's containerd store, docker pull the image again for this platform before docker save"
}

// checkIsImage tells images from artifacts that use the same manifest.
func checkIsImage(m *ocispec.Manifest) error {
	kind := m.ArtifactType
	if kind == "" {
		switch m.Config.MediaType {
		case ocispec.MediaTypeImageConfig, dockerConfigType, "":
			return nil
		}
		kind = m.Config.MediaType
	}
	return fmt.Errorf("%w: it is an artifact of type %q, expected a container image", ErrNotImage, truncate(kind, 100))
}

// isJSON reports whether head may be the start of a JSON document.
func isJSON(head []byte) bool {
	t := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	return len(t) > 0 && (t[0] == '{' || t[0] == '[')
}
