package delta

import (
	"context"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/internal/limit"
	"github.com/docker-delta/docker-delta/layer"
)

// A stage is layers that are coded against one reference: those of the targets,
// or those of a step, which are part of the reference of a later stage.
type stage struct {
	d         *Delta // where the layers' data are
	table     []byte // the coded form of ref
	bases     []format.Base
	reference []format.ReferenceLayer
	ref       *layer.Reference
	layers    []format.Layer
}

// StandsAlone reports a package that can be applied without any base, though it may
// name some whose layers it need not rebuild then.
func (d *Delta) StandsAlone() bool {
	c := d.pkg.Config
	return len(c.Bases) == 0 || slices.ContainsFunc(c.Steps, func(s format.Step) bool { return len(s.Bases) == 0 })
}

// newStage parses the part that describes a reference; mem is for all of them.
func (d *Delta) newStage(bases []format.Base, reference []format.ReferenceLayer, layers []format.Layer, part int, mem *limit.Memory) (*stage, error) {
	table, err := d.meta.part(part)
	if err != nil {
		return nil, err
	}
	var sizes []int64
	for _, l := range reference {
		sizes = append(sizes, l.Size)
	}
	ref, err := layer.ParseReference(table, sizes, mem)
	if err != nil {
		return nil, err
	}
	return &stage{d, table, bases, reference, ref, layers}, nil
}

// gives lists the numbers of the layers that the stage rebuilds.
func (s *stage) gives() map[int]bool {
	all := make(map[int]bool)
	for n := range s.layers {
		if c := s.layers[n].Carried; c == format.CarriedDelta || c == format.CarriedBlob {
			all[n] = true
		}
	}
	return all
}

// targetLayers are the wanted layers themselves, as far as the base lacks them.
func (w *rebuild) targetLayers(has func(digest.Digest) bool) map[digest.Digest]bool {
	lacks := make(map[digest.Digest]bool)
	for n := range w.wanted {
		if id := w.st.layers[n].DiffID; !has(id) {
			lacks[id] = true
		}
	}
	return lacks
}

// takeSteps prepares the steps that give layers which the base lacks or, where
// these do not suffice, steps that give the wanted layers themselves. If there are
// none, checkBase will tell.
func (w *rebuild) takeSteps(ctx context.Context) error {
	lacks := make(map[digest.Digest]bool)
	for _, id := range w.baseLayers() {
		if w.base[id] == nil {
			lacks[id] = true
		}
	}
	if len(lacks) == 0 || len(w.d.steps) == 0 {
		return nil
	}
	has := func(id digest.Digest) bool { return w.base[id] != nil }
	chosen, err := w.d.chooseSteps(ctx, w.opt, has, lacks)
	if chosen == nil && err == nil {
		chosen, err = w.d.chooseSteps(ctx, w.opt, has, w.targetLayers(has))
		w.given = chosen != nil
	}
	if err != nil {
		return err
	}
	for _, s := range chosen {
		s.dir, s.base = w.dir, w.base
		w.steps = append(w.steps, s) // closed with w, whatever comes
		if err := s.prepare(ctx); err != nil {
			return err
		}
		for n := range s.wanted {
			l := &rebuiltLayer{work: s, n: n, at: n + 1, of: len(s.st.layers), entry: &s.st.layers[n]}
			w.base[l.DiffID()] = l
		}
	}
	return nil
}

// chooseSteps plans the steps that give the lacking layers to a receiver that has
// some others, in order; none if there is no way.
func (d *Delta) chooseSteps(ctx context.Context, opt RebuildOptions, has func(digest.Digest) bool, lacks map[digest.Digest]bool) ([]*rebuild, error) {
	// From the first to the last: which of them can be taken at all?
	given := make(map[digest.Digest]bool)
	usable := make([]bool, len(d.steps))
	for i, st := range d.steps {
		s := st.newRebuild(opt)
		if err := s.plan(ctx, st.gives()); err != nil {
			return nil, fmt.Errorf("step %d: %w", i, err)
		}
		usable[i] = true
		for _, id := range s.baseLayers() {
			usable[i] = usable[i] && (given[id] || has(id))
		}
		if usable[i] {
			for n := range s.wanted {
				given[st.layers[n].DiffID] = true
			}
		}
	}
	for id := range lacks {
		if !given[id] {
			return nil, nil
		}
	}
	// From the last to the first: which are needed, and for which layers?
	var chosen []*rebuild
	mem := limit.NewMemory(d.memory, "what the layers of steps copy")
	for i := len(d.steps) - 1; i >= 0; i-- {
		st := d.steps[i]
		wanted := st.gives()
		for n := range wanted {
			if !lacks[st.layers[n].DiffID] {
				delete(wanted, n)
			}
		}
		if !usable[i] || len(wanted) == 0 {
			continue
		}
		s := st.newRebuild(opt)
		s.memory = mem
		if err := s.plan(ctx, wanted); err != nil {
			return nil, fmt.Errorf("step %d: %w", i, err)
		}
		for n := range wanted {
			delete(lacks, st.layers[n].DiffID)
		}
		for _, id := range s.baseLayers() {
			if !has(id) {
				lacks[id] = true
			}
		}
		chosen = append([]*rebuild{s}, chosen...)
	}
	return chosen, nil
}
