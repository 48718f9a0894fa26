package delta

import (
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/image"
)

// Together makes one base of several images: the receiver has the layers of all
// of them. It is nil for none.
func Together(images ...image.Image) image.Image {
	switch len(images) {
	case 0:
		return nil
	case 1:
		return images[0]
	}
	return together(images)
}

// together is an image as far as a base needs to be one.
type together []image.Image

func (t together) Names() (all []string) {
	for _, img := range t {
		all = append(all, img.Names()...)
	}
	return all
}

func (t together) Layers() (all []image.Layer) {
	for _, img := range t {
		all = append(all, img.Layers()...)
	}
	return all
}

func (t together) Config() []byte             { return nil }
func (t together) Manifest() ([]byte, string) { return nil, "" }
func (t together) Platform() ocispec.Platform { return ocispec.Platform{} }

// choose lists the targets that the options leave, at least one.
func (d *Delta) choose(opt RebuildOptions) ([]*format.Target, error) {
	var all, fit []*format.Target
	for i := range d.pkg.Config.Targets {
		t := &d.pkg.Config.Targets[i]
		all = append(all, t)
		named := len(opt.Images) == 0 || slices.ContainsFunc(opt.Images, func(want string) bool { return isCalled(t, want) })
		if named && (opt.Platform == "" || t.Platform == opt.Platform) {
			fit = append(fit, t)
		}
	}
	for _, want := range opt.Images {
		if !slices.ContainsFunc(all, func(t *format.Target) bool { return isCalled(t, want) }) {
			return nil, fmt.Errorf("the delta has no image %s; it holds %s", want, describeTargets(all))
		}
	}
	if len(fit) == 0 {
		var have []string
		for _, t := range all {
			if !slices.Contains(have, t.Platform) {
				have = append(have, t.Platform)
			}
		}
		return nil, fmt.Errorf("the delta has no target for platform %q; choose one of %s with --platform", opt.Platform, strings.Join(have, ", "))
	}
	return fit, nil
}

// indexesOf gives the package's indexes that name no images but the given
// targets, and the artifacts that these indexes name.
func (d *Delta) indexesOf(targets []*format.Target, opt RebuildOptions) (indexes []image.NamedIndex, artifacts []*format.Target, err error) {
	if !opt.Indexes {
		return nil, nil, nil
	}
	c := d.pkg.Config
	have := make(map[digest.Digest]bool)
	for _, t := range targets {
		if t.Manifest != nil {
			have[t.Manifest.Digest] = true
		}
	}
	for i := range c.Artifacts {
		have[c.Artifacts[i].Manifest.Digest] = true
	}
	for i := range c.Indexes {
		raw, err := d.part(&c.Indexes[i].Part)
		if err != nil {
			return nil, nil, err
		}
		ix := image.NamedIndex{Names: c.Indexes[i].Names}
		if ix.Index, err = image.ParseIndex(raw, c.Indexes[i].MediaType); err != nil {
			return nil, nil, fmt.Errorf("%w: %w", format.ErrCorrupt, err)
		}
		if !slices.ContainsFunc(ix.Manifests, func(m ocispec.Descriptor) bool { return !have[m.Digest] }) {
			indexes = append(indexes, ix)
			have[ix.Descriptor.Digest] = true
		}
	}
	named := namedBy(indexes)
	for i := range c.Artifacts {
		if t := &c.Artifacts[i]; named[t.Manifest.Digest] {
			artifacts = append(artifacts, t)
		}
	}
	return indexes, artifacts, nil
}

// isCalled tells whether a target has this name, or an image ID that begins so.
func isCalled(t *format.Target, want string) bool {
	if slices.Contains(t.Names, want) {
		return true
	}
	if full, err := image.NormalizeName(want); err == nil && slices.Contains(t.Names, full) {
		return true
	}
	id := strings.TrimPrefix(want, "sha256:")
	return len(id) >= 6 && strings.HasPrefix(t.Config.Digest.Encoded(), id)
}

// describeTargets lists targets by their names, else their IDs.
func describeTargets(targets []*format.Target) string {
	var out []string
	for _, t := range targets {
		s := t.Config.Digest.String()
		if len(t.Names) > 0 {
			s = t.Names[0]
		}
		if t.Platform != "" {
			s += " (" + t.Platform + ")"
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

// basesWith names the bases that have any of these layers.
func basesWith(bases []format.Base, layers []digest.Digest) string {
	var names []string
	for _, b := range bases {
		if slices.ContainsFunc(layers, func(id digest.Digest) bool { return slices.Contains(b.DiffIDs, id) }) {
			names = append(names, first(append(slices.Clone(b.Names), b.ID.String())))
		}
	}
	return strings.Join(names, " and ")
}

// madeFrom names what a receiver should have that lacks these layers.
func (d *Delta) madeFrom(missing []digest.Digest) string {
	names := []string{basesWith(d.main.bases, missing)}
	for _, s := range slices.Backward(d.steps) {
		all := make([]digest.Digest, 0, len(s.reference))
		for _, l := range s.reference {
			all = append(all, l.DiffID)
		}
		names = append(names, basesWith(s.bases, all))
	}
	names = slices.DeleteFunc(names, func(s string) bool { return s == "" })
	if len(names) == 0 {
		return "no base"
	}
	return strings.Join(names, ", or ")
}
