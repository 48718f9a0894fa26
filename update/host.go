package update

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/identity"

	"github.com/docker-delta/docker-delta/image"
)

// held is an image that the host has.
type held struct {
	ref     string
	names   []string
	ids     []digest.Digest // of the config, the manifest, an index: what is known
	diffIDs []digest.Digest
	opt     image.Options

	reckon sync.Once
	chain  digest.Digest // of the layers

	mu  sync.Mutex
	src image.Source
}

func (h *held) String() string { return h.nameIn("") }

// nameIn is the name that tells a user most: one in the repository, if the image
// has any there, for a daemon may know it by names of other registries, too.
func (h *held) nameIn(repository string) string {
	for _, n := range h.names {
		if tag, ok := strings.CutPrefix(n, repository); ok && repository != "" && strings.HasPrefix(tag, ":") {
			return n
		}
	}
	switch {
	case len(h.names) > 0:
		return h.names[0]
	case len(h.ids) > 0:
		return h.ids[0].String()
	}
	return h.ref
}

// is tells whether this is the image with an ID or, where the store counts other
// IDs, with the layers of a chain.
func (h *held) is(id, chain digest.Digest) bool {
	if id != "" && slices.Contains(h.ids, id) {
		return true
	}
	if chain == "" || len(h.diffIDs) == 0 {
		return false
	}
	h.reckon.Do(func() { h.chain = identity.ChainID(h.diffIDs) }) // it is asked for each listed delta
	return h.chain == chain
}

// open opens the image, once.
func (h *held) open(ctx context.Context) (image.Source, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.src != nil {
		return h.src, nil
	}
	src, err := image.Open(ctx, h.ref, h.opt)
	if err == nil {
		h.src = src
	}
	return src, err
}

// isOpen gives the image if it was opened, else nil.
func (h *held) isOpen() image.Source {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.src
}

// host is what the host has, and what its destination wants.
type host struct {
	images     []*held // what deltas may start from
	inDaemon   []*held // those of the docker daemon, where it was asked
	containerd bool    // which keeps blobs
	form       image.Form
	share      *held // the image that shares most with the target
}

func (h *host) close() error {
	var errs []error
	for _, i := range append(h.images, h.inDaemon...) {
		if i.src != nil {
			errs = append(errs, i.src.Close())
			i.src = nil
		}
	}
	return errors.Join(errs...)
}

// opened lists those images of the docker daemon that were read.
func (h *host) opened() []image.Image {
	var list []image.Image
	for _, i := range h.inDaemon {
		if src := i.isOpen(); src != nil {
			list = append(list, src)
		}
	}
	return list
}

// layer gives a layer of the image that shares most with the target, or nil.
func (h *host) layer(ctx context.Context, id digest.Digest) image.Layer {
	if h.share == nil || !slices.Contains(h.share.diffIDs, id) {
		return nil
	}
	src, err := h.share.open(ctx)
	if err != nil {
		return nil
	}
	for _, l := range src.Layers() {
		if l.DiffID() == id {
			return l
		}
	}
	return nil
}

// look lists what the host has.
func (p *Plan) look(ctx context.Context) (*host, error) {
	h := &host{}
	opt := p.opt.Registry.Options
	wopt := image.WriteOptions{Options: opt}
	var err error
	if p.opt.To == "" {
		if err = p.lookInDaemon(ctx, h, opt); err != nil {
			return nil, err
		}
		h.form = image.Plain
		if h.containerd {
			h.form = image.Exact
		}
	} else if h.form, err = image.FormOf(ctx, p.opt.To, wopt); err != nil {
		return nil, err
	}
	if len(p.opt.Bases) > 0 {
		if err := p.lookAtBases(ctx, h, opt); err != nil {
			h.close()
			return nil, err
		}
		return h, nil
	}
	if p.opt.To != "" {
		if err := p.lookInDaemon(ctx, h, opt); err != nil {
			p.opt.warnf("no base was given with --base, and none can be looked for: %v", err)
		}
	}
	h.images = h.inDaemon
	return h, ctx.Err()
}

func (p *Plan) lookInDaemon(ctx context.Context, h *host, opt image.Options) error {
	d, err := image.Connect(ctx, opt)
	if err != nil {
		return err
	}
	defer d.Close()
	list, err := d.Images(ctx)
	if err != nil {
		return fmt.Errorf("listing the images of the docker daemon: %w", err)
	}
	h.containerd = d.Containerd()
	want := p.target.Platform()
	opt.Platform = &want
	for _, i := range list {
		h.inDaemon = append(h.inDaemon, &held{ref: i.Ref(), names: i.Names, diffIDs: i.DiffIDs, opt: opt,
			ids: append([]digest.Digest{i.ID}, i.Digests...)})
	}
	return nil
}

func (p *Plan) lookAtBases(ctx context.Context, h *host, opt image.Options) error {
	want := p.target.Platform()
	opt.Platform = &want
	for _, ref := range p.opt.Bases {
		i := &held{ref: ref, opt: opt}
		src, err := i.open(ctx)
		if err != nil {
			if p.opt.NoFallback || ctx.Err() != nil {
				return fmt.Errorf("the base: %w", err)
			}
			// The image is what is wanted; a base only makes it cheaper.
			p.opt.warnf("the base %s is left out: %v", ref, err)
			continue
		}
		i.names, i.ids = src.Names(), []digest.Digest{digest.FromBytes(src.Config())}
		if raw, _ := src.Manifest(); raw != nil {
			i.ids = append(i.ids, digest.FromBytes(raw))
		}
		for _, l := range src.Layers() {
			i.diffIDs = append(i.diffIDs, l.DiffID())
		}
		h.images = append(h.images, i)
	}
	return nil
}

// costs adds up what a full pull takes, given the layers that are here.
func (p *Plan) costs() {
	h, layers := p.host, p.target.Source.Layers()
	for _, b := range p.target.blobs {
		p.Whole += b.Size
	}
	best := int64(0)
	for _, i := range h.images {
		if n := p.shared(i, layers); n > best {
			best, h.share = n, i
		}
	}
	p.FullCost = p.Whole - best
}

// shared is how many bytes of the target's blobs need not be fetched because
// of an image at hand.
func (p *Plan) shared(i *held, layers []image.Layer) (n int64) {
	blobs := map[digest.Digest]bool{}
	if i.src != nil {
		for _, l := range i.src.Layers() {
			if b := l.Blob(); b != nil {
				blobs[b.Digest] = true
			}
		}
	}
	for k, l := range layers {
		here := slices.Contains(i.diffIDs, l.DiffID())
		if p.host.form == image.Exact && i.src != nil {
			here = blobs[p.target.blobs[k].Digest]
		} else if p.host.form == image.Exact {
			here = here && p.host.containerd
		}
		if here {
			n += p.target.blobs[k].Size
		}
	}
	return n
}

// find0 gives the image at hand that is the target, if the destination then
// needs nothing: the daemon has it, or the name in a registry stands for it.
func (p *Plan) find0(ctx context.Context) *held {
	if p.opt.To == "" {
		wanted := p.target.subjects()
		if !p.host.containerd {
			wanted = []digest.Digest{p.ID}
		}
		for _, i := range p.host.inDaemon {
			if slices.Contains(wanted, i.ids[0]) {
				return i
			}
		}
		return nil
	}
	if r, err := image.ParseDestination(p.opt.To); err != nil || r.Transport != image.Registry {
		return nil
	}
	src, err := image.Open(ctx, p.opt.To, p.opt.Registry.Options)
	if err != nil {
		return nil
	}
	defer src.Close()
	if raw, _ := src.Manifest(); digest.FromBytes(raw) != p.Manifest.Digest || len(src.Indexes()) > 0 {
		return nil
	}
	return &held{ref: p.opt.To, names: src.Names(), ids: []digest.Digest{p.ID}}
}
