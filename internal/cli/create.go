package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/internal/atomicfile"
)

// createMemory is where the garbage collector starts to work harder, in bytes.
const createMemory = 1 << 30

func (a *app) create() *cobra.Command {
	var (
		images registryFlags
		level  levelFlag
		exact  exactFlag
		sign   signFlags
		output string
		push   string
		noBase bool
		tags   []string
	)
	c := &cobra.Command{
		Use:   "create BASE TARGET -o FILE",
		Short: "Write the delta that turns the base image into the target image",
		Long: `Write the delta that turns BASE, an image that the receiver has, into TARGET.

With --no-base the package stands alone: it holds the whole target, well
compressed. The target's names are recorded, so that apply can tag the result;
--tag records others.`,
		Example: `  docker-delta create app:v1 app:v2 -o app.delta
  docker-delta create app-v1.tar docker://registry.example/app:v2 -o app.delta
  docker-delta create --no-base app:v2 -o app.delta
  docker-delta create app:v1 app:v2 -o app.delta --sign-key release.key
  docker-delta create docker://registry.example/app:v1 docker://registry.example/app:v2 --push registry.example/app`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case noBase && len(args) != 1:
				return errors.New("with --no-base, give the TARGET image alone")
			case !noBase && len(args) != 2:
				return errors.New("give a BASE and a TARGET image, or --no-base and a TARGET")
			case output == "" && push == "":
				return errors.New("name the file to write with -o FILE (- for the standard output), or a repository with --push")
			}
			return nil
		},
		ValidArgsFunction: completeImages,
		RunE: func(cmd *cobra.Command, args []string) error {
			debug.SetMemoryLimit(createMemory)
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
			var in delta.Input
			for i, ref := range args {
				img, err := image.Open(ctx, ref, opt)
				if err != nil {
					return err
				}
				defer img.Close()
				if i == len(args)-1 {
					in.Targets = append(in.Targets, img)
				} else {
					in.Bases = append(in.Bases, img)
				}
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
	c.Flags().StringVarP(&output, "output", "o", "", "file to write, - for the standard output")
	c.Flags().StringVar(&push, "push", "", "repository[:tag] in a registry to store the delta in, see push")
	c.Flags().BoolVar(&noBase, "no-base", false, "make a package that needs no base")
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
	a.ui.say("%s: %s, %.2f%% of %s (%s)", output, size(made.Size), 100*float64(made.Size)/float64(max(whole, 1)), what, size(whole))
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
