package update

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/docker/reference"
	"golang.org/x/sync/errgroup"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/registry"
)

// errOther reports a delta that gives another image than the registry's.
var errOther = errors.New("the delta gives another image than the registry has under this name")

// Run carries the plan out: fetches, rebuilds, verifies, stores and tags. What is
// stored is the image that the plan was made for, also if the name has moved
// since; where the destination keeps manifests, with the registry's digest.
func (p *Plan) Run(ctx context.Context) (*Result, error) {
	if p.Way == Nothing {
		return p.nothing(ctx)
	}
	if p.Way == Full {
		return p.full(ctx, nil)
	}
	res, err := p.deltas(ctx)
	if err == nil || ctx.Err() != nil {
		return res, err
	}
	if p.opt.NoFallback || p.demands() {
		return nil, fmt.Errorf("by %s: %w", p.describeSteps(), err)
	}
	p.opt.warnf("the image cannot be had by %s: %v; pulling it whole", p.describeSteps(), err)
	return p.full(ctx, err)
}

func (p *Plan) describeSteps() string {
	if len(p.Steps) == 1 {
		return "the delta " + p.Steps[0].Manifest.Digest.String()
	}
	return strconv.Itoa(len(p.Steps)) + " deltas"
}

// Fetched is what has come over the network so far, in bytes.
func (p *Plan) Fetched() int64 { return p.traffic.Received() + p.target.fetched.Load() }

// PlainPull is what a plain pull would fetch: manifest, config, and the layers
// that the host lacks, in bytes. It is an estimate where the host has layers: a
// daemon may not notice all of them.
func (p *Plan) PlainPull() int64 {
	return p.FullCost + p.Manifest.Size + int64(len(p.target.Config()))
}

// Repository is the image's name without tag and digest.
func (p *Plan) Repository() string {
	n, err := reference.ParseNormalizedNamed(p.Name)
	if err != nil {
		return p.Name
	}
	return n.Name()
}

// nothing names the image that is there.
func (p *Plan) nothing(ctx context.Context) (*Result, error) {
	res := &Result{Way: Nothing, Fetched: p.Fetched(), Result: image.Result{ImageID: p.ID, Manifest: p.Manifest, Names: p.names()}}
	if p.opt.To != "" {
		return res, nil
	}
	have := map[string]bool{}
	for _, n := range p.isHere.names {
		have[n] = true
	}
	missing := false
	for _, n := range p.names() {
		missing = missing || !have[n]
	}
	if !missing {
		return res, nil
	}
	if p.demands() {
		return nil, p.unsigned("the image is here under other names, and no signature says that it is called so")
	}
	src, err := p.isHere.open(ctx)
	if err != nil {
		return nil, err
	}
	_, err = p.store(ctx, src)
	return res, err
}

// names are what the image is to be called.
func (p *Plan) names() []string {
	var list []string
	if p.target.tag != "" {
		list = append(list, p.target.tag)
	}
	for _, n := range p.opt.Names {
		if full, err := image.NormalizeName(n); err == nil {
			n = full
		}
		list = append(list, n)
	}
	return list
}

// full pulls the layers that the host lacks.
func (p *Plan) full(ctx context.Context, why error) (*Result, error) {
	meter := newMeter(&p.opt.Resources, delta.Progress{Stage: "pull layers"})
	defer meter.finish()
	p.prefetch(meter)
	var res image.Result
	m := &mixed{target: p.target, p: p}
	pull := func(img image.Image) error {
		return again(ctx, p.opt.Registry.Retries, func() (err error) {
			res, err = p.store(ctx, img)
			if err != nil && img == image.Image(m) && m.used.Load() {
				return damagedHere{err} // if it is damage
			}
			return err
		})
	}
	err := pull(m)
	if err != nil && ctx.Err() == nil && m.used.Load() {
		p.opt.warnf("the layers of %s cannot be used: %v; fetching all", p.host.share, err)
		err = pull(p.target)
	}
	if err != nil {
		return nil, err
	}
	return &Result{Result: res, Way: Full, FellBack: why, Fetched: p.Fetched()}, p.check(res)
}

// deltas fetches and applies the steps.
func (p *Plan) deltas(ctx context.Context) (*Result, error) {
	down, err := p.downloads()
	if err != nil {
		return nil, err
	}
	defer down.close()
	var img image.Image
	if p.step0 != nil {
		if img, err = p.step0.open(ctx); err != nil {
			return nil, fmt.Errorf("the base %s: %w", p.Base, err)
		}
	}
	// All is fetched before any is applied, so that a chain does not fail late.
	if err := p.fetch(ctx, down); err != nil {
		return nil, err
	}
	for i, e := range p.Steps {
		p.progressStep("apply delta", i)
		d, err := delta.OpenSigned(ctx, down.of(e), delta.OpenOptions{Trust: p.opt.Trust, Signatures: p.signed[e.Manifest.Digest], MaxMemory: p.opt.Resources.MaxMemory})
		if err != nil {
			return nil, err
		}
		defer d.Close()
		if i == len(p.Steps)-1 {
			if err := p.isMeant(d); err != nil {
				return nil, err
			}
		}
		opt := delta.RebuildOptions{Resources: p.opt.Resources, Names: p.allNames()}
		if len(d.Config().Targets) > 1 {
			opt.Platform = p.Platform
		}
		next, err := d.Rebuild(ctx, img, opt)
		if err != nil {
			return nil, err
		}
		defer next.Close()
		img = next
	}
	if err := p.isTarget(img); err != nil {
		return nil, err
	}
	p.opt.progress("write")
	res, err := p.store(ctx, img)
	if err != nil {
		return nil, err
	}
	down.done(p.Steps)
	return &Result{Result: res, Way: Deltas, Fetched: p.Fetched()}, p.check(res)
}

// fetch downloads all steps, several at once.
func (p *Plan) fetch(ctx context.Context, down *downloads) error {
	left := p.FullCost
	g, ctx := errgroup.WithContext(ctx)
	for i, e := range p.Steps {
		limit := left
		left = max(left-e.Size, 1)
		texts, err := p.signatures(ctx, e)
		if err != nil {
			return errors.Join(err, g.Wait())
		}
		g.Go(func() error {
			step := delta.Progress{Stage: "fetch delta", Layer: i + 1, Layers: len(p.Steps)}
			meter := newMeter(&p.opt.Resources, step)
			defer meter.finish()
			return p.repo.Fetch(ctx, e.Manifest, down.of(e), registry.FetchOptions{
				Limit: limit, Meter: meter.at,
				Check: func(manifest []byte) error {
					_, err := p.opt.Trust.OpenBytes(manifest, texts)
					return err
				},
			})
		})
	}
	return g.Wait()
}

func (p *Plan) progressStep(stage string, i int) {
	if p.opt.Resources.Progress != nil {
		p.opt.Resources.Progress(delta.Progress{Stage: stage, Layer: i + 1, Layers: len(p.Steps)})
	}
}

// isTarget makes sure, before anything is stored, that the rebuilt image is the
// one that the registry names, in the form that the destination keeps.
func (p *Plan) isTarget(img image.Image) error {
	if id := digest.FromBytes(img.Config()); id != p.ID {
		return fmt.Errorf("%w: its ID is %s, expected %s", errOther, id, p.ID)
	}
	if p.host.form != image.Exact {
		return nil
	}
	raw, _ := img.Manifest()
	want, _ := p.target.Manifest()
	if raw == nil {
		return fmt.Errorf("%w: a compressed layer does not come back bit for bit, and this destination keeps the manifest", delta.ErrNotExact)
	}
	if !bytes.Equal(raw, want) {
		return fmt.Errorf("%w: its manifest is %s, expected %s", errOther, digest.FromBytes(raw), p.Manifest.Digest)
	}
	return nil
}

func (p *Plan) store(ctx context.Context, img image.Image) (image.Result, error) {
	opt := image.WriteOptions{Options: p.opt.Registry.Options, Names: p.names(), Thin: true, InDaemon: p.host.opened()}
	if p.opt.To == "" {
		return image.Load(ctx, img, opt)
	}
	return image.Write(ctx, p.opt.To, img, opt)
}

// check makes sure that what was stored is what the plan was made for.
func (p *Plan) check(res image.Result) error {
	if res.ImageID != p.ID {
		return fmt.Errorf("%w: the destination has image %s, expected %s", delta.ErrVerify, res.ImageID, p.ID)
	}
	if p.host.form == image.Exact && res.Manifest.Digest != p.Manifest.Digest {
		return fmt.Errorf("%w: the destination has manifest %s, expected %s", delta.ErrVerify, res.Manifest.Digest, p.Manifest.Digest)
	}
	return nil
}
