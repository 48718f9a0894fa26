package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/image"
)

// inputFlags say what a delta is made from.
type inputFlags struct {
	noBase bool
	bases  []string
	all    bool
	pairs  []string
	list   string
}

func (f *inputFlags) register(c *cobra.Command) {
	c.Flags().BoolVar(&f.noBase, "no-base", false, "make a package that needs no base")
	c.Flags().StringArrayVarP(&f.bases, "base", "b", nil, "in place of BASE: an image of which the receiver may have any one (may be repeated)")
	c.Flags().StringArrayVar(&f.pairs, "pair", nil, "BASE=TARGET, one of several images to put into one package; =TARGET for one without a base (may be repeated)")
	c.Flags().StringVar(&f.list, "list", "", "file with a line BASE TARGET [NAME] for each of several images; a base of - is for none")
	c.Flags().BoolVar(&f.all, "all", false, "all platforms of the images, and the target's index as it is")
	for _, flag := range []string{"base", "pair"} {
		_ = c.RegisterFlagCompletionFunc(flag, completeImages)
	}
}

// bundles tells whether several images are to be put into one package.
func (f *inputFlags) bundles() bool { return len(f.pairs) > 0 || f.list != "" }

// check complains about arguments that do not fit the flags.
func (f *inputFlags) check(c *cobra.Command, args []string) error {
	switch {
	case f.all && c.Flags().Changed("platform"):
		return errAllPlatforms
	case f.bundles() && len(args) > 0:
		return errors.New("with --pair or --list, the images are given there alone")
	case f.bundles() && f.noBase:
		return errors.New("--no-base does not go with --pair or --list; write =TARGET, or a base of - in the list")
	case len(f.bases) > 0 && (f.bundles() || f.noBase):
		return errors.New("--base does not go with --pair, --list or --no-base")
	case len(f.bases) > 1 && f.all:
		return errors.New("several bases do not go with --all; make a delta for each")
	case len(f.bases) > 0 && len(args) != 1:
		return errors.New("with --base, give the TARGET image alone")
	case f.bundles() || len(f.bases) > 0:
		return nil
	case f.noBase && len(args) != 1:
		return errors.New("with --no-base, give the TARGET image alone")
	case !f.noBase && len(args) != 2:
		return errors.New("give a BASE and a TARGET image, or --no-base and a TARGET")
	}
	return nil
}

var errAllPlatforms = errors.New("--all is for every platform; leave it or --platform away")

// pair is a target, by reference, with the base it is made from.
type pair struct{ base, target, name string }

// read lists the pairs that arguments, flags and the list give.
func (f *inputFlags) read(args []string, stdin io.Reader) ([]pair, error) {
	switch {
	case len(f.bases) == 1:
		return []pair{{base: f.bases[0], target: args[0]}}, nil
	case len(args) == 1:
		return []pair{{target: args[0]}}, nil
	case len(args) == 2:
		return []pair{{base: args[0], target: args[1]}}, nil
	}
	var list []pair
	for _, p := range f.pairs {
		base, target, ok := strings.Cut(p, "=")
		if !ok || target == "" {
			return nil, usageError{fmt.Errorf("--pair %s: expected BASE=TARGET, or =TARGET for an image without a base", p)}
		}
		list = append(list, pair{base: base, target: target})
	}
	if f.list == "" {
		return list, nil
	}
	r := stdin
	if f.list != "-" {
		file, err := os.Open(f.list)
		if err != nil {
			return nil, absent(f.list, err)
		}
		defer file.Close()
		r = file
	}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		words := strings.Fields(lines.Text())
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if len(words) < 2 || len(words) > 3 {
			return nil, usageError{fmt.Errorf("%s, line %d: expected BASE TARGET [NAME], or - TARGET [NAME] for an image without a base", f.list, n)}
		}
		p := pair{base: words[0], target: words[1]}
		if p.base == "-" {
			p.base = ""
		}
		if len(words) == 3 {
			var err error
			if p.name, err = image.NormalizeName(words[2]); err != nil {
				return nil, usageError{fmt.Errorf("%s, line %d: %w", f.list, n, err)}
			}
		}
		list = append(list, p)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", f.list, err)
	}
	if len(list) == 0 {
		return nil, usageError{fmt.Errorf("%s names no image", f.list)}
	}
	return list, nil
}

// files lists where the images lie that are files.
func (f *inputFlags) files(pairs []pair) (list []string) {
	refs := slices.Clone(f.bases)
	for _, p := range pairs {
		refs = append(refs, p.base, p.target)
	}
	for _, ref := range refs {
		r, err := image.ParseReference(ref)
		if err != nil {
			continue // which opening will report
		}
		switch r.Transport {
		case image.FilePath, image.DockerArchive, image.OCIArchive:
			list = append(list, r.Path)
		}
	}
	return list
}

// keepsInputs refuses a result in the place of one of the files that it is made
// from.
func keepsInputs(output string, inputs ...string) error {
	out, err := os.Stat(output)
	if err != nil {
		return nil
	}
	for _, path := range inputs {
		if in, err := os.Stat(path); err == nil && os.SameFile(in, out) {
			return usageError{fmt.Errorf("-o %s would overwrite what the delta is made from; name another file", output)}
		}
	}
	return nil
}

// open opens every image of the pairs once. The caller closes them, also after
// an error.
func (f *inputFlags) open(ctx context.Context, pairs []pair, opt image.Options) (in delta.Input, opened closers, err error) {
	o := &opener{all: f.all, opt: opt, bases: make(map[string][]int), targets: make(map[string]bool)}
	for _, p := range pairs {
		if err := o.pair(ctx, p); err != nil {
			return in, o.opened, err
		}
	}
	if len(f.bases) > 1 {
		o.in.BaseOf = nil
		for _, ref := range f.bases {
			set, err := openImages(ctx, ref, false, opt, &o.opened)
			if err != nil {
				return in, o.opened, err
			}
			o.in.AnyOf = append(o.in.AnyOf, set.Images[0])
		}
	}
	return o.in, o.opened, nil
}

// opener gathers an Input.
type opener struct {
	all     bool // platforms
	opt     image.Options
	in      delta.Input
	bases   map[string][]int // numbers of the images of a base, by reference
	targets map[string]bool
	opened  closers
}

func (o *opener) pair(ctx context.Context, p pair) error {
	if _, ok := o.bases[p.base]; p.base != "" && !ok {
		set, err := openImages(ctx, p.base, o.all, o.opt, &o.opened)
		if err != nil {
			return err
		}
		for _, img := range set.Images {
			o.bases[p.base] = append(o.bases[p.base], len(o.in.Bases))
			o.in.Bases = append(o.in.Bases, img)
		}
	}
	if o.targets[p.target] {
		return usageError{fmt.Errorf("%s is given twice as a target", p.target)}
	}
	o.targets[p.target] = true
	set, err := openImages(ctx, p.target, o.all, o.opt, &o.opened)
	if err != nil {
		return err
	}
	if err := set.CheckComplete(); err != nil {
		return err
	}
	artifacts, err := set.Artifacts(ctx)
	if err != nil {
		return err
	}
	o.in.Artifacts = append(o.in.Artifacts, artifacts...)
	names := set.Images[0].Names()
	if p.name != "" {
		names = []string{p.name}
	}
	for _, img := range set.Images {
		o.in.Targets = append(o.in.Targets, &renamed{img, names})
		o.in.BaseOf = append(o.in.BaseOf, o.baseOf(img, o.bases[p.base]))
	}
	for i := len(set.Indexes) - 1; i >= 0; i-- { // an index after those that it names
		ix := image.NamedIndex{Index: set.Indexes[i]}
		if i == 0 {
			ix.Names = names
		}
		o.in.Indexes = append(o.in.Indexes, ix)
	}
	return nil
}

// baseOf chooses a target's own base: the one of its platform, or the only one.
func (o *opener) baseOf(target image.Image, bases []int) int {
	for _, i := range bases {
		if len(bases) == 1 || image.FormatPlatform(o.in.Bases[i].Platform()) == image.FormatPlatform(target.Platform()) {
			return i
		}
	}
	return -1
}

// openImages opens the image of one platform, or of all.
func openImages(ctx context.Context, ref string, all bool, opt image.Options, opened *closers) (*image.Set, error) {
	if all {
		set, err := image.OpenAll(ctx, ref, opt)
		if err == nil {
			*opened = append(*opened, set)
		}
		return set, err
	}
	img, err := image.Open(ctx, ref, opt)
	if err != nil {
		return nil, err
	}
	*opened = append(*opened, img)
	return &image.Set{Images: []image.Source{img}}, nil
}

// renamed is an image under other names.
type renamed struct {
	image.Image
	names []string
}

func (r *renamed) Names() []string { return r.names }

// closers are closed together.
type closers []io.Closer

func (c closers) Close() {
	for _, one := range c {
		one.Close()
	}
}
