package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/internal/tempfile"
)

func (a *app) compose() *cobra.Command {
	var (
		images imageFlags
		trust  trustFlags
		sign   signFlags
		level  levelFlag
		exact  exactFlag
		bases  []string
		output string
	)
	c := &cobra.Command{
		Use:   "compose DELTA DELTA... -o FILE",
		Short: "Join deltas, each made from the result of the one before",
		Long: `Join deltas of consecutive versions into one that goes from the first version to
the last, without any of the images. The result applies in one command; what only
the versions between need is left out. It is about as large as the deltas together.

With --base, an image that the first delta applies to, the last version is rebuilt
in temporary files, and the delta to it is made anew, which is the smallest.`,
		Example: `  docker-delta compose v1-v2.delta v2-v3.delta -o v1-v3.delta
  docker-delta compose v1-v2.delta v2-v3.delta --base app:v1 -o v1-v3.delta`,
		Args: func(c *cobra.Command, args []string) error {
			switch {
			case len(args) < 2:
				return errors.New("give two DELTAs or more, in the order of the versions")
			case output == "":
				return errors.New("name the file to write with -o FILE, - for the standard output")
			case len(bases) == 0 && (c.Flags().Changed("level") || c.Flags().Changed("exact")):
				return errors.New("--level and --exact are of use with --base: without, nothing is made anew")
			}
			return nil
		},
		ValidArgsFunction: cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if err := sign.load(a, output); err != nil {
				return err
			}
			var opened closers
			defer func() { opened.Close() }()
			var deltas []*delta.Delta
			for _, path := range args {
				d, err := a.openSigned(ctx, path, &trust)
				if err != nil {
					return err
				}
				opened = append(opened, d)
				if err := d.Allows(); err != nil {
					return fmt.Errorf("%s: %w", path, err)
				}
				deltas = append(deltas, d)
			}
			a.createInMuch()
			join := func(w io.Writer) (*delta.Created, error) {
				return delta.Compose(ctx, w, deltas, delta.ComposeOptions{Resources: a.resources(), Level: level.level})
			}
			if len(bases) > 0 {
				opt, err := a.imageOptions(&images)
				if err != nil {
					return err
				}
				joined := join
				join = func(w io.Writer) (*delta.Created, error) {
					return a.composeAnew(ctx, w, joined, bases, opt, delta.CreateOptions{Resources: a.resources(), Level: level.level, Exact: exact.exact})
				}
			}
			var made *delta.Created
			err := a.writeSigned(output, &sign, func(w io.Writer) (err error) {
				made, err = join(w)
				return err
			})
			if err != nil {
				return err
			}
			return a.reportCreated(ctx, output, made)
		},
	}
	images.register(c)
	trust.register(c)
	sign.registerFile(c)
	level.register(c)
	c.Flags().Var(&exact, "exact", "with --base, rebuild compressed layers bit for bit: auto, require or off")
	c.Flags().StringArrayVarP(&bases, "base", "b", nil, "an image that the first delta applies to (may be repeated)")
	c.Flags().StringVarP(&output, "output", "o", "", "file to write, in place of one that is there; - for the standard output")
	_ = c.RegisterFlagCompletionFunc("base", completeImages)
	_ = c.RegisterFlagCompletionFunc("exact", fixed("auto", "require", "off"))
	return c
}

// composeAnew rebuilds what the joined delta gives from the bases, and makes the
// delta from there directly.
func (a *app) composeAnew(ctx context.Context, w io.Writer, join func(io.Writer) (*delta.Created, error), refs []string, opt image.Options, copt delta.CreateOptions) (*delta.Created, error) {
	dir, err := tempfile.MakeDir(a.flags.tempDir, 0o700)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	path := filepath.Join(dir.Path, "joined.delta")
	if err := a.writeFile(path, func(w io.Writer) error { _, err := join(w); return err }); err != nil {
		return nil, err
	}
	d, err := delta.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	ropt := delta.RebuildOptions{Resources: a.resources(), Indexes: len(d.Config().Indexes) > 0}
	held, opened, err := a.openBases(ctx, d, refs, ropt, opt)
	defer opened.Close()
	if err != nil {
		return nil, err
	}
	set, err := d.RebuildSet(ctx, delta.Together(held...), ropt)
	if err != nil {
		return nil, err
	}
	defer set.Close()
	if err := set.CheckExact(); err != nil {
		return nil, err
	}
	for i, img := range set.Images {
		if raw, _ := img.Manifest(); raw == nil && d.Config().Targets[i].Manifest != nil {
			a.ui.warn("the deltas do not give the manifest of %s exactly, so it is not in the result", describeImage(img))
		}
	}
	in := delta.Input{Bases: held, Targets: set.Images, Artifacts: set.Artifacts, Indexes: set.Indexes}
	return delta.Create(ctx, w, in, copt)
}

func describeImage(img image.Image) string {
	if names := img.Names(); len(names) > 0 {
		return names[0]
	}
	return digest.FromBytes(img.Config()).String()
}
