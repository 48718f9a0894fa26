package delta

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-delta/docker-delta/diff"
	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/internal/limit"
	"github.com/docker-delta/docker-delta/internal/spool"
	"github.com/docker-delta/docker-delta/layer"
	"github.com/docker-delta/docker-delta/recipe"
	"github.com/docker-delta/docker-delta/signature"
)

// Delta is an open package.
type Delta struct {
	pkg    *format.Package
	meta   *metadata
	main   *stage
	steps  []*stage  // each may take layers from those before it
	file   io.Closer // may be nil
	trust  *signature.Trust
	signed []signature.Signer
	memory int64 // for each table that is made from the package
}

// Open opens a package: a file or an OCI layout directory. No signature is asked
// for.
func Open(ctx context.Context, path string) (*Delta, error) {
	return OpenSigned(ctx, path, OpenOptions{})
}

// Read opens a package of size bytes. No signature is asked for.
func Read(ctx context.Context, r io.ReaderAt, size int64) (*Delta, error) {
	return ReadSigned(ctx, r, size, OpenOptions{})
}

func newDelta(ctx context.Context, pkg *format.Package, opt OpenOptions, by []signature.Signer) (*Delta, error) {
	d := &Delta{pkg: pkg, trust: opt.Trust, signed: by, memory: tableMemory(opt.MaxMemory)}
	if err := d.parse(ctx); err != nil {
		pkg.Close()
		return nil, err
	}
	return d, nil
}

// parse reads the metadata.
func (d *Delta) parse(ctx context.Context) error {
	pkg := d.pkg
	r, err := pkg.Blob(pkg.Config.Metadata)
	if err != nil {
		return err
	}
	if d.meta, err = unpackMetadata(ctx, r, d.memory); err != nil {
		return fmt.Errorf("its metadata: %w", err)
	}
	c, mem := pkg.Config, limit.NewMemory(d.memory, "what is unwrapped from the base")
	if d.main, err = d.newStage(c.Bases, c.Reference, c.Layers, referencePart, mem); err != nil {
		return err
	}
	for _, s := range c.Steps {
		st, err := d.newStage(s.Bases, s.Reference, s.Layers, s.Streams, mem)
		if err != nil {
			return err
		}
		d.steps = append(d.steps, st)
	}
	return d.checkParts()
}

// checkParts makes sure that configs, manifests and recipes are what the
// Config says of them.
func (d *Delta) checkParts() error {
	c := d.pkg.Config
	var parts []*format.Part
	for _, list := range [][]format.Target{c.Targets, c.Artifacts} {
		for i := range list {
			parts = append(parts, &list[i].Config, list[i].Manifest)
		}
	}
	for i := range c.Indexes {
		parts = append(parts, &c.Indexes[i].Part)
	}
	for _, p := range parts {
		if p == nil {
			continue
		}
		if _, err := d.part(p); err != nil {
			return err
		}
	}
	for i := range c.Targets {
		if err := d.checkTarget(&c.Targets[i]); err != nil {
			return err
		}
	}
	// Blobs may share a recipe, which is then parsed once.
	type sizes struct{ blob, plain int64 }
	known := make(map[int]sizes)
	for _, l := range c.Layers {
		for _, b := range l.Blobs {
			if b.Recipe == nil || known[*b.Recipe] == (sizes{b.Size, l.Size}) {
				continue
			}
			if _, again := known[*b.Recipe]; again {
				return fmt.Errorf("%w: the recipe of blob %s is for another", format.ErrCorrupt, b.Digest)
			}
			// An encoder that is not known here harms nobody who wants no compressed layers.
			if _, err := d.recipe(&l, &b); err != nil && !errors.Is(err, recipe.ErrUnknownEncoder) {
				return err
			}
			known[*b.Recipe] = sizes{b.Size, l.Size}
		}
	}
	return nil
}

// checkTarget makes sure that the layers are those of the image config, and that
// the manifest is of both: each by itself may be what its digest says, and the
// image none that there ever was.
func (d *Delta) checkTarget(t *format.Target) error {
	raw, err := d.part(&t.Config)
	if err != nil {
		return err
	}
	var config ocispec.Image
	if err := limit.Unmarshal(raw, &config); err != nil {
		return fmt.Errorf("%w: the target's config: %v", format.ErrCorrupt, err)
	}
	var have []digest.Digest
	for _, n := range t.Layers {
		have = append(have, d.pkg.Config.Layers[n].DiffID)
	}
	if !slices.Equal(have, config.RootFS.DiffIDs) {
		return fmt.Errorf("%w: the target's layers are not those of its config", format.ErrCorrupt)
	}
	m, err := (&target{d: d, t: t}).manifest()
	if err == nil && m != nil && m.Config.Digest != t.Config.Digest {
		err = fmt.Errorf("%w: the target's manifest is that of config %s", format.ErrCorrupt, m.Config.Digest)
	}
	return err
}

func (d *Delta) part(p *format.Part) ([]byte, error) {
	b, err := d.meta.part(p.Part)
	if err != nil {
		return nil, err
	}
	if int64(len(b)) != p.Size || digest.FromBytes(b) != p.Digest {
		return nil, fmt.Errorf("%w: part %d is not %s", format.ErrCorrupt, p.Part, p.Digest)
	}
	return b, nil
}

// Config is the package's description of itself.
func (d *Delta) Config() *format.Config { return d.pkg.Config }

// Package is the package itself.
func (d *Delta) Package() *format.Package { return d.pkg }

// Close closes the package's file.
func (d *Delta) Close() error {
	err := d.pkg.Close()
	if d.file != nil {
		err = errors.Join(err, d.file.Close())
	}
	return err
}

// tableMemory is what each table that is made from a package may take of the memory
// that all may: no more than four are there at a time.
func tableMemory(all int64) int64 {
	if all <= 0 {
		all = limit.Default
	}
	return all / 4
}

// listMemory is what the lists of everything inside of images may take.
func listMemory(all int64) *limit.Memory {
	if all <= 0 {
		all = limit.Default
	}
	return limit.NewMemory(all, "the list of the files in these images")
}

// someProgram is the length that a rewrap program may always have, in bytes.
const someProgram = 1 << 10

// coded is the blob of a layer, open at its operations.
type coded struct {
	program *layer.Program
	decoder *diff.Decoder
	head    int64 // bytes before the operations: the rewrap program
}

// open reads the rewrap program and the operations of a layer.
func (d *Delta) open(ctx context.Context, l *format.Layer) (*coded, error) {
	blob, err := d.pkg.Blob(l.Data)
	if err != nil {
		return nil, err
	}
	c, err := openCoded(ctx, blob, l.Size, d.memory, diff.Limits{})
	if err != nil {
		return nil, fmt.Errorf("layer %s: %w", l.DiffID, err)
	}
	return c, nil
}

// openCoded opens a blob that gives a stream of size bytes. Each of its tables may
// take so much memory.
func openCoded(ctx context.Context, blob *io.SectionReader, size, memory int64, limits diff.Limits) (*coded, error) {
	head := bufio.NewReader(io.NewSectionReader(blob, 0, binary.MaxVarintLen64))
	n, err := binary.ReadUvarint(head)
	at := int64(len(appendUvarint(nil, int(n))))
	if err != nil || n > uint64(blob.Size()) || int64(n) > blob.Size()-at {
		return nil, fmt.Errorf("%w: it has no rewrap program", format.ErrCorrupt)
	}
	// A program that is longer than what it gives would not pay.
	program, err := unpack(ctx, io.NewSectionReader(blob, at, int64(n)), int64(n), min(format.MaxMetadata, memory, someProgram+size), memory)
	if err != nil {
		return nil, err
	}
	c := &coded{head: at + int64(n)}
	if c.program, err = layer.ParseProgram(program, size, limit.NewMemory(memory, "a rewrap program")); err != nil {
		return nil, err
	}
	left := blob.Size() - c.head
	limits.MaxTarget, limits.Memory = c.program.PlainSize(), limit.NewMemory(memory, "the operations of a layer")
	c.decoder, err = diff.Open(io.NewSectionReader(blob, c.head, left), left, limits)
	if err != nil {
		return nil, err
	}
	if got, want := c.decoder.TargetSize(), c.program.PlainSize(); got != want {
		return nil, fmt.Errorf("%w: it is coded as %d bytes in place of %d", format.ErrCorrupt, got, want)
	}
	return c, nil
}

// decode writes the stream to w, with the help of so many cores. pages holds
// the reference, and takes from the address at on what the plain stream copies
// from itself or gives to others.
func (c *coded) decode(ctx context.Context, pages *spool.Pages, at int64, cores int, w io.Writer) error {
	return c.program.Rewrap(w, cores, func(plain io.Writer) error {
		keep := &keeper{pages: pages, at: at, end: at + c.decoder.TargetSize(), next: plain}
		return c.decoder.Decode(ctx, keep, pages)
	})
}

// classify makes every kind of damage an ErrVerify, and an encoder that is not known
// here an ErrVersion.
func classify(err error) error {
	if err == nil || errors.Is(err, ErrVerify) || errors.Is(err, ErrBase) {
		return err
	}
	if errors.Is(err, recipe.ErrUnknownEncoder) && !errors.Is(err, format.ErrVersion) {
		return fmt.Errorf("%w: %w", format.ErrVersion, err)
	}
	for _, damage := range []error{format.ErrCorrupt, diff.ErrCorrupt, layer.ErrProgram, layer.ErrReference, recipe.ErrInvalid} {
		if errors.Is(err, damage) {
			return fmt.Errorf("%w: %w", ErrVerify, err)
		}
	}
	return err
}
