package update

import (
	"slices"
	"sync/atomic"

	"github.com/opencontainers/go-digest"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/image"
)

// meter tells how far a transfer is.
type meter struct {
	report func(delta.Progress)
	step   delta.Progress
}

// newMeter begins a step; its end is to be told by finish.
func newMeter(r *delta.Resources, step delta.Progress) *meter {
	m := &meter{r.Progress, step}
	if m.report == nil {
		m.report = func(delta.Progress) {}
	}
	m.report(step)
	return m
}

func (m *meter) at(done, total int64) {
	step := m.step
	step.Done, step.Total = done, total
	m.report(step)
}

func (m *meter) finish() {
	step := m.step
	step.Finished = true
	m.report(step)
}

// prefetch lets the layers that a full pull has to fetch travel side by side, and
// tells of their bytes. Only what will surely be opened is fetched ahead: the
// layers that no image at hand has, for a destination that has nothing else.
func (p *Plan) prefetch(m *meter) {
	var list []int
	if p.storesAll() {
		seen := map[digest.Digest]bool{}
		for _, i := range append(slices.Clone(p.host.images), p.host.inDaemon...) {
			for _, id := range i.diffIDs {
				seen[id] = true
			}
		}
		for i, l := range p.target.Source.Layers() {
			if !seen[l.DiffID()] {
				seen[l.DiffID()] = true
				list = append(list, i)
			}
		}
	}
	n := p.opt.Registry.Parallel()
	var done atomic.Int64
	image.Prefetch(p.target.Source, list, n, p.opt.Registry.Options, func(n int) {
		m.at(done.Add(int64(n)), p.FullCost)
	})
}

// storesAll reports a destination that takes every layer that no image at hand
// has: the docker daemon, or an archive.
func (p *Plan) storesAll() bool {
	if p.opt.To == "" {
		return true
	}
	r, err := image.ParseDestination(p.opt.To)
	return err == nil && (r.Transport == image.DockerArchive || r.Transport == image.OCIArchive)
}
