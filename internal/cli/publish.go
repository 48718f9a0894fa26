package cli

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/update"
)

func (a *app) publish() *cobra.Command {
	var (
		flags  registryFlags
		level  levelFlag
		sign   signFlags
		opt    update.PublishOptions
		share  float64
		format string
	)
	c := &cobra.Command{
		Use:   "publish IMAGE --from TAG | --last N",
		Short: "Make and push the deltas from earlier versions of an image",
		Long: `Make the deltas from earlier versions of IMAGE, a name in a registry, and push them
beside it. It is meant for release pipelines and may be repeated: deltas that are
there are passed over, and so are those that do not pay.

--last N takes the N versions before that of IMAGE, in the order of the version
numbers in their tags, which must be of one kind: v1.9 comes before v1.10, but
v1.9-rc1 and v1 are of other kinds.`,
		Example: `  docker-delta publish registry.example/app:v1.4.0 --last 3
  docker-delta publish registry.example/app:v1.4.0 --last 3 --sign-key release.key
  docker-delta publish registry.example/app:latest --from v1.2.0 --from v1.3.0 --all`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := exactly("one IMAGE")(cmd, args); err != nil {
				return err
			}
			switch {
			case len(opt.From) == 0 && opt.Last == 0:
				return errors.New("say from which versions: --from TAG or --last N")
			case opt.Last < 0:
				return fmt.Errorf("--last %d: give a number of versions", opt.Last)
			case share <= 0 || share > 1000:
				return fmt.Errorf("--max-percent %g: give the percentage of a plain pull from which a delta does not pay", share)
			case format != "text" && format != "json":
				return fmt.Errorf("--format %s: choose text or json", format)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if opt.Registry, err = a.registryOptions(&flags); err != nil {
				return err
			}
			if err := sign.loadKey(a); err != nil {
				return err
			}
			opt.Sign = sign.secret
			a.createInMuch()
			opt.Create = delta.CreateOptions{Resources: a.resources(), Level: level.level}
			opt.MaxShare = share / 100
			if format == "text" {
				opt.Done = a.showPublished
			}
			done, err := update.Publish(cmd.Context(), args[0], opt)
			if err != nil {
				return err
			}
			if format == "json" {
				a.ui.done()
				enc := json.NewEncoder(a.ui.out)
				enc.SetIndent("", "  ")
				return enc.Encode(append([]update.Published{}, done...))
			}
			if len(done) == 0 {
				a.ui.say("there is no earlier version")
			}
			return nil
		},
	}
	flags.registerRemote(c)
	flags.registerPlatform(c)
	level.register(c)
	c.Flags().StringVar(&sign.key, "sign-key", "", "secret key of minisign to sign the deltas with, see sign")
	c.Flags().StringArrayVar(&opt.From, "from", nil, "tag or digest of an earlier version (may be repeated)")
	c.Flags().IntVar(&opt.Last, "last", 0, "the last N versions before that of IMAGE")
	c.Flags().BoolVar(&opt.AllPlatforms, "all", false, "deltas for every platform of the image")
	c.Flags().Float64Var(&share, "max-percent", 100*update.DefaultMaxShare, "push no delta that is larger than this percentage of what a plain pull fetches")
	c.Flags().BoolVar(&opt.Tag, "tag-deltas", false, "give each delta a tag, for registries that delete what has none")
	c.Flags().BoolVar(&opt.DryRun, "dry-run", false, "make the deltas, and push none")
	c.Flags().StringVar(&format, "format", "text", "text or json")
	_ = c.RegisterFlagCompletionFunc("format", fixed("text", "json"))
	return c
}

// showPublished prints what became of one delta; the digests of those that are
// in the registry are the result.
func (a *app) showPublished(p update.Published) {
	a.ui.done()
	line := fmt.Sprintf("from %s, %s: %s", p.From, p.Platform, p.Outcome)
	if p.Size > 0 {
		line += fmt.Sprintf(", %s in place of %s", size(p.Size), size(p.Pull))
	}
	a.ui.say("%s", line)
	if p.Manifest != "" {
		_ = a.ui.result("%s", p.Manifest)
	}
}
