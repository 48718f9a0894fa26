package cli

import (
	"github.com/spf13/cobra"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/image"
)

func (a *app) verify() *cobra.Command {
	var (
		images imageFlags
		trust  trustFlags
		bases  []string
		chosen []string
	)
	c := &cobra.Command{
		Use:   "verify DELTA",
		Short: "Check a delta, and with its base, that the target comes back",
		Long: `Check the structure of a delta and the digest of every part of it. With --base,
rebuild the whole target to nowhere, and check every layer and blob of it. With
--key, or where a policy asks for it, the delta must be signed: see sign.`,
		Example: `  docker-delta verify app.delta
  docker-delta verify app.delta --base app:v1
  docker-delta verify app.delta --key release.pub`,
		Args:              exactly("one DELTA"),
		ValidArgsFunction: cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			opt, err := a.imageOptions(&images)
			if err != nil {
				return err
			}
			d, err := a.openSigned(ctx, args[0], &trust)
			if p := a.ociDelta(ctx, args[0], opt, err); p != nil {
				defer p.Close()
				if len(chosen) > 0 {
					return usageError{errOneImage}
				}
				return a.verifyOCIDelta(ctx, p, &trust, bases, opt)
			}
			if err != nil {
				return err
			}
			defer d.Close()
			ropt := delta.RebuildOptions{Resources: a.resources(), Images: chosen}
			if images.platform != "" {
				ropt.Platform = image.FormatPlatform(*opt.Platform)
			} else {
				ropt.Indexes = len(d.Config().Indexes) > 0
			}
			var held []image.Image
			if len(bases) > 0 {
				var opened closers
				held, opened, err = a.openBases(ctx, d, bases, ropt, opt)
				defer opened.Close()
				if err != nil {
					return err
				}
			}
			if err := d.Verify(ctx, delta.Together(held...), ropt); err != nil {
				return ofDelta(args[0], err)
			}
			if len(held) == 0 && !d.StandsAlone() {
				return a.ui.result("the delta is sound; give --base to prove that the target comes back")
			}
			return a.ui.result("the delta is sound, and the target comes back")
		},
	}
	images.register(c)
	trust.registerFile(c)
	c.Flags().StringArrayVarP(&bases, "base", "b", nil, "the base image (may be repeated)")
	c.Flags().StringArrayVar(&chosen, "image", nil, "of several images in the package, the one of this name or image ID (may be repeated; default: all)")
	_ = c.RegisterFlagCompletionFunc("base", completeImages)
	return c
}
