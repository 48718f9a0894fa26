package cli

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
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
		base   string
		to     string
		tags   []string
		thin   bool
	)
	c := &cobra.Command{
		Use:   "apply DELTA",
		Short: "Rebuild the target image from the base and a delta",
		Long: `Rebuild the target image and store it.

Without --base, the base is looked for in the docker daemon by what the delta
says of it. Without --to, the result is loaded into the docker daemon and tagged
with --tag, else with the target's own names as the delta records them.

DELTA may be - for the standard input.

With --key, or where a policy asks for it, the delta must be signed: see sign.`,
		Example: `  docker-delta apply app.delta
  docker-delta apply app.delta --tag app:latest
  docker-delta apply app.delta --base app-v1.tar --to oci-archive:app-v2.tar
  docker-delta apply app.delta --key release.pub`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault),
		RunE: func(cmd *cobra.Command, args []string) error {
			debug.SetGCPercent(50) // hosts that apply are often small
			ctx := cmd.Context()
			d, err := a.openSigned(ctx, args[0], &trust)
			if err != nil {
				return err
			}
			defer d.Close()
			opt, err := a.imageOptions(&images)
			if err != nil {
				return err
			}
			if err := d.Allows(resultNames(to, tags)...); err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			baseImage, err := a.openBase(ctx, d, base, opt)
			if err != nil {
				return err
			}
			if baseImage != nil {
				defer baseImage.Close()
			}
			platform, err := targetPlatform(d, opt)
			if err != nil {
				return err
			}
			img, err := d.Rebuild(ctx, baseImageOrNil(baseImage), delta.RebuildOptions{Resources: a.resources(), Platform: platform, Names: resultNames(to, tags)})
			if err != nil {
				return err
			}
			defer img.Close()
			names := tags
			if len(names) == 0 {
				names = img.Names()
			}
			wopt := image.WriteOptions{Options: opt, Names: names, Thin: thin}
			if baseImage != nil && base == "" {
				wopt.InDaemon = []image.Image{baseImage}
			}
			a.ui.progress(delta.Progress{Stage: "write"})
			var res image.Result
			if to == "" {
				res, err = image.Load(ctx, img, wopt)
			} else {
				res, err = image.Write(ctx, to, img, wopt)
			}
			if err != nil {
				return err
			}
			return a.reportApplied(to, img, res)
		},
	}
	images.register(c)
	trust.registerFile(c)
	c.Flags().StringVarP(&base, "base", "b", "", "the base image (default: found in the docker daemon)")
	c.Flags().StringVar(&to, "to", "", "where to write the target (default: the docker daemon)")
	c.Flags().StringArrayVarP(&tags, "tag", "t", nil, "name for the target (may be repeated; default: the names in the delta)")
	c.Flags().BoolVar(&thin, "thin", true, "do not send layers that the daemon already has")
	for _, flag := range []string{"base", "to"} {
		_ = c.RegisterFlagCompletionFunc(flag, completeImages)
	}
	return c
}

func baseImageOrNil(s image.Source) image.Image {
	if s == nil {
		return nil
	}
	return s
}

// targetPlatform chooses the target where a delta holds several.
func targetPlatform(d *delta.Delta, opt image.Options) (string, error) {
	if opt.Platform == nil && len(d.Config().Targets) == 1 {
		return "", nil
	}
	p, err := opt.WantedPlatform()
	return image.FormatPlatform(p), err
}

// openBase opens the image that --base names, else looks into the daemon; nil
// is for a delta that needs none.
func (a *app) openBase(ctx context.Context, d *delta.Delta, ref string, opt image.Options) (image.Source, error) {
	bases := d.Config().Bases
	if len(bases) > 0 && opt.Platform == nil && bases[0].Platform != "" {
		if p, err := image.ParsePlatform(bases[0].Platform); err == nil {
			opt.Platform = &p
		}
	}
	if ref != "" {
		img, err := image.Open(ctx, ref, opt)
		if errors.Is(err, image.ErrNotFound) {
			err = fmt.Errorf("%w: %w", delta.ErrBase, err)
		}
		return img, err
	}
	if len(bases) == 0 {
		return nil, nil
	}
	daemon, err := image.Connect(ctx, opt)
	if err != nil {
		return nil, fmt.Errorf("looking for the base, %s: %w; or give it with --base", baseName(bases[0]), err)
	}
	defer daemon.Close()
	var tried error
	for _, b := range bases {
		found, err := daemon.FindBase(ctx, image.Want{IDs: []digest.Digest{b.ID}, DiffIDs: b.DiffIDs, Names: b.Names})
		if errors.Is(err, image.ErrNotFound) {
			tried = err
			continue
		}
		if err != nil {
			return nil, err
		}
		a.ui.say("base: %s", strings.Join(append(found.Names, found.ID.String()), " "))
		return image.Open(ctx, found.Ref(), opt)
	}
	return nil, fmt.Errorf("%w: the docker daemon does not have %s: %w; give the base with --base", delta.ErrBase, baseName(bases[0]), tried)
}

func baseName(b format.Base) string {
	if len(b.Names) > 0 {
		return b.Names[0]
	}
	return b.ID.String()
}

// reportApplied tells where the image now is.
func (a *app) reportApplied(to string, img *delta.Rebuilt, res image.Result) error {
	if raw, _ := img.Manifest(); raw != nil && res.Form == image.Exact && !res.Original {
		a.ui.warn("the destination keeps another manifest than the target had: %s", res.Manifest.Digest)
	}
	if to == "-" {
		return nil
	}
	switch {
	case to != "":
		if err := a.ui.result("%s", to); err != nil {
			return err
		}
		if len(res.Names) > 0 {
			a.ui.say("named %s", strings.Join(res.Names, " "))
		}
	case len(res.Names) == 0:
		if err := a.ui.result("%s", res.ImageID); err != nil {
			return err
		}
	default:
		if err := a.ui.result("%s", strings.Join(res.Names, "\n")); err != nil {
			return err
		}
	}
	a.ui.say("image ID %s", res.ImageID)
	if res.Original {
		a.ui.say("manifest %s, as the target had it", res.Manifest.Digest)
	}
	return nil
}
