package image

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// sink is where the parts of an image go.
type sink interface {
	// has reports a blob that need not be sent.
	has(ctx context.Context, desc ocispec.Descriptor) (bool, error)
	// put stores a blob. It reads r to the end; only io.EOF means that the
	// contents are what desc promises.
	put(ctx context.Context, desc ocispec.Descriptor, r io.Reader) error
}

// copied is an image whose blobs are in a sink.
type copied struct {
	config   ocispec.Descriptor
	layers   []ocispec.Descriptor // one per layer of the image
	manifest []byte
	desc     ocispec.Descriptor // of manifest
	original bool
	result   Result
}

// copier moves the blobs of one image to a sink.
type copier struct {
	img      Image
	form     Form // Plain or Exact
	compress Compression
	opt      *WriteOptions
	sink     sink
	// omit, if not nil, gives the blob that a layer has at the destination, which
	// is not sent then (thin loads).
	omit omission
	done map[digest.Digest]ocispec.Descriptor // by DiffID
	out  copied
}

// copy sends layers and config, in order, and finds the manifest.
func (c *copier) copy(ctx context.Context) (*copied, error) {
	c.done = map[digest.Digest]ocispec.Descriptor{}
	exact := c.form == Exact && hasBlobs(c.img)
	if !exact && hasBlobs(c.img) && isUncompressed(c.img) && c.compress != GzipCompression {
		exact = true
	}
	if c.form == Exact && !exact {
		c.opt.debugf("the image has no manifest with blobs: making one")
	}
	layers := c.img.Layers()
	for i, l := range layers {
		if err := checkDigest(l.DiffID()); err != nil {
			return nil, err
		}
		desc, err := c.layer(ctx, i, l, exact)
		if err != nil {
			return nil, fmt.Errorf("layer %d of %d: %w", i+1, len(layers), err)
		}
		c.out.layers = append(c.out.layers, desc)
	}
	config := c.img.Config()
	c.out.config = ocispec.Descriptor{MediaType: ocispec.MediaTypeImageConfig, Digest: digest.FromBytes(config), Size: int64(len(config))}
	if exact {
		raw, mediaType := c.img.Manifest()
		if err := c.checkManifest(raw); err != nil {
			return nil, err
		}
		c.out.manifest, c.out.original = raw, true
		c.out.desc = ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	} else {
		raw, err := json.Marshal(ocispec.Manifest{
			Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
			Config: c.out.config, Layers: append([]ocispec.Descriptor{}, c.out.layers...),
		})
		if err != nil {
			return nil, err
		}
		c.out.manifest = raw
		c.out.desc = ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	}
	if err := c.putBytes(ctx, c.out.config, config); err != nil {
		return nil, fmt.Errorf("the image config: %w", err)
	}
	c.out.result.ImageID, c.out.result.Manifest = c.out.config.Digest, c.out.desc
	c.out.result.Original, c.out.result.Form = c.out.original, c.form
	return &c.out, nil
}

// checkManifest makes sure that the manifest is that of config and layers.
func (c *copier) checkManifest(raw []byte) error {
	d, err := parseDocument(raw)
	if err != nil {
		return err
	}
	if d.kind != docManifest || d.manifest.Config.Digest != c.out.config.Digest || len(d.manifest.Layers) != len(c.out.layers) {
		return fmt.Errorf("%w: the manifest does not belong to the config and layers", ErrNotImage)
	}
	for i, l := range d.manifest.Layers {
		if l.Digest != c.out.layers[i].Digest || l.Size != c.out.layers[i].Size {
			return fmt.Errorf("%w: layer %d of the manifest is %s, expected %s", ErrNotImage, i+1, l.Digest, c.out.layers[i].Digest)
		}
	}
	c.out.config.MediaType = d.manifest.Config.MediaType
	return nil
}

func (c *copier) layer(ctx context.Context, i int, l Layer, exact bool) (ocispec.Descriptor, error) {
	if c.omit != nil {
		if desc, ok := c.omit(i, l, exact); ok {
			c.out.result.Skipped++
			return desc, nil
		}
	}
	if desc, ok := c.done[l.DiffID()]; ok && (!exact || desc.Digest == l.Blob().Digest) {
		return desc, nil
	}
	var desc ocispec.Descriptor
	var err error
	switch {
	case exact:
		desc = *l.Blob()
		if err := checkDescriptor(desc); err != nil {
			return desc, err
		}
		err = c.send(ctx, desc, l.Compressed)
	case c.compress == GzipCompression:
		desc, err = c.sendGzip(ctx, l)
	default:
		desc, err = c.sendPlain(ctx, l)
	}
	c.done[l.DiffID()] = desc
	return desc, err
}

// send puts a blob unless the sink has it.
func (c *copier) send(ctx context.Context, desc ocispec.Descriptor, open func(context.Context) (io.ReadCloser, error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	there, err := c.sink.has(ctx, desc)
	if err != nil {
		return err
	}
	if there {
		c.opt.debugf("%s is there already", desc.Digest)
		c.out.result.Skipped++
		return nil
	}
	rc, err := open(ctx)
	if err != nil {
		return err
	}
	defer rc.Close()
	// An Image of somebody else is not believed, unless it says that it verifies.
	if err := c.sink.put(ctx, desc, verified(ctx, rc, desc.Digest, desc.Size)); err != nil {
		return err
	}
	c.out.result.Blobs++
	c.out.result.Bytes += desc.Size
	return nil
}

func (c *copier) putBytes(ctx context.Context, desc ocispec.Descriptor, b []byte) error {
	return c.send(ctx, desc, func(context.Context) (io.ReadCloser, error) { return bytesCloser(b), nil })
}

// sendPlain sends the tar of a layer; its size has to be known first.
func (c *copier) sendPlain(ctx context.Context, l Layer) (ocispec.Descriptor, error) {
	desc := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayer, Digest: l.DiffID(), Size: l.Size()}
	if desc.Size >= 0 {
		return desc, c.send(ctx, desc, l.Plain)
	}
	rc, err := l.Plain(ctx)
	if err != nil {
		return desc, err
	}
	defer rc.Close()
	f, n, err := c.opt.spool(verified(ctx, rc, l.DiffID(), -1))
	if err != nil {
		return desc, err
	}
	desc.Size = n
	defer f.Close()
	return desc, c.send(ctx, desc, func(context.Context) (io.ReadCloser, error) { return io.NopCloser(f), nil })
}

// sendGzip compresses a layer, reproducibly, and sends the result.
func (c *copier) sendGzip(ctx context.Context, l Layer) (ocispec.Descriptor, error) {
	desc := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayerGzip}
	rc, err := l.Plain(ctx)
	if err != nil {
		return desc, err
	}
	defer rc.Close()
	f, w, err := c.opt.newSpool()
	if err != nil {
		return desc, err
	}
	defer f.Close()
	sum := digest.SHA256.Digester()
	count := &countWriter{w: io.MultiWriter(w, sum.Hash())}
	gz, err := gzip.NewWriterLevel(count, 6)
	if err != nil {
		return desc, err
	}
	if _, err = io.Copy(gz, verified(ctx, rc, l.DiffID(), l.Size())); err == nil {
		err = gz.Close()
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return desc, err
	}
	desc.Digest, desc.Size = sum.Digest(), count.n
	return desc, c.send(ctx, desc, func(context.Context) (io.ReadCloser, error) { return io.NopCloser(f), nil })
}

type countWriter struct {
	w io.Writer
	n int64
}

func (c *countWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

func bytesCloser(b []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(b)) }
