package image

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Named is an image and the names it is to have, fully qualified or short.
type Named struct {
	Image
	Names []string

	inner bool // an index of the set names it
}

// NamedIndex is an index exactly as it is to be stored, and its names. One
// without names is there for another index that names it.
type NamedIndex struct {
	Index
	Names []string
}

// Images is what WriteSet stores at once.
type Images struct {
	Images []Named
	// Indexes come after the indexes that they name. All that they name has to be
	// in the set; such images are found by way of the index, and their own names
	// do not count.
	Indexes []NamedIndex
}

// entry is something that a table of contents lists.
type entry struct {
	desc  ocispec.Descriptor
	names []string
}

// WriteSet stores several images at one destination, each blob once, and gives
// a Result for each of Images. It is to [Write] in all else, and the same holds
// of failures: none of the images becomes visible before all are verified. That
// cannot be had from registries, which are given the names one after another.
//
// An archive or a layout gets an entry for each image or index that no index
// names, under its names. Of a docker:// reference, the repository is where
// indexes and images without a name of their own go; with several named ones, it
// is what their repositories are put below: with docker://host/site, the image
// docker.io/library/app:v2 goes to host/site/app:v2. Docker's archives and the
// classic store keep no index: there, only one of the images that an index names
// may be in the set. A dir: layout holds one image only.
func WriteSet(ctx context.Context, dest string, set Images, opt WriteOptions) ([]Result, error) {
	r, err := ParseDestination(dest)
	if err != nil {
		return nil, err
	}
	res, err := writeSetRef(ctx, r, &set, &opt)
	return finishSet(ctx, dest, res, err)
}

// LoadSet stores several images in the daemon that the options name, all in
// one request.
func LoadSet(ctx context.Context, set Images, opt WriteOptions) ([]Result, error) {
	if err := set.normalize(); err != nil {
		return nil, err
	}
	res, err := loadSet(ctx, &set, &opt)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return res, err
}

func finishSet(ctx context.Context, dest string, res []Result, err error) ([]Result, error) {
	if err != nil {
		if ctx.Err() != nil { // the cause, not what it led to
			err = ctx.Err()
		}
		return nil, withRef(dest, writeHint(err))
	}
	return res, nil
}

func writeSetRef(ctx context.Context, r Reference, set *Images, opt *WriteOptions) ([]Result, error) {
	if err := set.normalize(); err != nil {
		return nil, err
	}
	if r.Select != "" && set.tops() > 1 {
		return nil, hint(fmt.Errorf("one name, %s, for %d images", r.Select, set.tops()), "leave the name away: each image keeps its own")
	}
	switch r.Transport {
	case DockerArchive, OCIArchive, Stdio:
		return writeArchive(ctx, r, set, opt)
	case OCILayout:
		return writeLayout(ctx, r, set, opt)
	case Registry:
		return writeRegistrySet(ctx, r, set, opt)
	}
	if len(set.Images) != 1 || len(set.Indexes) > 0 {
		return nil, hint(fmt.Errorf("%s holds one image, not %d", r.Transport, len(set.Images)), "write to an OCI layout (oci:), an archive, a registry or the docker daemon, or choose one image")
	}
	one := set.Images[0]
	single := *opt
	single.Names = one.Names
	res, err := writeRef(ctx, r, one.Image, &single)
	return []Result{res}, err
}

// normalize qualifies all names and refuses one that two images claim.
func (s *Images) normalize() error {
	if len(s.Images) == 0 {
		return errors.New("there is no image to write")
	}
	s.Images, s.Indexes = slices.Clone(s.Images), slices.Clone(s.Indexes)
	taken := make(map[string]bool)
	take := func(names []string) ([]string, error) {
		full, err := normalizeNames(names)
		for _, n := range full {
			if taken[n] && err == nil {
				err = hint(fmt.Errorf("two images are to be named %s", familiar(n)), "choose one of them")
			}
			taken[n] = true
		}
		return full, err
	}
	if err := s.findInner(); err != nil {
		return err
	}
	var err error
	for i := range s.Images {
		if s.Images[i].Names, err = take(s.Images[i].Names); err != nil {
			return err
		}
	}
	for i := range s.Indexes {
		if s.Indexes[i].Names, err = take(s.Indexes[i].Names); err != nil {
			return err
		}
	}
	return nil
}

// findInner notes what the indexes name, and refuses a set that lacks some of it.
func (s *Images) findInner() error {
	have := make(map[digest.Digest]bool)
	for _, ix := range s.Indexes {
		have[ix.Descriptor.Digest] = true
	}
	for i := range s.Images {
		if raw, _ := s.Images[i].Manifest(); raw != nil {
			have[digest.FromBytes(raw)] = true
		}
	}
	named := make(map[digest.Digest]bool)
	for _, ix := range s.Indexes {
		for _, d := range ix.Manifests {
			named[d.Digest] = true
			if !have[d.Digest] {
				what := d.Digest.String()
				if d.Platform != nil {
					what = FormatPlatform(normalize(*d.Platform)) + ", " + what
				}
				return fmt.Errorf("index %s names a manifest that is not there: %s", ix.Descriptor.Digest, what)
			}
		}
	}
	for i := range s.Images {
		raw, _ := s.Images[i].Manifest()
		if s.Images[i].inner = raw != nil && named[digest.FromBytes(raw)]; s.Images[i].inner {
			s.Images[i].Names = nil
		}
	}
	return nil
}

// tops counts what a table of contents lists.
func (s *Images) tops() int {
	n := len(s.topIndexes())
	for _, img := range s.Images {
		if !img.inner {
			n++
		}
	}
	return n
}

// topIndexes lists the indexes that no other index of the set names.
func (s *Images) topIndexes() []NamedIndex {
	var out []NamedIndex
	for _, ix := range s.Indexes {
		inner := slices.ContainsFunc(s.Indexes, func(other NamedIndex) bool {
			return slices.ContainsFunc(other.Manifests, func(d ocispec.Descriptor) bool { return d.Digest == ix.Descriptor.Digest })
		})
		if !inner {
			out = append(out, ix)
		}
	}
	return out
}

// copy sends all blobs of the set through a sink; omit, if not nil, tells for each
// image what is not sent.
func (s *Images) copy(ctx context.Context, sink sink, form Form, compress Compression, opt *WriteOptions, omit []omission) ([]*copied, error) {
	var all []*copied
	for i, img := range s.Images {
		c := &copier{img: img.Image, form: form, compress: compress, opt: opt, sink: sink}
		if omit != nil {
			c.omit = omit[i]
		}
		done, err := c.copy(ctx)
		if err != nil {
			return nil, s.ofImage(i, err)
		}
		if img.inner && !done.original {
			return nil, s.ofImage(i, errors.New("an index names its manifest, which is not kept in this form"))
		}
		all = append(all, done)
	}
	return all, nil
}

// group is what one entry of the set stands for, with all below it.
type group struct {
	set     Images
	names   []string
	numbers []int // of its images in the whole set
}

// groups divides the set by its entries.
func (s *Images) groups() []group {
	var out []group
	for i, img := range s.Images {
		if !img.inner {
			out = append(out, group{Images{Images: []Named{img}}, img.Names, []int{i}})
		}
	}
	for _, ix := range s.topIndexes() {
		g := group{names: ix.Names}
		below := s.below(ix)
		for i, img := range s.Images {
			if raw, _ := img.Manifest(); img.inner && below[digest.FromBytes(raw)] {
				g.set.Images = append(g.set.Images, img)
				g.numbers = append(g.numbers, i)
			}
		}
		for _, inner := range s.Indexes {
			if below[inner.Descriptor.Digest] {
				g.set.Indexes = append(g.set.Indexes, inner)
			}
		}
		out = append(out, g)
	}
	return out
}

// below gives the digests of an index and of all that it names, through the
// indexes of the set. They come after what they name.
func (s *Images) below(top NamedIndex) map[digest.Digest]bool {
	out := map[digest.Digest]bool{top.Descriptor.Digest: true}
	for i := len(s.Indexes) - 1; i >= 0; i-- {
		if ix := s.Indexes[i]; out[ix.Descriptor.Digest] {
			for _, d := range ix.Manifests {
				out[d.Digest] = true
			}
		}
	}
	return out
}

// oneOfEach refuses indexes, for destinations that keep none.
func (s *Images) oneOfEach(where string) error {
	if len(s.Indexes) == 0 {
		return nil
	}
	return hint(fmt.Errorf("%s keeps no index of several platforms", where), "choose one platform, or write to an OCI layout (oci:), an oci-archive: or a registry")
}

// ofImage says which of several images an error is about.
func (s *Images) ofImage(i int, err error) error {
	if len(s.Images) == 1 {
		return err
	}
	img := s.Images[i]
	name := "image " + digest.FromBytes(img.Config()).String()
	if len(img.Names) > 0 {
		name = familiar(img.Names[0])
	} else if img.inner {
		name += " (" + FormatPlatform(img.Platform()) + ")"
	}
	return fmt.Errorf("%s: %w", name, err)
}

// contents lists what a table of contents names, from the copied images.
func (s *Images) contents(all []*copied) []entry {
	var out []entry
	for i, c := range all {
		if !s.Images[i].inner {
			out = append(out, entry{c.desc, s.Images[i].Names})
		}
	}
	for _, ix := range s.topIndexes() {
		out = append(out, entry{ix.Descriptor, ix.Names})
	}
	return out
}

// results gives each image's outcome its names, and refName to the only one.
func (s *Images) results(all []*copied, refName string) []Result {
	out := make([]Result, len(all))
	for i, c := range all {
		c.result.Names = s.Images[i].Names
		if refName != "" && !s.Images[i].inner {
			c.result.Names = append([]string{refName}, c.result.Names...)
		}
		out[i] = c.result
	}
	return out
}

// below puts the repository of a name below another, which is host/path: the
// name's own host is dropped, and docker.io's "library/".
func below(prefix, full string) string {
	short := full
	if host, rest, ok := strings.Cut(full, "/"); ok {
		short = rest
		if host == "docker.io" {
			short = strings.TrimPrefix(short, "library/")
		}
	}
	return strings.TrimSuffix(prefix, "/") + "/" + short
}
