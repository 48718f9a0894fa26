package delta

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"

	"github.com/docker-delta/docker-delta/diff"
	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/internal/limit"
	"github.com/docker-delta/docker-delta/internal/spool"
	"github.com/docker-delta/docker-delta/layer"
)

// FileOptions tune CreateFile.
type FileOptions struct {
	Resources
	Level Level
}

// CreateFile writes the patch that turns one file into another, of the given
// sizes. It looks inside tars, zips, gzip files and PNGs as Create does.
func CreateFile(ctx context.Context, w io.Writer, old io.ReaderAt, oldSize int64, target io.ReaderAt, targetSize int64, opt FileOptions) error {
	c := &creator{opt: CreateOptions{Resources: opt.Resources, Level: opt.Level}, dir: opt.dir(), memory: listMemory(opt.MaxMemory), meta: newMetadata(),
		config: &format.Config{Layers: make([]format.Layer, 1)}}
	defer c.close()
	old, target = c.dir.Watch(old), c.dir.Watch(target)
	h := new(format.PatchHeader)
	c.bases, c.targets = []*pooled{{side: "base"}}, []*pooled{{side: "target"}}
	var g errgroup.Group
	g.SetLimit(opt.workers())
	g.Go(func() error { return scanFile(c.bases[0], old, oldSize, &h.Old, &opt.Resources, c.memory) })
	g.Go(func() error { return scanFile(c.targets[0], target, targetSize, &h.New, &opt.Resources, c.memory) })
	if err := g.Wait(); err != nil {
		return err
	}
	if err := c.unwrap(ctx); err != nil {
		return err
	}
	if err := c.encode(ctx, Input{}); err != nil {
		return err
	}
	if err := c.dir.Failed(); err != nil {
		return err
	}
	var err error
	if h.Reference, err = pack(ctx, c.meta.parts[referencePart], opt.Level); err != nil {
		return err
	}
	data, err := c.blobs[0].Open()
	if err != nil {
		return err
	}
	defer data.Close()
	return format.WritePatch(w, h, data)
}

// scanFile cuts a file into nodes and identifies it.
func scanFile(p *pooled, r io.ReaderAt, size int64, id *format.FileID, opt *Resources, mem *limit.Memory) error {
	m := opt.meter(Progress{Stage: "read " + p.side, Layer: 1, Layers: 1, Total: size})
	defer m.finish()
	sum := sha256.New()
	s, err := layer.Scan(io.TeeReader(io.NewSectionReader(r, 0, size), io.MultiWriter(sum, m)), mem)
	if err != nil {
		return err
	}
	s.Raw, p.stream, id.Size = r, s, s.Size
	sum.Sum(id.Sum[:0])
	return nil
}

// ApplyFile rebuilds the new file from the old one and a patch. What it writes
// is proved only when it returns nil.
//
// Of the old file only what the patch needs is read. That it is the right one
// follows from the result; only where there is none is all of it compared.
func ApplyFile(ctx context.Context, w io.Writer, old io.ReaderAt, oldSize int64, patch io.ReaderAt, patchSize int64, opt Resources) error {
	h, data, err := format.OpenPatch(patch, patchSize)
	if err != nil {
		return classify(err)
	}
	if oldSize != h.Old.Size {
		return fmt.Errorf("%w: the old file has %d bytes, the patch was made for one of %d", ErrBase, oldSize, h.Old.Size)
	}
	if err := applyFile(ctx, w, old, h, data, opt); err != nil {
		if ctx.Err() == nil && !holds(old, h.Old) {
			return fmt.Errorf("%w: the old file is not the one that the patch was made for (sha256 %x)", ErrBase, h.Old.Sum)
		}
		return classify(err)
	}
	return nil
}

// PatchInfo tells what is known of a patch from it alone.
type PatchInfo struct {
	FormatVersion int      `json:"formatVersion"`
	Size          int64    `json:"size"` // of the patch, in bytes
	Old           FileInfo `json:"old"`
	New           FileInfo `json:"new"`
}

// FileInfo identifies a file by its contents.
type FileInfo struct {
	Size   int64         `json:"size"`
	Digest digest.Digest `json:"digest"`
}

// InspectFile checks a patch of patchSize bytes and describes it. The error is an
// ErrVerify for a damaged patch.
func InspectFile(patch io.ReaderAt, patchSize int64) (*PatchInfo, error) {
	h, _, err := format.OpenPatch(patch, patchSize)
	if err != nil {
		return nil, classify(err)
	}
	file := func(id format.FileID) FileInfo {
		return FileInfo{Size: id.Size, Digest: digest.NewDigestFromBytes(digest.SHA256, id.Sum[:])}
	}
	return &PatchInfo{FormatVersion: format.Version, Size: patchSize, Old: file(h.Old), New: file(h.New)}, nil
}

// holds tells whether a file has the bytes that id is of. A file that cannot be
// read may have them.
func holds(r io.ReaderAt, id format.FileID) bool {
	sum := sha256.New()
	_, err := io.Copy(sum, io.NewSectionReader(r, 0, id.Size))
	return err != nil || bytes.Equal(sum.Sum(nil), id.Sum[:])
}

func applyFile(ctx context.Context, w io.Writer, old io.ReaderAt, h *format.PatchHeader, data *io.SectionReader, opt Resources) error {
	memory := tableMemory(opt.MaxMemory)
	var (
		ref   *layer.Reference
		coded *coded
		both  errgroup.Group
	)
	both.Go(func() error {
		table, err := unpack(ctx, bytes.NewReader(h.Reference), int64(len(h.Reference)), min(format.MaxMetadata, memory), memory)
		if err != nil {
			return err
		}
		ref, err = layer.ParseReference(table, []int64{h.Old.Size}, limit.NewMemory(memory, "what is unwrapped from the old file"))
		return err
	})
	both.Go(func() (err error) {
		coded, err = openCoded(ctx, data, h.New.Size, memory, diff.Limits{})
		return err
	})
	if err := both.Wait(); err != nil {
		return err
	}
	span := ref.Size()
	if coded.decoder.ReferenceSize() != span || coded.decoder.TargetSize() > spool.MaxSpan-span {
		return fmt.Errorf("%w: the patch contradicts itself", format.ErrCorrupt)
	}
	pages, err := newPages(opt.dir(), span+coded.decoder.TargetSize(), memory)
	if err != nil {
		return err
	}
	defer pages.Close()
	use := ref.NewUsage()
	need := func(e diff.Extent) error {
		use.Add(e.Off, e.Len)
		return pages.Want(e.Off, e.Len)
	}
	if err := coded.decoder.Needs(need); err != nil {
		return fmt.Errorf("%w: %v", format.ErrCorrupt, err)
	}
	pages.Lend(0, h.Old.Size, old)
	if err := pages.Seal(); err != nil {
		return err
	}
	if err := ref.Gather(ctx, pages, use, opt.workers(), nil); err != nil { // the only layer is lent
		return err
	}
	sum := &summer{h: sha256.New(), w: w}
	if err := coded.decode(ctx, pages, span, opt.workers(), sum); err != nil {
		return err
	}
	if sum.n != h.New.Size || !bytes.Equal(sum.h.Sum(nil), h.New.Sum[:]) {
		return fmt.Errorf("%w: what was rebuilt is not the new file", ErrVerify)
	}
	return nil
}
