package ocidelta

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/diff"
	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/internal/limit"
	"github.com/docker-delta/docker-delta/internal/spool"
	"github.com/docker-delta/docker-delta/ocidelta/internal/tardiff"
)

// Create writes the package that turns base into target. Both need a manifest:
// the package names the images by theirs. The same images give the same bytes.
func Create(ctx context.Context, w io.Writer, base, target image.Image, opt delta.Resources) (*Info, error) {
	c := &creator{opt: opt, dir: spool.NewDir(opt.TempDir, opt.MaxTemp)}
	defer c.close()
	var err error
	for _, i := range []struct {
		img  image.Image
		what string
		raw  *[]byte
		m    *ocispec.Manifest
	}{{base, "base", &c.baseRaw, &c.base}, {target, "target", &c.raw, &c.target}} {
		if *i.raw, _ = i.img.Manifest(); *i.raw == nil {
			return nil, fmt.Errorf("the %s has no manifest, by which packages of oci-delta name images: take it from a registry, an OCI layout or an oci-archive", i.what)
		}
		if err = limit.Unmarshal(*i.raw, i.m); err != nil {
			return nil, fmt.Errorf("the %s's manifest: %w", i.what, err)
		}
	}
	inBase := map[digest.Digest]bool{}
	for _, l := range base.Layers() {
		inBase[l.DiffID()] = true
	}
	if c.sources, err = readSources(ctx, c.dir, base, func(i, n int) { c.progress("read base", i, n) }); err != nil {
		return nil, fmt.Errorf("the base: %w", err)
	}
	done := map[digest.Digest]bool{}
	for i, l := range target.Layers() {
		blob := c.target.Layers[i]
		if inBase[l.DiffID()] {
			c.reused = append(c.reused, blob.Digest)
			c.reusedDiffIDs = append(c.reusedDiffIDs, l.DiffID())
			continue
		}
		if done[blob.Digest] {
			continue
		}
		done[blob.Digest] = true
		c.progress("match", i+1, len(target.Layers()))
		if err := c.layer(ctx, l, blob); err != nil {
			return nil, fmt.Errorf("layer %d of %d: %w", i+1, len(target.Layers()), err)
		}
	}
	c.progress("write", 0, 0)
	return c.write(w, target)
}

type creator struct {
	opt     delta.Resources
	dir     *spool.Dir
	sources *sources

	baseRaw, raw  []byte
	base, target  ocispec.Manifest
	reused        []digest.Digest
	reusedDiffIDs []digest.Digest
	layers        []made
}

// made is a layer as the package has it.
type made struct {
	desc ocispec.Descriptor
	file *spool.File
}

func (c *creator) close() {
	if c.sources != nil {
		c.sources.Close()
	}
	for _, l := range c.layers {
		l.file.Close()
	}
}

func (c *creator) progress(stage string, i, n int) {
	if c.opt.Progress != nil {
		c.opt.Progress(delta.Progress{Stage: stage, Layer: i, Layers: n})
	}
}

// layer diffs a layer, and takes it as it is if that is not larger.
func (c *creator) layer(ctx context.Context, l image.Layer, blob ocispec.Descriptor) error {
	in, err := spoolLayer(ctx, c.dir, l)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := c.dir.Create()
	if err != nil {
		return err
	}
	if err := c.diff(ctx, out, in); err != nil {
		out.Close()
		return err
	}
	desc := ocispec.Descriptor{MediaType: tardiff.MediaType, Size: out.Size()}
	if isGzip(blob.MediaType) && l.Blob() != nil && blob.Size <= out.Size() {
		out.Close()
		if out, err = c.dir.Create(); err != nil {
			return err
		}
		rc, err := l.Compressed(ctx)
		if err == nil {
			_, err = io.Copy(out, rc)
			rc.Close()
		}
		if err != nil {
			out.Close()
			return err
		}
		desc.MediaType, desc.Size = ocispec.MediaTypeImageLayerGzip, blob.Size
	}
	desc.Annotations = map[string]string{annotationContent: contentLayer, annotationTo: blob.Digest.String()}
	if desc.Digest, err = digest.FromReader(out.Section(0, out.Size())); err != nil {
		out.Close()
		return err
	}
	c.layers = append(c.layers, made{desc, out})
	return nil
}

func isGzip(mediaType string) bool {
	return mediaType == ocispec.MediaTypeImageLayerGzip || mediaType == "application/vnd.docker.image.rootfs.diff.tar.gzip"
}

// diff writes the tar-diff of a layer.
func (c *creator) diff(ctx context.Context, out io.Writer, in *spool.File) error {
	w, err := tardiff.NewWriter(out)
	if err != nil {
		return err
	}
	at := int64(0) // the bytes before are written
	upTo := func(to int64) error {
		_, err := io.Copy(w, in.Section(at, to-at))
		at = to
		return err
	}
	err = members(in, func(h *tar.Header, name string, off int64) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !usable(h) {
			return nil
		}
		if err := upTo(off); err != nil {
			return err
		}
		taken, err := c.file(w, in, name, off, h.Size)
		if taken {
			at = off + h.Size
		}
		return err
	})
	if err == nil {
		err = upTo(in.Size())
	}
	if err != nil {
		_ = w.Close()
		return err
	}
	return w.Close()
}

// file writes the bytes of a file by those of the base, if there is something
// like it.
func (c *creator) file(w *tardiff.Writer, in *spool.File, name string, off, size int64) (taken bool, err error) {
	sum := sha256.New()
	if _, err := io.Copy(sum, in.Section(off, size)); err != nil {
		return false, err
	}
	if s := c.sources.bySum[[sha256.Size]byte(sum.Sum(nil))]; s != nil && s.use != "" && s.size == size {
		return true, w.Copy(s.use, 0, size)
	}
	s := c.sources.resembling(name, size)
	if s == nil || size > diff.MaxPair || s.size > diff.MaxPair || size <= int64(len(s.use))+4 {
		return false, nil
	}
	old, err := s.bytes()
	if err != nil {
		return false, err
	}
	target := make([]byte, size)
	if _, err := in.ReadAt(target, off); err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	return true, w.Diff(s.use, old, target)
}

// write writes the archive, in the order in which oci-delta does.
func (c *creator) write(w io.Writer, target image.Image) (*Info, error) {
	config := target.Config()
	part := func(mediaType string, b []byte, content string) ocispec.Descriptor {
		return ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(b), Size: int64(len(b)), Annotations: map[string]string{annotationContent: content}}
	}
	subject := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromBytes(c.raw), Size: int64(len(c.raw))}
	if c.target.MediaType != "" {
		subject.MediaType = c.target.MediaType
	}
	empty := ocispec.DescriptorEmptyJSON
	empty.Data = nil
	m := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, ArtifactType: ArtifactType, Config: empty, Subject: &subject,
		Layers: []ocispec.Descriptor{part(subject.MediaType, c.raw, contentManifest), part(ocispec.MediaTypeImageConfig, config, contentConfig)},
		Annotations: map[string]string{
			annotationTarget: subject.Digest.String(), annotationSource: digest.FromBytes(c.baseRaw).String(), annotationSourceConfig: c.base.Config.Digest.String(),
		},
	}
	if len(c.reused) > 0 {
		for name, list := range map[string][]digest.Digest{annotationReused: c.reused, annotationReusedDiffID: c.reusedDiffIDs} {
			b, err := json.Marshal(list)
			if err != nil {
				return nil, err
			}
			m.Annotations[name] = string(b)
		}
	}
	for _, l := range c.layers {
		m.Layers = append(m.Layers, l.desc)
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	index, err := json.Marshal(ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex,
		Manifests: []ocispec.Descriptor{{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromBytes(raw), Size: int64(len(raw))}}})
	if err != nil {
		return nil, err
	}
	tw := tar.NewWriter(w)
	seen := map[string]bool{}
	put := func(name string, r io.Reader, size int64) {
		if err != nil || seen[name] {
			return
		}
		seen[name] = true
		if err = tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: size, ModTime: time.Unix(0, 0)}); err == nil {
			_, err = io.Copy(tw, r)
		}
	}
	bytesOf := func(name string, b []byte) { put(name, bytes.NewReader(b), int64(len(b))) }
	blob := func(b []byte) { bytesOf("blobs/sha256/"+digest.FromBytes(b).Encoded(), b) }
	bytesOf(ocispec.ImageLayoutFile, []byte(`{"imageLayoutVersion":"1.0.0"}`))
	blob(c.raw)
	blob(config)
	for _, l := range c.layers {
		put("blobs/sha256/"+l.desc.Digest.Encoded(), l.file.Section(0, l.file.Size()), l.file.Size())
	}
	blob(ocispec.DescriptorEmptyJSON.Data)
	blob(raw)
	bytesOf(ocispec.ImageIndexFile, index)
	if err == nil {
		err = tw.Close()
	}
	if err != nil {
		return nil, err
	}
	var ids []digest.Digest
	for _, l := range target.Layers() {
		ids = append(ids, l.DiffID())
	}
	p := &Package{artifact: &image.Artifact{Raw: raw, Manifest: m, Descriptor: ocispec.Descriptor{Digest: digest.FromBytes(raw), Size: int64(len(raw))}},
		raw: c.raw, manifest: c.target, config: config, diffIDs: ids, platform: target.Platform(), carried: map[digest.Digest]ocispec.Descriptor{}}
	for _, l := range c.layers {
		p.carried[digest.Digest(l.desc.Annotations[annotationTo])] = l.desc
	}
	return p.Info(), nil
}
