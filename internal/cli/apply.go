package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/image"
)

func (a *app) apply() *cobra.Command {
	var (
		images imageFlags
		trust  trustFlags
		bases  []string
		chosen []string
		to     string
		tags   []string
		thin   bool
		all    bool
	)
	c := &cobra.Command{
		Use:   "apply DELTA",
		Short: "Rebuild the target image from the base and a delta",
		Long: `Rebuild the target image and store it.

Without --base, the base is looked for in the docker daemon by what the delta
says of it. Without --to, the result is loaded into the docker daemon and tagged
with --tag, else with the target's own names as the delta records them.

Of a package with several images, all are rebuilt, or those that --image names.
The bases that they need must be here: give --base several times, or let them be
found in the daemon. An archive or OCI layout then holds all of the images; of a
registry, give the repository that theirs are put below.

Of a package with several platforms of an image, that of this machine or of
--platform is rebuilt, or with --all every one, and the index with its digest. An
OCI layout, an oci-archive, a registry or a daemon with the containerd store can
keep them.

DELTA may be - for the standard input.

With --key, or where a policy asks for it, the delta must be signed: see sign.`,
		Example: `  docker-delta apply app.delta
  docker-delta apply app.delta --tag app:latest
  docker-delta apply app.delta --base app-v1.tar --to oci-archive:app-v2.tar
  docker-delta apply app.delta --key release.pub
  docker-delta apply site.delta --image web:v5
  docker-delta apply site.delta --to docker://registry.example/site`,
		Args:              exactly("one DELTA"),
		ValidArgsFunction: cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault),
		RunE: func(cmd *cobra.Command, args []string) error {
			a.applyInLittle()
			ctx := cmd.Context()
			if err := checkResult(to, tags); err != nil {
				return err
			}
			if err := stdinOnce(slices.Concat(bases, args)...); err != nil {
				return usageError{err}
			}
			opt, err := a.imageOptions(&images)
			if err != nil {
				return err
			}
			d, err := a.openSigned(ctx, args[0], &trust)
			if p := a.ociDelta(ctx, args[0], opt, err); p != nil {
				defer p.Close()
				if all || len(chosen) > 0 {
					return usageError{errOneImage}
				}
				return a.applyOCIDelta(ctx, p, &trust, bases, to, image.WriteOptions{Options: opt, Names: tags, Thin: thin, Stdout: a.ui.out})
			}
			if err != nil {
				return err
			}
			defer d.Close()
			if err := d.Allows(resultNames(to, tags)...); err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			ropt, err := a.chooseTargets(d, chosen, all, opt)
			if err != nil {
				return err
			}
			ropt.Names = resultNames(to, tags)
			held, opened, err := a.openBases(ctx, d, bases, ropt, opt)
			defer opened.Close()
			if err != nil {
				return err
			}
			set, err := d.RebuildSet(ctx, delta.Together(held...), ropt)
			if err != nil {
				return ofDelta(args[0], err)
			}
			defer set.Close()
			if err := set.CheckExact(); err != nil {
				return fmt.Errorf("%w; make the delta with --exact=require, or choose a platform", err)
			}
			out, err := toWrite(set, tags)
			if err != nil {
				return err
			}
			wopt := image.WriteOptions{Options: opt, Thin: thin, Stdout: a.ui.out}
			if len(bases) == 0 {
				wopt.InDaemon = held
			}
			return ofDelta(args[0], a.storeApplied(ctx, to, out, wopt))
		},
	}
	images.register(c)
	trust.registerFile(c)
	c.Flags().StringArrayVarP(&bases, "base", "b", nil, "the base image (may be repeated; default: found in the docker daemon)")
	c.Flags().StringArrayVar(&chosen, "image", nil, "of several images in the package, the one of this name or image ID (may be repeated; default: all)")
	c.Flags().StringVar(&to, "to", "", "where to write the target, in place of a file that is there (default: the docker daemon)")
	c.Flags().StringArrayVarP(&tags, "tag", "t", nil, "name for the target (may be repeated; default: the names in the delta)")
	c.Flags().BoolVar(&thin, "thin", true, "do not send layers that the daemon already has")
	c.Flags().BoolVar(&all, "all", false, "rebuild all platforms that the package has, and the index that names them")
	for _, flag := range []string{"base", "to"} {
		_ = c.RegisterFlagCompletionFunc(flag, completeImages)
	}
	return c
}

// storeApplied stores rebuilt images, in the docker daemon if to is empty.
func (a *app) storeApplied(ctx context.Context, to string, out image.Images, opt image.WriteOptions) error {
	a.ui.progress(delta.Progress{Stage: "write"})
	var res []image.Result
	var err error
	if to == "" {
		res, err = image.LoadSet(ctx, out, opt)
	} else {
		res, err = image.WriteSet(ctx, to, out, opt)
	}
	if err != nil {
		return err
	}
	return a.reportApplied(to, out, res)
}

// chooseTargets says which of the targets are to be rebuilt: those that are
// named, of the wanted platform where that is asked for or there is one target
// for each.
func (a *app) chooseTargets(d *delta.Delta, named []string, all bool, opt image.Options) (delta.RebuildOptions, error) {
	if all && opt.Platform != nil {
		return delta.RebuildOptions{}, usageError{errAllPlatforms}
	}
	ropt := delta.RebuildOptions{Resources: a.resources(), Images: named, Indexes: all}
	c := d.Config()
	oneOfEach := len(c.Targets) == 1 || slices.Contains(c.Requires, format.FeatureBundle) && len(c.Indexes) == 0
	if all || opt.Platform == nil && oneOfEach {
		return ropt, nil
	}
	p, err := opt.WantedPlatform()
	ropt.Platform = image.FormatPlatform(p)
	return ropt, err
}

// toWrite gives rebuilt images the names under which they are stored.
func toWrite(set *delta.RebuiltSet, tags []string) (out image.Images, err error) {
	entries := 0
	names := func(own []string) []string {
		entries++
		if len(tags) > 0 {
			return tags
		}
		return own
	}
	out.Indexes = set.Indexes
	inner := make(map[digest.Digest]bool)
	for i := range out.Indexes {
		for _, d := range out.Indexes[i].Manifests {
			inner[d.Digest] = true
		}
		if len(out.Indexes[i].Names) > 0 {
			out.Indexes[i].Names = names(out.Indexes[i].Names)
		}
	}
	for _, img := range set.Images {
		n := image.Named{Image: img}
		if raw, _ := img.Manifest(); raw == nil || !inner[digest.FromBytes(raw)] {
			n.Names = names(img.Names())
		}
		out.Images = append(out.Images, n)
	}
	for _, img := range set.Artifacts {
		out.Images = append(out.Images, image.Named{Image: img})
	}
	if len(tags) > 0 && entries > 1 {
		return out, usageError{errors.New("--tag names one image; choose one of several with --image")}
	}
	return out, nil
}

// reportApplied tells where the images now are.
func (a *app) reportApplied(to string, out image.Images, res []image.Result) error {
	if isStdout(to) {
		return nil
	}
	if to != "" {
		if err := a.ui.result("%s", to); err != nil {
			return err
		}
	}
	names := func(names []string, id digest.Digest) error {
		switch {
		case to == "" && len(names) == 0:
			return a.ui.result("%s", id)
		case to == "":
			return a.ui.result("%s", strings.Join(names, "\n"))
		case len(names) > 0:
			a.ui.say("named %s", strings.Join(names, ", "))
		}
		return nil
	}
	inner := make(map[digest.Digest]bool)
	for _, ix := range out.Indexes {
		for _, d := range ix.Manifests {
			inner[d.Digest] = true
		}
	}
	for i, img := range out.Images {
		r := res[i]
		if raw, _ := img.Manifest(); raw != nil && r.Form == image.Exact && !r.Original {
			a.ui.warn("the destination keeps another manifest than the target had: %s", r.Manifest.Digest)
		}
		if inner[r.Manifest.Digest] {
			if p := img.Platform(); p.OS != "" {
				a.ui.say("%s: image ID %s, manifest %s, as the target had it", image.FormatPlatform(p), r.ImageID, r.Manifest.Digest)
			}
			continue
		}
		if err := names(r.Names, r.ImageID); err != nil {
			return err
		}
		a.ui.say("image ID %s", r.ImageID)
		if r.Original {
			a.ui.say("manifest %s, as the target had it", r.Manifest.Digest)
		}
	}
	for _, ix := range out.Indexes {
		if !inner[ix.Descriptor.Digest] {
			if err := names(ix.Names, ix.Descriptor.Digest); err != nil {
				return err
			}
			a.ui.say("index %s, as the target had it", ix.Descriptor.Digest)
		}
	}
	return nil
}
