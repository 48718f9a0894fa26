package delta

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"sync"
	"unsafe"

	"github.com/opencontainers/go-digest"

	"github.com/docker-delta/docker-delta/diff"
	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/internal/limit"
	"github.com/docker-delta/docker-delta/internal/spool"
	"github.com/docker-delta/docker-delta/layer"
)

// rebuild is the common state of the layers that are rebuilt from one reference.
type rebuild struct {
	d     *Delta
	st    *stage
	opt   RebuildOptions
	dir   *spool.Dir
	base  map[digest.Digest]image.Layer // and, once they are there, those that steps give
	slots map[int]*slot                 // by number in the stage's layers
	order []int                         // of the slots, as they follow each other

	memory *limit.Memory // for what the layers copy
	wanted map[int]bool  // the layers that are to be had, by number
	use    *layer.Usage  // what of the reference they need
	span   int64         // of the address space
	pages  *spool.Pages  // of the reference and the decoded plain streams

	lent      lentLayers
	producers producers
	steps     []*rebuild // that give layers of the base, in order
	given     bool       // the wanted layers themselves come from base and steps
}

func (st *stage) newRebuild(opt RebuildOptions) *rebuild {
	return &rebuild{d: st.d, st: st, opt: opt, slots: make(map[int]*slot)}
}

// close ends whatever still reads a layer, and gives up the temporary files.
func (w *rebuild) close() error {
	w.producers.close()
	var err error
	if w.pages != nil {
		err = w.pages.Close()
	}
	err = errors.Join(err, w.lent.close())
	for _, s := range slices.Backward(w.steps) {
		err = errors.Join(err, s.close())
	}
	return err
}

// slot is a coded layer's place in the address space.
type slot struct {
	entry *format.Layer
	at    int64 // address of its first plain byte
	size  int64
	needs []diff.Extent // what it copies
	// copied tells that later layers copy from it.
	copied bool

	mu      sync.Mutex
	decoded bool // its wanted pages are there
}

// plan lays out the address space and finds what the wanted layers copy.
func (w *rebuild) plan(ctx context.Context, wanted map[int]bool) error {
	if w.memory == nil {
		w.memory = limit.NewMemory(w.d.memory, "what the layers copy")
	}
	w.wanted = wanted
	last := -1
	for n := range wanted {
		last = max(last, n)
	}
	w.span = w.st.ref.Size()
	for n := 0; n <= last; n++ {
		if carried := w.st.layers[n].Carried; carried != format.CarriedDelta && carried != format.CarriedNot {
			continue
		}
		if err := w.addSlot(ctx, n); err != nil {
			return err
		}
	}
	// Coded layers may copy from those before them, also from such as belong to
	// other targets only: those are decoded as well, and have needs of their own.
	w.use = w.st.ref.NewUsage()
	for k := len(w.order) - 1; k >= 0; k-- {
		n := w.order[k]
		if !w.wanted[n] && !w.slots[n].copied {
			continue
		}
		if w.slots[n].entry.Carried == format.CarriedNot {
			return fmt.Errorf("%w: layer %s is needed, and not carried", format.ErrCorrupt, w.slots[n].entry.DiffID)
		}
		for _, e := range w.slots[n].needs {
			w.use.Add(e.Off, e.Len)
			w.overlapping(e, func(m int) { w.slots[m].copied = w.slots[m].copied || m != n })
		}
	}
	return nil
}

// addSlot gives a coded layer its place.
func (w *rebuild) addSlot(ctx context.Context, n int) error {
	entry := &w.st.layers[n]
	if entry.Carried == format.CarriedNot {
		return w.place(n, &slot{entry: entry, size: entry.Plain})
	}
	coded, err := w.d.open(ctx, entry)
	if err != nil {
		return err
	}
	if coded.decoder.ReferenceSize() != w.span {
		return fmt.Errorf("%w: layer %s refers to %d bytes in place of %d", format.ErrCorrupt, entry.DiffID, coded.decoder.ReferenceSize(), w.span)
	}
	s := &slot{entry: entry, size: coded.decoder.TargetSize()}
	if s.needs, err = needsOf(coded, w.memory); err != nil {
		return err
	}
	return w.place(n, s)
}

func (w *rebuild) place(n int, s *slot) error {
	if w.span > spool.MaxSpan-s.size {
		return fmt.Errorf("%w: more than %d bytes", format.ErrCorrupt, int64(spool.MaxSpan))
	}
	s.at = w.span
	w.slots[n] = s
	w.order = append(w.order, n)
	w.span += s.size
	return nil
}

// prepare reads what the plan needs of the base.
func (w *rebuild) prepare(ctx context.Context) error {
	if err := w.checkBase(); err != nil {
		return err
	}
	var err error
	if w.pages, err = newPages(w.dir, w.span, w.d.memory); err != nil {
		return err
	}
	for _, n := range w.order {
		s := w.slots[n]
		if !w.given && (w.wanted[n] || s.copied) {
			for _, e := range s.needs {
				if err := w.pages.Want(e.Off, e.Len); err != nil {
					return fmt.Errorf("%w: %v", format.ErrCorrupt, err)
				}
			}
		}
		s.needs = nil
	}
	w.lend(ctx)
	if err := w.pages.Seal(); err != nil {
		return err
	}
	if err := w.gather(ctx); err != nil {
		return cmp.Or(w.lent.suspect(ctx), err)
	}
	return nil
}

// newPages makes an address space of size bytes, whose tables may take so much
// memory.
func newPages(dir *spool.Dir, size, memory int64) (*spool.Pages, error) {
	mem := limit.NewMemory(memory, "the address space")
	if err := mem.Take(spool.PagesMemory(size)); err != nil {
		return nil, err
	}
	return spool.NewPages(dir, size)
}

// needsOf lists what a coded layer copies.
func needsOf(c *coded, mem *limit.Memory) (needs []diff.Extent, err error) {
	err = c.decoder.Needs(func(e diff.Extent) error {
		if k := len(needs) - 1; k >= 0 && needs[k].End() == e.Off {
			needs[k].Len += e.Len
		} else {
			needs = append(needs, e)
			return mem.Take(2 * int64(unsafe.Sizeof(e))) // in a list that grows
		}
		return nil
	})
	return needs, err
}

// overlapping visits the slots whose bytes an extent takes from.
func (w *rebuild) overlapping(e diff.Extent, visit func(n int)) {
	first := sort.Search(len(w.order), func(k int) bool { s := w.slots[w.order[k]]; return s.at+s.size > e.Off })
	for _, n := range w.order[first:] {
		if w.slots[n].at >= e.End() {
			return
		}
		visit(n)
	}
}

// baseLayers lists the layers of the base that the plan needs.
func (w *rebuild) baseLayers() []digest.Digest {
	var list []digest.Digest
	if w.given {
		for n := range w.wanted {
			list = append(list, w.st.layers[n].DiffID)
		}
		slices.Sort(list)
		return list
	}
	for i, l := range w.st.reference {
		if w.use.Layer(i) {
			list = append(list, l.DiffID)
		}
	}
	for n := range w.st.layers {
		if id := w.st.layers[n].DiffID; w.wanted[n] && w.st.layers[n].Carried == format.CarriedBase && !slices.Contains(list, id) {
			list = append(list, id)
		}
	}
	return list
}

// checkBase tells which layers the base lacks, before any work is done.
func (w *rebuild) checkBase() error {
	var missing []digest.Digest
	for _, id := range w.baseLayers() {
		if w.base[id] == nil {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	names := w.d.madeFrom(missing)
	err := fmt.Errorf("%w: it lacks %d of the layers that the delta builds on, %s among them; the delta was made from %s", ErrBase, len(missing), missing[0], names)
	if len(w.base) == 0 {
		err = fmt.Errorf("%w: none was given; the delta was made from %s", ErrBase, names)
	}
	return err
}

// gather spools what is needed of the base.
func (w *rebuild) gather(ctx context.Context) error {
	if w.given {
		return nil
	}
	reference := w.st.reference
	return w.st.ref.Gather(ctx, w.pages, w.use, w.opt.workers(), func(i int) (io.ReadCloser, error) {
		w.opt.progress(Progress{Stage: "read base", Layer: i + 1, Layers: len(reference)})
		r, err := w.base[reference[i].DiffID].Plain(ctx)
		return r, asBase(reference[i].DiffID, err)
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
	if s.decoded || !s.copied {
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
