package update

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/docker/reference"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/internal/tempfile"
	"github.com/docker-delta/docker-delta/registry"
	"github.com/docker-delta/docker-delta/signature"
)

// PublishOptions say what Publish makes.
type PublishOptions struct {
	Registry registry.Options
	Create   delta.CreateOptions
	// From are the tags of earlier versions; Last adds so many tags before that
	// of the image, see [Earlier].
	From []string
	Last int
	// AllPlatforms makes deltas for every platform of the image, otherwise for
	// the wanted one.
	AllPlatforms bool
	// MaxShare is how large a delta may be, as a share of what a host with the
	// base would otherwise fetch; 0 means DefaultMaxShare. Larger ones are not
	// pushed.
	MaxShare float64
	// Tag gives each delta a tag, "delta-" and the beginning of its digest, for
	// registries whose garbage collection deletes what has none.
	Tag bool
	// Sign, if set, signs the deltas. One that is there without a signature by
	// this key is made again.
	Sign *signature.SecretKey
	// DryRun makes the deltas and pushes none.
	DryRun bool
	// Done, if set, is told of each delta as it is finished.
	Done func(Published)
}

// DefaultMaxShare is the share of a full pull from which a delta does not pay.
const DefaultMaxShare = 0.8

// Outcome is what became of a delta.
type Outcome string

// The outcomes.
const (
	WasPushed Outcome = "pushed"
	Would     Outcome = "would be pushed"
	Exists    Outcome = "exists"
	SameImage Outcome = "same image"
	NoSaving  Outcome = "does not pay"
	NoBase    Outcome = "no such platform"
)

// Published tells of one delta.
type Published struct {
	From     string        `json:"from"`
	Platform string        `json:"platform"`
	Outcome  Outcome       `json:"outcome"`
	Manifest digest.Digest `json:"manifest,omitempty"`
	// Size is that of the delta, Pull what a plain pull fetches on a host with the
	// base, in bytes. Size is 0 for a delta that was not made.
	Size int64 `json:"size"`
	Pull int64 `json:"pull"`

	base *target
	desc ocispec.Descriptor // of Manifest
}

// Publish makes deltas from earlier versions of an image in a registry, and
// pushes those that are worth it beside the image. Versions whose delta is there
// already are passed over, so it may be repeated.
func Publish(ctx context.Context, name string, opt PublishOptions) ([]Published, error) {
	p := &publisher{opt: opt}
	var err error
	if p.named, err = registry.ParseName(name); err != nil {
		return nil, err
	}
	p.named = reference.TagNameOnly(p.named)
	if p.repo, err = registry.Open(ctx, name, opt.Registry); err != nil {
		return nil, err
	}
	from, err := p.versions(ctx)
	if err != nil {
		return nil, err
	}
	tmp, err := tempfile.MakeDir(opt.Create.TempDir, 0o700)
	if err != nil {
		return nil, err
	}
	defer tmp.Close()
	p.dir = tmp.Path
	targets, err := p.targets(ctx)
	if err != nil {
		return nil, err
	}
	for i, t := range targets {
		err := p.platform(ctx, t, from, filepath.Join(p.dir, fmt.Sprint(i)))
		t.Close()
		if err != nil {
			for _, rest := range targets[i+1:] {
				rest.Close()
			}
			return p.done, err
		}
	}
	return p.done, nil
}

type publisher struct {
	opt   PublishOptions
	named reference.Named
	repo  *registry.Repository
	dir   string
	done  []Published
}

func (p *publisher) versions(ctx context.Context) ([]string, error) {
	from := slices.Clone(p.opt.From)
	if p.opt.Last > 0 {
		tagged, ok := p.named.(reference.Tagged)
		if !ok {
			return nil, errors.New("which versions come before a digest is not known; name the image by a tag, or the versions with --from")
		}
		tags, err := p.repo.Tags(ctx)
		if err != nil {
			return nil, err
		}
		last, err := Earlier(tagged.Tag(), tags, p.opt.Last)
		if err != nil {
			return nil, err
		}
		from = append(from, last...)
	}
	var unique []string
	for _, t := range from {
		if !slices.Contains(unique, t) {
			unique = append(unique, t)
		}
	}
	return unique, nil
}

// targets opens the image once for each platform.
func (p *publisher) targets(ctx context.Context) ([]*target, error) {
	opt := p.opt.Registry
	if !p.opt.AllPlatforms {
		t, err := openTarget(ctx, p.named.String(), opt)
		if err != nil {
			return nil, err
		}
		return []*target{t}, nil
	}
	set, err := image.OpenAll(ctx, string(image.Registry)+"://"+p.named.String(), opt.Options)
	if err != nil {
		return nil, err
	}
	defer set.Close()
	var out []*target
	for _, img := range set.Images {
		raw, _ := img.Manifest()
		byDigest, err := reference.WithDigest(reference.TrimNamed(p.named), digest.FromBytes(raw))
		if err != nil {
			return out, err
		}
		platform := img.Platform()
		opt.Platform = &platform
		t, err := openTarget(ctx, byDigest.String(), opt)
		if err != nil {
			for _, t := range out {
				t.Close()
			}
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

// platform makes the deltas to one target.
func (p *publisher) platform(ctx context.Context, t *target, from []string, dir string) error {
	existing, err := p.repo.Deltas(ctx, t.manifest.Digest)
	if err != nil {
		return err
	}
	local := &localCopy{t: t, dir: dir, opt: p.opt.Registry.Options, names: []string{p.named.String()}}
	defer local.close()
	for _, tag := range from {
		done, err := p.from(ctx, tag, local, existing)
		if err != nil {
			return fmt.Errorf("the delta from %s to %s: %w", tag, reference.FamiliarString(p.named), err)
		}
		if done.Outcome == WasPushed {
			existing = append(existing, registry.Entry{
				BaseID: done.base.id, BaseChain: done.base.chain(), Size: done.Size,
				Manifest: done.desc,
			})
		}
		done.base = nil
		p.done = append(p.done, *done)
		if p.opt.Done != nil {
			p.opt.Done(*done)
		}
	}
	return nil
}

// from makes the delta from one earlier version.
func (p *publisher) from(ctx context.Context, tag string, local *localCopy, existing []registry.Entry) (*Published, error) {
	t := local.t
	done := &Published{From: tag, Platform: image.FormatPlatform(t.Platform())}
	named, err := p.earlier(tag)
	if err != nil {
		return nil, err
	}
	opt := p.opt.Registry
	platform := t.Platform()
	opt.Platform = &platform
	base, err := openTarget(ctx, named.String(), opt)
	var missing *image.PlatformError
	if errors.As(err, &missing) {
		done.Outcome = NoBase
		return done, nil
	}
	if err != nil {
		return nil, err
	}
	defer base.Close()
	done.base = base
	done.Pull = pullCost(t, base)
	switch {
	case base.id == t.id:
		done.Outcome = SameImage
		return done, nil
	case done.Pull == 0:
		done.Outcome = NoSaving
		return done, nil
	}
	for _, e := range existing {
		if e.BaseID == base.id && e.BaseChain == base.chain() && p.isThere(ctx, e) && p.hasSignature(ctx, e) {
			done.Outcome, done.Manifest, done.Size = Exists, e.Manifest.Digest, e.Size
			return done, nil
		}
	}
	return done, p.make(ctx, named, base, local, done)
}

// isThere asks for a package that is listed: a registry's garbage collection may
// have deleted it, while its list stayed.
func (p *publisher) isThere(ctx context.Context, e registry.Entry) bool {
	_, err := p.repo.Resolve(ctx, e.Manifest.Digest.String())
	return err == nil
}

// make creates a delta in a temporary file and pushes it if it is small enough.
func (p *publisher) make(ctx context.Context, named reference.Named, base *target, local *localCopy, done *Published) error {
	img, err := local.open(ctx)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(p.dir, "delta-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	_, err = delta.Create(ctx, f, delta.Input{
		Bases: []image.Image{&renamed{base, []string{named.String()}}}, Targets: []image.Image{img},
	}, p.opt.Create)
	if err != nil {
		return err
	}
	d, err := delta.Open(ctx, f.Name())
	if err != nil {
		return err
	}
	defer d.Close()
	done.Size = d.Package().Size() // what a registry gives for it
	share := p.opt.MaxShare
	if share == 0 {
		share = DefaultMaxShare
	}
	if float64(done.Size) > share*float64(done.Pull) {
		done.Outcome = NoSaving
		return nil
	}
	if p.opt.DryRun {
		done.Outcome = Would
		return nil
	}
	tag := ""
	if p.opt.Tag {
		tag = "delta-" + d.Package().Descriptor.Digest.Encoded()[:24]
	}
	if p.opt.Sign != nil {
		// First, so that no delta is there that nobody may use.
		if err := PushSignature(ctx, p.repo, d.Package(), p.opt.Sign, "", tag); err != nil {
			return err
		}
	}
	meter := newMeter(&p.opt.Create.Resources, delta.Progress{Stage: "push"})
	pushed, err := p.repo.Push(ctx, d.Package(), tag, meter.at)
	meter.finish()
	if err != nil {
		return err
	}
	done.Outcome, done.Manifest = WasPushed, pushed.Manifest.Digest
	done.desc = pushed.Manifest
	return nil
}

// hasSignature tells whether a package is signed as Sign would, or need not be.
func (p *publisher) hasSignature(ctx context.Context, e registry.Entry) bool {
	if p.opt.Sign == nil {
		return true
	}
	raw, err := p.repo.Manifest(ctx, e.Manifest)
	if err != nil {
		return false
	}
	texts, err := p.repo.Signatures(ctx, e.Manifest.Digest)
	if err != nil {
		return false
	}
	by, err := (&signature.Trust{Keys: []signature.PublicKey{p.opt.Sign.Public()}}).OpenBytes(raw, texts)
	return err == nil && len(by) > 0
}

// earlier is the name of an earlier version: a tag or a digest in the same
// repository.
func (p *publisher) earlier(tag string) (reference.Named, error) {
	repo := reference.TrimNamed(p.named)
	if d := digest.Digest(tag); d.Validate() == nil {
		return reference.WithDigest(repo, d)
	}
	return reference.WithTag(repo, tag)
}

// pullCost is what a plain pull fetches on a host that has the base.
func pullCost(t, base *target) (n int64) {
	have := map[digest.Digest]bool{}
	for _, l := range base.Source.Layers() {
		have[l.DiffID()] = true
	}
	for i, l := range t.Source.Layers() {
		if !have[l.DiffID()] {
			n += t.blobs[i].Size
		}
	}
	return n
}
