package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/internal/atomicfile"
)

func (a *app) create() *cobra.Command {
	var (
		images registryFlags
		level  levelFlag
		exact  exactFlag
		sign   signFlags
		output string
		push   string
		inputs inputFlags
		tags   []string
		format string
	)
	c := &cobra.Command{
		Use:   "create BASE TARGET -o FILE",
		Short: "Write the delta that turns the base image into the target image",
		Long: `Write the delta that turns BASE, an image that the receiver has, into TARGET.

With --format oci-delta the package is one for containers/oci-delta, which updates
bootc hosts. It is larger, and compressed layers do not come back bit for bit.

With --no-base the package stands alone: it holds the whole target, well
compressed. The target's names are recorded, so that apply can tag the result;
--tag records others.

With --base, given several times, the receiver has any one of these images; which, is
not known. What it takes to get from each to the target is stored once where it is
the same.

With --pair or --list, several images go into one package, and what they have in
common is stored once. The receiver should have all the bases: a target may copy
from the base of another.

With --all, the package has all platforms of the target, and the index that names
them, whose digest comes back with apply --all.`,
		Example: `  docker-delta create app:v1 app:v2 -o app.delta
  docker-delta create app-v1.tar docker://registry.example/app:v2 -o app.delta
  docker-delta create --no-base app:v2 -o app.delta
  docker-delta create --base app:v1 --base app:v2 app:v3 -o app.delta
  docker-delta create --pair app:v1=app:v2 --pair web:v4=web:v5 --pair =new:v1 -o site.delta
  docker-delta create --all docker://registry.example/app:v1 docker://registry.example/app:v2 -o app.delta
  docker-delta create app:v1 app:v2 -o app.delta --sign-key release.key
  docker-delta create docker://registry.example/app:v1 docker://registry.example/app:v2 --push registry.example/app`,
		Args: func(c *cobra.Command, args []string) error {
			if err := inputs.check(c, args); err != nil {
				return err
			}
			if err := checkFormat(c, format); err != nil {
				return err
			}
			if err := stdinOnce(slices.Concat(args, inputs.bases)...); err != nil {
				return err
			}
			if output == "" && push == "" {
				return errors.New("name the file to write with -o FILE (- for the standard output), or a repository with --push")
			}
			if inputs.bundles() && len(tags) > 0 {
				return errors.New("--tag names one target; with several, name them in the --list")
			}
			return nil
		},
		ValidArgsFunction: completeImages,
		RunE: func(cmd *cobra.Command, args []string) error {
			a.createInMuch()
			remote, err := a.registryOptions(&images)
			if err != nil {
				return err
			}
			load := sign.loadKey
			if output != "" {
				load = func(a *app) error { return sign.load(a, output) }
			}
			if err := load(a); err != nil {
				return err
			}
			opt := remote.Options
			ctx := cmd.Context()
			pairs, err := inputs.read(args, a.stdin)
			if err != nil {
				return err
			}
			if err := keepsInputs(output, inputs.files(pairs)...); err != nil {
				return err
			}
			in, opened, err := inputs.open(ctx, pairs, opt)
			defer opened.Close()
			if err != nil {
				return err
			}
			for _, t := range in.Targets {
				if inputs.bundles() && len(t.Names()) == 0 {
					a.ui.warn("image %s has no name, so it can be chosen by its ID only, and apply cannot tag it; give it a name in the --list", digest.FromBytes(t.Config()))
				}
			}
			if format == ociDeltaFormat {
				return a.createOCIDelta(ctx, output, in.Bases[0], in.Targets[0], &sign)
			}
			var names []string
			for _, t := range tags {
				name, err := image.NormalizeName(t)
				if err != nil {
					return usageError{fmt.Errorf("--tag %s: %w", t, err)}
				}
				names = append(names, name)
			}
			create := func(w io.Writer) (*delta.Created, error) {
				return delta.Create(ctx, w, in, delta.CreateOptions{Resources: a.resources(), Level: level.level, Exact: exact.exact, Names: names})
			}
			if push != "" {
				return a.createAndPush(ctx, output, push, &sign, remote, create)
			}
			var made *delta.Created
			err = a.writeSigned(output, &sign, func(w io.Writer) error {
				made, err = create(w)
				return err
			})
			if err != nil {
				return err
			}
			return a.reportCreated(ctx, output, made)
		},
	}
	images.register(c)
	level.register(c)
	sign.registerFile(c)
	c.Flags().StringVarP(&output, "output", "o", "", "file to write, in place of one that is there; - for the standard output")
	c.Flags().StringVar(&format, "format", ownFormat, "format of the package: docker-delta or oci-delta")
	_ = c.RegisterFlagCompletionFunc("format", fixed(ownFormat, ociDeltaFormat))
	c.Flags().StringVar(&push, "push", "", "repository[:tag] in a registry to store the delta in, see push")
	inputs.register(c)
	c.Flags().StringArrayVarP(&tags, "tag", "t", nil, "name to record for the target (may be repeated; default: the names it has)")
	c.Flags().Var(&exact, "exact", "rebuild compressed layers bit for bit: auto, require or off")
	_ = c.RegisterFlagCompletionFunc("exact", fixed("auto", "require", "off"))
	return c
}

func (a *app) reportCreated(_ context.Context, output string, made *delta.Created) error {
	for _, why := range made.Inexact {
		a.ui.warn("a compressed layer will not come back bit for bit, so the manifest digest will change: %s", why)
	}
	plain, blobs := int64(0), int64(0)
	for _, l := range made.Config.Layers {
		plain += l.Size
		if len(l.Blobs) > 0 {
			blobs += l.Blobs[0].Size
		}
	}
	whole, what := plain, "the image's layers"
	if blobs > 0 {
		whole, what = blobs, "the image's compressed layers"
	}
	if output == "-" {
		output = "delta"
	}
	a.ui.say("%s: %s, %.2f%% of %s (%s)", output, size(made.Size), percent(made.Size, whole), what, size(whole))
	return nil
}

// writeFile makes a file visible when it is whole; "-" is the standard output,
// refused if that is a terminal.
func (a *app) writeFile(path string, write func(io.Writer) error) error {
	if path == "-" {
		if f, ok := a.ui.out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
			return usageError{errors.New("a delta is no text for a terminal; redirect the standard output or name a file with -o")}
		}
		w := bufio.NewWriterSize(a.ui.out, 1<<20)
		if err := write(w); err != nil {
			return err
		}
		return w.Flush()
	}
	f, err := atomicfile.Create(path)
	if err != nil {
		return err
	}
	defer f.Abort()
	w := bufio.NewWriterSize(f, 1<<20)
	if err := write(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return f.Commit()
}
