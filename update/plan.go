package update

import (
	"context"

	"github.com/opencontainers/go-digest"

	"github.com/docker-delta/docker-delta/registry"
)

// Bounds of the search for a chain of deltas.
const (
	maxLookups = 32      // images whose deltas are listed
	maxSteps   = 12      // deltas in a chain
	maxOpen    = 1 << 16 // images that are thought of as a start
	maxChecks  = 256     // deltas whose signatures are looked for
)

// node is an image on the way back from the target.
type node struct {
	// id and chain identify the image; manifests are where its deltas are listed.
	id, chain digest.Digest
	manifests []digest.Digest
	// step and what is after it lead from this image to the target, and cost so many
	// bytes.
	step *step
	cost int64
}

// step is a delta on the way to the target.
type step struct {
	registry.Entry
	next *step
	n    int // steps, with this one
}

func (s *step) len() int {
	if s == nil {
		return 0
	}
	return s.n
}

func (s *step) list() (all []registry.Entry) {
	for ; s != nil; s = s.next {
		all = append(all, s.Entry)
	}
	return all
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
	var open frontier
	open.add(node{id: p.ID, manifests: p.target.subjects()})
	settled := map[digest.Digest]bool{}
	for lookups := 0; open.Len() > 0; {
		n := open.cheapest()
		if n.cost >= p.FullCost {
			return nil, nil, 0, nil
		}
		if n.step != nil {
			if p.demands() {
				if err := p.mayStep(ctx, n.step.Entry); err != nil {
					if ctx.Err() != nil {
						return nil, nil, 0, err
					}
					continue
				}
			}
			if n.id == "" {
				return n.step.list(), nil, n.cost, nil // stands alone
			}
			for _, h := range p.host.images {
				if h.is(n.id, n.chain) {
					return n.step.list(), h, n.cost, nil
				}
			}
		}
		if settled[n.id] || n.step.len() == maxSteps {
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
				open.add(n.before(e, p.Platform)...)
			}
		}
	}
	return nil, nil, 0, nil
}

// mayStep asks once for each delta whether it is signed as it has to be.
func (p *Plan) mayStep(ctx context.Context, e registry.Entry) error {
	err, known := p.checked[e.Manifest.Digest]
	if known {
		return err
	}
	if len(p.checked) >= maxChecks {
		return p.unsigned("too many deltas without the right signature are listed")
	}
	if err = p.isSigned(ctx, e); err != nil && ctx.Err() == nil {
		p.opt.warnf("the delta %s is passed over: %v", e.Manifest.Digest, err)
	}
	p.checked[e.Manifest.Digest] = err
	return err
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
	next.step = &step{e, n.step, n.step.len() + 1}
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
