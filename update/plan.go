package update

import (
	"context"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/docker-delta/docker-delta/registry"
)

// Bounds of the search for a chain of deltas.
const (
	maxLookups = 32 // images whose deltas are listed
	maxSteps   = 12 // deltas in a chain
)

// node is an image on the way back from the target.
type node struct {
	// id and chain identify the image; manifests are where its deltas are listed.
	id, chain digest.Digest
	manifests []digest.Digest
	// steps lead from this image to the target, and cost so many bytes.
	steps []registry.Entry
	cost  int64
}

// cheapest looks for the chain of deltas that costs least, from an image at hand
// or from none, and less than a full pull: Dijkstra's search, backwards from the
// target, so that nothing is asked that cannot win. steps is nil if there is none;
// base is nil for a delta that needs none.
func (p *Plan) cheapest(ctx context.Context) (steps []registry.Entry, base *held, cost int64, err error) {
	repo, err := p.deltaRepository(ctx)
	if err != nil {
		return nil, nil, 0, err
	}
	p.repo = repo
	open := []node{{id: p.ID, manifests: p.target.subjects()}}
	settled := map[digest.Digest]bool{}
	for lookups := 0; len(open) > 0; {
		n := takeCheapest(&open)
		if n.cost >= p.FullCost {
			return nil, nil, 0, nil
		}
		if len(n.steps) > 0 {
			if p.demands() {
				if err := p.isSigned(ctx, n.steps[0]); err != nil {
					if ctx.Err() != nil {
						return nil, nil, 0, err
					}
					p.opt.warnf("the delta %s is passed over: %v", n.steps[0].Manifest.Digest, err)
					continue
				}
			}
			if n.id == "" {
				return n.steps, nil, n.cost, nil // stands alone
			}
			for _, h := range p.host.images {
				if h.is(n.id, n.chain) {
					return n.steps, h, n.cost, nil
				}
			}
		}
		if settled[n.id] || len(n.steps) == maxSteps {
			continue
		}
		settled[n.id] = true
		for _, m := range n.manifests {
			if lookups++; lookups > maxLookups {
				return nil, nil, 0, nil
			}
			entries, err := repo.Deltas(ctx, m)
			if err != nil {
				return nil, nil, 0, err
			}
			for _, e := range entries {
				open = append(open, n.before(e, p.Platform)...)
			}
		}
	}
	return nil, nil, 0, nil
}

// deltaRepository is the first place that lists a delta to the target: a mirror, or
// the repository itself, also if it has none.
func (p *Plan) deltaRepository(ctx context.Context) (repo *registry.Repository, err error) {
	name := p.opt.Deltas
	if name == "" {
		name = p.Name
	}
	places, err := registry.OpenMirrors(ctx, name, p.opt.Registry)
	if err != nil {
		return nil, err
	}
	if len(places) == 1 {
		return places[0], nil
	}
	for _, repo = range places {
		for _, m := range p.target.subjects() {
			entries, lerr := repo.Deltas(ctx, m)
			if err = lerr; err == nil && len(entries) > 0 {
				return repo, nil
			}
		}
	}
	return repo, err
}

// before are the images that a delta to n starts from, any one of them.
func (n *node) before(e registry.Entry, platform string) (list []node) {
	if e.Bases > 1 || e.Platform != "" && e.Platform != platform {
		return nil
	}
	if e.Platform != "" && e.TargetID != n.id { // one of several targets is checked when it is rebuilt
		return nil
	}
	next := node{id: e.BaseID, chain: e.BaseChain, cost: n.cost + e.Size}
	next.steps = append([]registry.Entry{e}, n.steps...)
	for _, o := range e.Others {
		other := next
		other.id, other.chain = o.ID, o.Chain
		list = append(list, other)
	}
	if e.BaseManifest != "" {
		next.manifests = []digest.Digest{e.BaseManifest}
	}
	return append(list, next)
}

func takeCheapest(open *[]node) node {
	best := 0
	for i, n := range *open {
		b := (*open)[best]
		if n.cost < b.cost || n.cost == b.cost && len(n.steps) < len(b.steps) {
			best = i
		}
	}
	n := (*open)[best]
	*open = slices.Delete(*open, best, best+1)
	return n
}
