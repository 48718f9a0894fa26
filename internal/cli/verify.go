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
		base   string
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
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault),
		RunE: func(cmd *cobra.Command, args []string) error {
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
			var img image.Source
			if base != "" {
				if img, err = a.openBase(ctx, d, base, opt); err != nil {
					return err
				}
				defer img.Close()
			}
			ropt := delta.RebuildOptions{Resources: a.resources()}
			if images.platform != "" {
				ropt.Platform = image.FormatPlatform(*opt.Platform)
			}
			if err := d.Verify(ctx, baseImageOrNil(img), ropt); err != nil {
				return err
			}
			if img == nil && len(d.Config().Bases) > 0 {
				return a.ui.result("the delta is sound; give --base to prove that the target comes back")
			}
			return a.ui.result("the delta is sound, and the target comes back")
		},
	}
	images.register(c)
	trust.registerFile(c)
	c.Flags().StringVarP(&base, "base", "b", "", "the base image")
	_ = c.RegisterFlagCompletionFunc("base", completeImages)
	return c
}
