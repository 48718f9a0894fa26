package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/docker-delta/docker-delta/update"
)

func (a *app) pull() *cobra.Command {
	var (
		flags  registryFlags
		trust  trustFlags
		opt    update.Options
		dryRun bool
	)
	c := &cobra.Command{
		Use:   "pull IMAGE",
		Short: "Bring an image here by the cheapest way, deltas if there are any",
		Long: `Bring IMAGE, a name in a registry, into the docker daemon or to --to, by what costs
the fewest bytes: nothing if it is there, a delta from an image that the host has,
a chain of deltas, or a plain pull of the layers that the host lacks. The result
is verified and tagged; it is the registry's image, also when it came by deltas.

The images that the host has are those in the docker daemon, or the ones given
with --base. When a delta fails, the image is pulled plainly, with a warning;
--no-fallback makes that an error.

With --key, or where a policy asks for it, only signed deltas are used, and the
image is never pulled plainly: see publish --sign-key.`,
		Example: `  docker-delta pull registry.example/app:v3
  docker-delta pull registry.example/app:v3 --dry-run
  docker-delta pull registry.example/app:v3 --key release.pub
  docker-delta pull registry.example/app:v3 --base app-v1.tar --to oci-archive:app-v3.tar`,
		Args: exactly("one IMAGE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			var err error
			if opt.Registry, err = a.registryOptions(&flags); err != nil {
				return err
			}
			if err := checkResult(opt.To, opt.Names); err != nil {
				return err
			}
			if isStdout(opt.To) {
				return usageError{fmt.Errorf("--to %s: name a file", opt.To)}
			}
			if opt.Trust, err = trust.trust(); err != nil {
				return err
			}
			opt.Resources, opt.Warnf = a.resources(), a.ui.warn
			plan, err := update.Find(ctx, args[0], opt)
			if err != nil {
				return err
			}
			defer plan.Close()
			if dryRun {
				return a.showPlan(plan, a.ui.result)
			}
			_ = a.showPlan(plan, func(format string, args ...any) error {
				a.ui.say(format, args...)
				return nil
			})
			res, err := plan.Run(ctx)
			if err != nil {
				return err
			}
			return a.reportPulled(plan, res)
		},
	}
	flags.register(c)
	trust.register(c)
	c.Flags().StringVar(&opt.To, "to", "", "where to write the image, in place of a file that is there (default: the docker daemon)")
	c.Flags().StringArrayVarP(&opt.Bases, "base", "b", nil, "an image that is here (may be repeated; default: those in the docker daemon)")
	c.Flags().StringArrayVarP(&opt.Names, "tag", "t", nil, "another name for the image (may be repeated)")
	c.Flags().StringVar(&opt.Deltas, "deltas", "", "repository with the deltas (default: that of the image)")
	c.Flags().StringVar(&opt.Downloads, "downloads", "", "directory that keeps deltas until the image is here, so that an interrupted pull goes on where it stopped")
	_ = c.MarkFlagDirname("downloads")
	c.Flags().BoolVar(&opt.NoFallback, "no-fallback", false, "fail if a delta fails, in place of a plain pull")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be done, and what it costs")
	for _, flag := range []string{"base", "to"} {
		_ = c.RegisterFlagCompletionFunc(flag, completeImages)
	}
	return c
}

// showPlan prints what will be done; it is the result of a dry run.
func (a *app) showPlan(p *update.Plan, print func(string, ...any) error) error {
	a.ui.done()
	switch p.Way {
	case update.Nothing:
		return print("plan: nothing to fetch, %s is here", short(p.ID.String()))
	case update.Full:
		return print("plan: pull %s of layers, of %s in all", size(p.Cost), size(p.Whole))
	}
	from, word := p.Base, "delta"
	if from == "" {
		from = "nothing"
	}
	if len(p.Steps) > 1 {
		word = "deltas"
	}
	if err := print("plan: %d %s from %s, %s; a plain pull takes %s", len(p.Steps), word, from, size(p.Cost), size(p.FullCost)); err != nil {
		return err
	}
	for _, e := range p.Steps {
		if err := print("  %s, %s", e.Manifest.Digest, size(e.Size)); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) reportPulled(p *update.Plan, res *update.Result) error {
	a.ui.done()
	a.ui.say("image ID %s", res.ImageID)
	switch {
	case res.Way == update.Nothing:
		a.ui.say("%s fetched; the image was here", size(res.Fetched))
	default:
		a.ui.say("%s fetched, where a plain pull takes %s", size(res.Fetched), size(p.PlainPull()))
	}
	return a.ui.result("%s@%s", p.Repository(), p.Manifest.Digest)
}
