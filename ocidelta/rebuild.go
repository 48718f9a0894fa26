package ocidelta

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/klauspost/compress/gzip"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/internal/spool"
	"github.com/docker-delta/docker-delta/ocidelta/internal/tardiff"
)

// Rebuilt is the target image, whose diffed layers are put together as they are
// read. Everything it gives is verified.
type Rebuilt struct {
	p      *Package
	layers []image.Layer
	base   *files // nil when no layer is diffed
}

// Rebuild prepares the target from the base, of which it reads the files that
// the package builds on. base may be nil for a package whose layers are whole; it
// must stay open as long as the result is used. It fails with delta.ErrBase when
// the base lacks something, and with delta.ErrTooLarge beyond opt.MaxImage.
func (p *Package) Rebuild(ctx context.Context, base image.Image, opt delta.Resources) (*Rebuilt, error) {
	r := &Rebuilt{p: p}
	inBase := map[digest.Digest]image.Layer{}
	if base != nil {
		for _, l := range base.Layers() {
			inBase[l.DiffID()] = l
		}
	}
	names := map[string]bool{}
	for i, b := range p.manifest.Layers {
		id := p.diffIDs[i]
		c, carried := p.carried[b.Digest]
		switch {
		case !carried && inBase[id] == nil:
			return nil, fmt.Errorf("%w: it has no layer %s; the package was made from image %s", delta.ErrBase, id, p.baseName())
		case !carried:
			r.layers = append(r.layers, &reused{Layer: inBase[id], want: b})
		case c.MediaType != tardiff.MediaType:
			r.layers = append(r.layers, &whole{p: p, id: id, desc: c, want: b})
		default:
			rc, err := p.artifact.Open(ctx, c)
			if err != nil {
				return nil, err
			}
			needs, err := tardiff.Scan(rc)
			rc.Close()
			if err != nil {
				return nil, classify(fmt.Errorf("layer %d of %d: %w", i+1, len(p.manifest.Layers), err))
			}
			for n := range needs.Names {
				names[n] = true
			}
			r.layers = append(r.layers, &diffed{r: r, id: id, desc: c, size: needs.Size, want: b})
		}
	}
	if err := r.checkSize(ctx, opt.MaxImage); err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return r, nil
	}
	if base == nil {
		return nil, fmt.Errorf("%w: none was given; the package was made from image %s", delta.ErrBase, p.baseName())
	}
	var err error
	r.base, err = gather(ctx, spool.NewDir(opt.TempDir, opt.MaxTemp), base, names, func(i, n int) {
		if opt.Progress != nil {
			opt.Progress(delta.Progress{Stage: "read base", Layer: i, Layers: n})
		}
	})
	if err != nil {
		return nil, fmt.Errorf("%w (the package was made from image %s)", err, p.baseName())
	}
	return r, nil
}

// checkSize holds the layers' sizes against a bound, unless it is 0. A compressed
// layer does not say what it decompresses to, so it is tried.
func (r *Rebuilt) checkSize(ctx context.Context, most int64) error {
	if most <= 0 {
		return nil
	}
	left := min(most, math.MaxInt64-1)
	for _, l := range r.layers {
		n := l.Size()
		if n < 0 {
			rc, err := l.Plain(ctx)
			if err != nil {
				return err
			}
			n, err = io.Copy(io.Discard, io.LimitReader(rc, left+1))
			rc.Close()
			if err != nil {
				return err
			}
		}
		if n > left {
			return fmt.Errorf("%w: its layers have more than the %d bytes that are allowed; raise --max-image", delta.ErrTooLarge, most)
		}
		left -= n
	}
	return nil
}

func (p *Package) baseName() string {
	id, manifest, _ := p.Base()
	if id == "" {
		id = manifest
	}
	return id.String()
}

// Close gives up the temporary files.
func (r *Rebuilt) Close() error {
	if r.base == nil {
		return nil
	}
	return r.base.Close()
}

// Names is empty: a package records none.
func (r *Rebuilt) Names() []string { return nil }

// Config is the target's config.
func (r *Rebuilt) Config() []byte { return r.p.config }

// Manifest is the target's manifest, if all its blobs can be had.
func (r *Rebuilt) Manifest() ([]byte, string) {
	for _, l := range r.layers {
		if l.Blob() == nil {
			return nil, ""
		}
	}
	return r.p.raw, r.p.manifest.MediaType
}

// Platform is what the config says.
func (r *Rebuilt) Platform() ocispec.Platform { return r.p.platform }

// Layers are the layers, lowest first.
func (r *Rebuilt) Layers() []image.Layer { return r.layers }

// reused is a layer of the base. Its compressed form is that of the target only
// where the base has the same.
type reused struct {
	image.Layer
	want ocispec.Descriptor
}

func (l *reused) Blob() *ocispec.Descriptor {
	if b := l.Layer.Blob(); b == nil || b.Digest != l.want.Digest {
		return nil
	}
	return &l.want
}

func (l *reused) Compressed(ctx context.Context) (io.ReadCloser, error) {
	if l.Blob() == nil {
		return nil, image.ErrNoBlob
	}
	return l.Layer.Compressed(ctx)
}

// whole is a layer that the package has, compressed with gzip.
type whole struct {
	p    *Package
	id   digest.Digest
	desc ocispec.Descriptor // in the package
	want ocispec.Descriptor // in the target's manifest
}

func (l *whole) DiffID() digest.Digest { return l.id }
func (l *whole) Size() int64           { return -1 }

func (l *whole) Blob() *ocispec.Descriptor {
	if l.desc.Digest != l.want.Digest {
		return nil // made again by whoever wrote the package
	}
	return &l.want
}

func (l *whole) Compressed(ctx context.Context) (io.ReadCloser, error) {
	if l.Blob() == nil {
		return nil, image.ErrNoBlob
	}
	return l.p.artifact.Open(ctx, l.desc)
}

func (l *whole) Plain(ctx context.Context) (io.ReadCloser, error) {
	rc, err := l.p.artifact.Open(ctx, l.desc)
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(rc)
	if err != nil {
		rc.Close()
		return nil, corrupt("layer %s: %v", l.id, err)
	}
	return &verified{r: z, sum: l.id.Verifier(), id: l.id, close: rc.Close}, nil
}

// diffed is a layer that a tar-diff gives.
type diffed struct {
	r    *Rebuilt
	id   digest.Digest
	desc ocispec.Descriptor
	size int64
	want ocispec.Descriptor // in the target's manifest
}

func (l *diffed) DiffID() digest.Digest { return l.id }
func (l *diffed) Size() int64           { return l.size }

// Blob is known where the target's layer is not compressed.
func (l *diffed) Blob() *ocispec.Descriptor {
	if l.want.Digest != l.id {
		return nil
	}
	return &l.want
}

func (l *diffed) Compressed(ctx context.Context) (io.ReadCloser, error) {
	if l.Blob() == nil {
		return nil, image.ErrNoBlob
	}
	return l.Plain(ctx)
}

func (l *diffed) Plain(ctx context.Context) (io.ReadCloser, error) {
	rc, err := l.r.p.artifact.Open(ctx, l.desc)
	if err != nil {
		return nil, err
	}
	pr, pw := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		open := func(string) (*io.SectionReader, error) { return nil, corrupt("it reads files of a base") }
		if l.r.base != nil {
			open = l.r.base.open
		}
		pw.CloseWithError(tardiff.Apply(pw, rc, open))
	}()
	return &verified{r: pr, sum: l.id.Verifier(), id: l.id, close: func() error {
		pr.CloseWithError(errClosed)
		<-done
		return rc.Close()
	}}, nil
}

var errClosed = errors.New("closed")

// verified passes a layer through, and ends it with io.EOF only when it is the
// one that was promised.
type verified struct {
	r     io.Reader
	sum   digest.Verifier
	id    digest.Digest
	close func() error
}

func (v *verified) Read(p []byte) (int, error) {
	n, err := v.r.Read(p)
	_, _ = v.sum.Write(p[:n])
	switch {
	case err == io.EOF && !v.sum.Verified():
		err = fmt.Errorf("%w: layer %s does not come back: the base may be another one, or the package is damaged", delta.ErrVerify, v.id)
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = corrupt("layer %s ends too early", v.id)
	case err != nil:
		err = classify(err)
	}
	return n, err
}

func (v *verified) Close() error { return v.close() }
