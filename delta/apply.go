package delta

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/docker-delta/docker-delta/diff"
	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/internal/spool"
)

// RebuildOptions tune Rebuild.
type RebuildOptions struct {
	Resources
	// Platform chooses among several targets, as os/arch[/variant]; it may be
	// empty where there is one.
	Platform string
	// Names are what the result will be called, as far as the trust in the package
	// depends on it; the names that the package records count anyway.
	Names []string
}

// Rebuilt is a target image that is made as it is read: its layers are decoded
// when a destination opens them. Everything it gives is verified.
type Rebuilt struct {
	target
	work *rebuild
}

// Close ends whatever still reads a layer, and gives up the temporary files.
func (r *Rebuilt) Close() error {
	r.work.producers.close()
	return r.work.pages.Close()
}

// Rebuild prepares the target from the base, which may come from another kind
// of store than the delta was made from: only the DiffIDs count. base may be
// nil for a delta without base. It reads what the delta needs of the base;
// the base must stay open as long as the result is used.
func (d *Delta) Rebuild(ctx context.Context, base image.Image, opt RebuildOptions) (*Rebuilt, error) {
	if err := d.Allows(opt.Names...); err != nil {
		return nil, err
	}
	t, err := d.choose(opt.Platform)
	if err != nil {
		return nil, err
	}
	return d.rebuild(ctx, t, base, opt)
}

func (d *Delta) rebuild(ctx context.Context, t *format.Target, base image.Image, opt RebuildOptions) (*Rebuilt, error) {
	w := &rebuild{d: d, opt: opt, base: make(map[digest.Digest]image.Layer), slots: make(map[int]*slot)}
	if base != nil {
		for _, l := range base.Layers() {
			w.base[l.DiffID()] = l
		}
	}
	if err := w.prepare(ctx, t); err != nil {
		if w.pages != nil {
			w.pages.Close()
		}
		return nil, classify(err)
	}
	r := &Rebuilt{work: w, target: target{d: d, t: t, work: w}}
	return r, nil
}

// choose picks a target by platform.
func (d *Delta) choose(platform string) (*format.Target, error) {
	targets := d.pkg.Config.Targets
	if platform == "" && len(targets) == 1 {
		return &targets[0], nil
	}
	var have []string
	for i := range targets {
		if platform != "" && targets[i].Platform == platform {
			return &targets[i], nil
		}
		have = append(have, targets[i].Platform)
	}
	return nil, fmt.Errorf("the delta has no target for platform %q; choose one of %s with --platform", platform, strings.Join(have, ", "))
}

// rebuild is the common state of the layers of one target.
type rebuild struct {
	d     *Delta
	opt   RebuildOptions
	base  map[digest.Digest]image.Layer
	pages *spool.Pages  // of the reference and the decoded plain streams
	slots map[int]*slot // by number in Config.Layers
	order []int         // of the slots, as they follow each other

	producers producers
}

// slot is a coded layer's place in the address space.
type slot struct {
	entry *format.Layer
	at    int64 // address of its first plain byte
	size  int64

	mu      sync.Mutex
	decoded bool // its wanted pages are there
}

// prepare finds what the target's layers copy, and gathers it.
func (w *rebuild) prepare(ctx context.Context, t *format.Target) error {
	c := w.d.pkg.Config
	span := w.d.ref.Size()
	wanted := make(map[int]bool)
	last := -1
	for _, n := range t.Layers {
		wanted[n] = true
		last = max(last, n)
	}
	// Coded layers may copy from those before them, also from such as belong
	// to another target only.
	var needs []diff.Extent
	for n := 0; n <= last; n++ {
		entry := &c.Layers[n]
		if entry.Carried != format.CarriedDelta {
			continue
		}
		coded, err := w.d.open(ctx, entry)
		if err != nil {
			return err
		}
		if coded.decoder.ReferenceSize() != span {
			return fmt.Errorf("%w: layer %s refers to %d bytes in place of %d", format.ErrCorrupt, entry.DiffID, coded.decoder.ReferenceSize(), span)
		}
		w.slots[n] = &slot{entry: entry, at: span, size: coded.decoder.TargetSize()}
		w.order = append(w.order, n)
		if span > spool.MaxSpan-coded.decoder.TargetSize() {
			return fmt.Errorf("%w: more than %d bytes", format.ErrCorrupt, int64(spool.MaxSpan))
		}
		span += coded.decoder.TargetSize()
		if err := coded.decoder.Needs(func(e diff.Extent) error {
			if k := len(needs) - 1; k >= 0 && needs[k].End() == e.Off {
				needs[k].Len += e.Len
			} else {
				needs = append(needs, e)
			}
			return nil
		}); err != nil {
			return err
		}
	}
	var err error
	if w.pages, err = spool.NewPages(w.opt.dir(), span); err != nil {
		return err
	}
	for _, e := range needs {
		if err := w.pages.Want(e.Off, e.Len); err != nil {
			return fmt.Errorf("%w: %v", format.ErrCorrupt, err)
		}
	}
	if err := w.pages.Seal(); err != nil {
		return err
	}
	if err := w.checkBase(wanted); err != nil {
		return err
	}
	return w.gather(ctx)
}

// checkBase tells which layers the base lacks, before any work is done.
func (w *rebuild) checkBase(wanted map[int]bool) error {
	c := w.d.pkg.Config
	var missing []string
	lack := func(id digest.Digest) {
		if w.base[id] == nil {
			missing = append(missing, id.String())
		}
	}
	for i, used := range w.d.ref.Used(w.pages) {
		if used {
			lack(c.Reference[i].DiffID)
		}
	}
	for n := range c.Layers {
		if wanted[n] && c.Layers[n].Carried == format.CarriedBase {
			lack(c.Layers[n].DiffID)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	names := "no base"
	for _, b := range c.Bases {
		names = first(append(b.Names, b.ID.String()))
	}
	err := fmt.Errorf("%w: it lacks %d of the layers that the delta builds on, %s among them; the delta was made from %s", ErrBase, len(missing), missing[0], names)
	if len(w.base) == 0 {
		err = fmt.Errorf("%w: none was given; the delta was made from %s", ErrBase, names)
	}
	return err
}

// gather spools what is needed of the base.
func (w *rebuild) gather(ctx context.Context) error {
	c := w.d.pkg.Config
	return w.d.ref.Gather(ctx, w.pages, w.opt.workers(), func(i int) (io.ReadCloser, error) {
		w.opt.progress(Progress{Stage: "read base", Layer: i + 1, Layers: len(c.Reference)})
		r, err := w.base[c.Reference[i].DiffID].Plain(ctx)
		return r, asBase(c.Reference[i].DiffID, err)
	})
}

func asBase(id digest.Digest, err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, spool.ErrLimit) {
		return err
	}
	return fmt.Errorf("%w: layer %s: %w", ErrBase, id, err)
}

// decode writes the layer tar of a slot to out, after the layers before it
// have left in the pages what it needs.
func (w *rebuild) decode(ctx context.Context, n int, out io.Writer) error {
	s := w.slots[n]
	if err := w.decodeBefore(ctx, n); err != nil {
		return err
	}
	coded, err := w.d.open(ctx, s.entry)
	if err != nil {
		return err
	}
	if err := coded.decode(ctx, w.pages, s.at, w.opt.workers(), out); err != nil {
		return err
	}
	s.mu.Lock()
	s.decoded = true
	s.mu.Unlock()
	return nil
}

// decodeBefore leaves in the pages what the layers before a slot's have for it.
func (w *rebuild) decodeBefore(ctx context.Context, n int) error {
	for _, before := range w.order {
		if before == n {
			break
		}
		if err := w.decodePages(ctx, before); err != nil {
			return err
		}
	}
	return nil
}

// decodePages decodes a layer that nobody has opened, if others copy from it.
func (w *rebuild) decodePages(ctx context.Context, n int) error {
	s := w.slots[n]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.decoded || !w.pages.WantsAny(s.at, s.size) {
		return nil
	}
	coded, err := w.d.open(ctx, s.entry)
	if err != nil {
		return err
	}
	if err := coded.decoder.Decode(ctx, &keeper{pages: w.pages, at: s.at, end: s.at + s.size, next: io.Discard}, w.pages); err != nil {
		return err
	}
	s.decoded = true
	return nil
}

// keeper leaves in the pages what is wanted of a plain stream.
type keeper struct {
	pages   *spool.Pages
	at, end int64
	next    io.Writer
}

func (k *keeper) Write(p []byte) (int, error) {
	if int64(len(p)) > k.end-k.at {
		return 0, fmt.Errorf("%w: more bytes than announced", format.ErrCorrupt)
	}
	if err := k.pages.Put(p, k.at); err != nil {
		return 0, err
	}
	k.at += int64(len(p))
	return k.next.Write(p)
}
