// Package update brings hosts to the current version of an image by the cheapest
// way that there is, and makes what they need for that.
//
// On the host, [Find] resolves the image's name, looks at what the host has, and
// gives a [Plan]: nothing to do, one delta or a chain of them from an image at
// hand, or a full pull; [Plan.Run] carries it out, and falls back to the full pull
// when a delta fails. In the release pipeline, [Publish] makes and pushes the
// deltas from earlier versions.
package update

import (
	"context"
	"fmt"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/registry"
	"github.com/docker-delta/docker-delta/signature"
)

// Options say what Find looks at and what Run does.
type Options struct {
	// Registry says how the registry is reached, and what platform is wanted.
	// Its Traffic is set here.
	Registry registry.Options
	// Resources bound the work.
	Resources delta.Resources
	// To is where the image goes, as for [image.Write]; empty is the docker
	// daemon.
	To string
	// Bases are references to images that the host has; none means those in the
	// docker daemon.
	Bases []string
	// Names are tags for the image beside its own name.
	Names []string
	// Deltas is the repository with the deltas; empty is that of the image.
	Deltas string
	// Downloads is a directory in which deltas are kept until the image is there,
	// so that a pull that is interrupted, also by the end of the process, goes on
	// where it stopped. Empty means a temporary directory.
	Downloads string
	// Trust says whose signature deltas must have; nil asks for none. An image
	// that needs one by its names comes by signed deltas only.
	Trust *signature.Trust
	// NoFallback makes a failing delta an error, in place of a full pull.
	NoFallback bool
	// Warnf, if set, is told what went wrong without being fatal.
	Warnf func(format string, args ...any)
}

func (o *Options) warnf(format string, args ...any) {
	if o.Warnf != nil {
		o.Warnf(format, args...)
	}
}

func (o *Options) progress(stage string) {
	if o.Resources.Progress != nil {
		o.Resources.Progress(delta.Progress{Stage: stage})
	}
}

// Way is how an image is brought.
type Way string

// The ways.
const (
	Nothing Way = "nothing" // the host has it
	Deltas  Way = "deltas"  // one delta, or a chain
	Full    Way = "full"    // the layers that the host lacks
)

// Plan is what is to be done, and what it costs.
type Plan struct {
	// Name is the image's name in the registry; Manifest and ID pin what it stood
	// for when the plan was made.
	Name     string
	Manifest ocispec.Descriptor
	ID       digest.Digest
	Platform string

	Way Way
	// Base is the image at hand that the first delta starts from, empty for a
	// delta that needs none.
	Base string
	// Steps are the deltas, in the order of their use.
	Steps []registry.Entry
	// Cost is what is still to be fetched, in bytes.
	Cost int64
	// FullCost is what is to be fetched without deltas: the layers that the host
	// lacks. Whole is the size of all layers, compressed.
	FullCost, Whole int64

	opt     Options
	traffic *registry.Traffic
	repo    *registry.Repository // with the deltas
	target  *target
	host    *host
	step0   *held                      // the base
	isHere  *held                      // the image itself
	signed  map[digest.Digest][][]byte // signatures of deltas, as far as they were looked at
	checked map[digest.Digest]error    // whether these deltas may be steps
}

// Result tells what was done.
type Result struct {
	image.Result
	// Way is how the image came in the end; after a fallback it is Full.
	Way Way
	// FellBack is why no delta was used, nil if that was the plan.
	FellBack error
	// Fetched is what came over the network, in bytes: of manifests, configs,
	// lists, deltas and layers.
	Fetched int64
}

// Find resolves an image in a registry, by name or digest, and chooses the
// cheapest way to have it. The plan is to be closed.
func Find(ctx context.Context, name string, opt Options) (*Plan, error) {
	p := &Plan{opt: opt, traffic: new(registry.Traffic), signed: make(map[digest.Digest][][]byte), checked: make(map[digest.Digest]error)}
	p.opt.Registry.Traffic = p.traffic
	if err := p.find(ctx, name); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// Close gives up what the plan holds open.
func (p *Plan) Close() error {
	var err error
	if p.host != nil {
		err = p.host.close()
	}
	if p.target != nil {
		if cerr := p.target.Close(); err == nil {
			err = cerr
		}
	}
	return err
}

func (p *Plan) find(ctx context.Context, name string) error {
	p.opt.progress("look at the registry")
	var err error
	if p.target, err = openTarget(ctx, name, p.opt.Registry); err != nil {
		return err
	}
	t := p.target
	p.Name, p.Manifest, p.ID, p.Platform = t.name, t.manifest, t.id, image.FormatPlatform(t.Platform())
	p.opt.progress("look at what is here")
	if p.host, err = p.look(ctx); err != nil {
		return err
	}
	p.costs()
	if p.isHere = p.find0(ctx); p.isHere != nil {
		p.Way, p.Cost = Nothing, 0
		return nil
	}
	p.Way, p.Cost = Full, p.FullCost
	p.opt.progress("look for deltas")
	steps, base, cost, err := p.cheapest(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if p.demands() {
			return fmt.Errorf("looking for signed deltas: %w", err)
		}
		p.opt.warnf("deltas cannot be looked for: %v", err)
		return nil
	}
	if steps == nil && p.demands() {
		return p.unsigned("no signed delta leads to it from what is here, and a plain pull is not signed")
	}
	if steps != nil {
		p.Way, p.Steps, p.Cost, p.step0 = Deltas, steps, cost, base
		if base != nil {
			p.Base = base.nameIn(p.Repository())
		}
	}
	return nil
}
