package delta

import (
	"context"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/internal/limit"
	"github.com/docker-delta/docker-delta/recipe"
)

// target is the image.Image that a delta describes.
type target struct {
	d    *Delta
	t    *format.Target
	work *rebuild
}

// Names are the names recorded when the delta was made.
func (t *target) Names() []string { return t.t.Names }

// Config is the image config.
func (t *target) Config() []byte {
	b, _ := t.d.part(&t.t.Config) // checked when the delta was opened
	return b
}

// Manifest is the target's manifest, if all the blobs it names can be rebuilt.
func (t *target) Manifest() ([]byte, string) {
	if t.t.Manifest == nil || len(t.inexact()) > 0 {
		return nil, ""
	}
	b, _ := t.d.part(t.t.Manifest)
	return b, t.t.Manifest.MediaType
}

// Platform is what the config says.
func (t *target) Platform() ocispec.Platform {
	var p ocispec.Platform
	_ = limit.Unmarshal(t.Config(), &p) // the config has the same field names
	return p
}

// Layers are the layers, lowest first.
func (t *target) Layers() []image.Layer {
	blobs, _ := t.blobs()
	layers := make([]image.Layer, len(t.t.Layers))
	for i, n := range t.t.Layers {
		l := &rebuiltLayer{work: t.work, n: n, at: i + 1, of: len(t.t.Layers), entry: &t.d.pkg.Config.Layers[n]}
		if i < len(blobs) {
			l.blob = blobOf(l.entry, blobs[i].Digest)
		}
		if l.blob != nil && !l.rebuildable() {
			l.blob = nil
		}
		layers[i] = l
	}
	return layers
}

// manifest is the target's manifest, nil if it had none.
func (t *target) manifest() (*ocispec.Manifest, error) {
	if t.t.Manifest == nil {
		return nil, nil
	}
	raw, err := t.d.part(t.t.Manifest)
	if err != nil {
		return nil, err
	}
	var m ocispec.Manifest
	if err := limit.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("%w: the target's manifest: %v", format.ErrCorrupt, err)
	}
	if len(m.Layers) != len(t.t.Layers) {
		return nil, fmt.Errorf("%w: the target's manifest names %d layers in place of %d", format.ErrCorrupt, len(m.Layers), len(t.t.Layers))
	}
	return &m, nil
}

// blobs are the layers' descriptors in the target's manifest.
func (t *target) blobs() ([]ocispec.Descriptor, error) {
	m, err := t.manifest()
	if m == nil || err != nil {
		return nil, err
	}
	return m.Layers, nil
}

// inexact lists the blobs of the manifest that cannot be rebuilt.
func (t *target) inexact() []digest.Digest {
	blobs, err := t.blobs()
	if err != nil {
		return []digest.Digest{""}
	}
	var list []digest.Digest
	for i, b := range blobs {
		l := &rebuiltLayer{work: t.work, entry: &t.d.pkg.Config.Layers[t.t.Layers[i]]}
		if l.blob = blobOf(l.entry, b.Digest); l.blob == nil || !l.rebuildable() {
			list = append(list, b.Digest)
		}
	}
	return list
}

// rebuiltLayer is a layer of a rebuilt image.
type rebuiltLayer struct {
	work  *rebuild
	n     int // in Config.Layers
	at    int // in the image, from 1, of so many
	of    int
	entry *format.Layer
	blob  *format.Blob
}

// rebuildable tells whether the layer's compressed form can be had.
func (l *rebuiltLayer) rebuildable() bool {
	return l.blob.Recipe != nil || l.blob.Carried || l.blob.Digest == l.entry.DiffID || l.inBase() != nil
}

// inBase is the base's layer if the base keeps the same compressed bytes.
func (l *rebuiltLayer) inBase() image.Layer {
	if l.work == nil {
		return nil
	}
	if b := l.work.base[l.entry.DiffID]; b != nil && b.Blob() != nil && b.Blob().Digest == l.blob.Digest {
		return b
	}
	return nil
}

// DiffID is the digest of the decompressed tar.
func (l *rebuiltLayer) DiffID() digest.Digest { return l.entry.DiffID }

// Size is the length of the decompressed tar.
func (l *rebuiltLayer) Size() int64 { return l.entry.Size }

// Blob is the layer's descriptor in the manifest, or nil where that blob cannot
// be rebuilt.
func (l *rebuiltLayer) Blob() *ocispec.Descriptor {
	if l.blob == nil {
		return nil
	}
	return &ocispec.Descriptor{MediaType: l.blob.MediaType, Digest: l.blob.Digest, Size: l.blob.Size}
}

// Plain decodes the layer, or takes it from the base.
func (l *rebuiltLayer) Plain(ctx context.Context) (io.ReadCloser, error) {
	carried := l.entry.Carried
	if l.work.given {
		carried = format.CarriedBase
	}
	switch carried {
	case format.CarriedBase:
		b := l.work.base[l.entry.DiffID]
		if b == nil {
			return nil, fmt.Errorf("%w: it lacks layer %s", ErrBase, l.entry.DiffID)
		}
		r, err := b.Plain(ctx)
		return r, asBase(l.entry.DiffID, err)
	case format.CarriedBlob:
		blob, err := l.work.d.pkg.Blob(l.entry.Data)
		if err != nil {
			return nil, classify(err)
		}
		return l.work.produce(ctx, l, "rebuild", l.entry.DiffID, l.entry.Size, func(_ context.Context, w io.Writer) error { return decompress(w, blob) }), nil
	}
	return l.work.produce(ctx, l, "rebuild", l.entry.DiffID, l.entry.Size, func(ctx context.Context, w io.Writer) error { return l.work.decode(ctx, l.n, w) }), nil
}

// decompress gives the plain bytes of a carried blob. The blob has its digest, so
// what cannot be decompressed is damage of whoever made the package, unless reading
// it failed.
func decompress(w io.Writer, blob *io.SectionReader) error {
	prefix := make([]byte, min(recipe.SniffLen, blob.Size()))
	if _, err := blob.ReadAt(prefix, 0); err != nil && err != io.EOF {
		return err
	}
	in := &noting{r: io.NewSectionReader(blob, 0, blob.Size())}
	r, err := recipe.NewReader(recipe.Sniff(prefix), in)
	if err != nil {
		return in.explain(err)
	}
	defer r.Close()
	_, err = io.Copy(w, readerFunc(func(p []byte) (int, error) {
		n, err := r.Read(p)
		return n, in.explain(err)
	}))
	return err
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// noting remembers why reading failed, to tell that from damage.
type noting struct {
	r   io.Reader
	err error
}

func (n *noting) Read(p []byte) (int, error) {
	k, err := n.r.Read(p)
	if err != nil && err != io.EOF {
		n.err = err
	}
	return k, err
}

func (n *noting) explain(err error) error {
	switch {
	case err == nil, err == io.EOF:
		return err
	case n.err != nil:
		return n.err
	}
	return fmt.Errorf("%w: a compressed layer: %w", format.ErrCorrupt, err)
}

// Compressed rewraps the layer as the target's manifest has it.
func (l *rebuiltLayer) Compressed(ctx context.Context) (io.ReadCloser, error) {
	switch {
	case l.blob == nil:
		return nil, image.ErrNoBlob
	case l.blob.Digest == l.entry.DiffID:
		return l.Plain(ctx)
	case l.inBase() != nil:
		r, err := l.inBase().Compressed(ctx)
		return r, asBase(l.entry.DiffID, err)
	case l.blob.Carried:
		blob, err := l.work.d.pkg.Blob(l.blob.Digest)
		if err != nil {
			return nil, classify(err)
		}
		return l.work.produce(ctx, l, "copy", l.blob.Digest, l.blob.Size, func(_ context.Context, w io.Writer) error {
			_, err := io.Copy(w, io.NewSectionReader(blob, 0, blob.Size()))
			return err
		}), nil
	}
	rec, err := l.work.d.recipe(l.entry, l.blob)
	if err != nil {
		return nil, classify(err)
	}
	return l.work.produce(ctx, l, "compress", l.blob.Digest, l.blob.Size, func(ctx context.Context, w io.Writer) error {
		plain, err := l.Plain(ctx)
		if err != nil {
			return err
		}
		defer plain.Close()
		rw, err := rec.NewWriter(w, recipe.WriterOptions{Concurrency: l.work.opt.workers()})
		if err != nil {
			return err
		}
		if _, err := io.Copy(rw, plain); err != nil {
			return err
		}
		return rw.Close()
	}), nil
}

// recipe parses the recipe of a blob.
func (d *Delta) recipe(l *format.Layer, b *format.Blob) (*recipe.Recipe, error) {
	raw, err := d.meta.part(*b.Recipe)
	if err != nil {
		return nil, err
	}
	r, err := recipe.Parse(raw, limit.NewMemory(d.memory, "a recipe"))
	if err != nil {
		return nil, fmt.Errorf("blob %s: %w", b.Digest, err)
	}
	if r.Size() != b.Size || r.PlainSize() != l.Size {
		return nil, fmt.Errorf("%w: the recipe of blob %s is for another", format.ErrCorrupt, b.Digest)
	}
	return r, nil
}

// verifier passes bytes on and sums them.
type verifier struct {
	w    io.Writer
	sum  digest.Verifier
	left int64
}

func (v *verifier) Write(p []byte) (int, error) {
	if int64(len(p)) > v.left {
		return 0, fmt.Errorf("%w: more bytes than announced", ErrVerify)
	}
	v.left -= int64(len(p))
	return sumAside(v.sum, v.w, p)
}

var _ image.Image = (*target)(nil)
var _ image.Layer = (*rebuiltLayer)(nil)
