package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"go.podman.io/image/v5/docker/reference"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/internal/tempfile"
	"github.com/docker-delta/docker-delta/registry"
	"github.com/docker-delta/docker-delta/update"
)

// registryFlags are imageFlags and what concerns registries alone.
type registryFlags struct {
	imageFlags
	retries     int
	concurrency int
}

func (f *registryFlags) register(c *cobra.Command) {
	f.imageFlags.register(c)
	f.registerRequests(c)
}

// registerRemote is for commands that see nothing but registries.
func (f *registryFlags) registerRemote(c *cobra.Command) {
	f.registerAccess(c)
	f.registerRequests(c)
}

func (f *registryFlags) registerRequests(c *cobra.Command) {
	c.Flags().IntVar(&f.concurrency, "concurrency", registry.DefaultConcurrency, "how many blobs to send or fetch at once")
	c.Flags().IntVar(&f.retries, "retry-times", 3, "how often a failed request to a registry is tried again")
}

func (a *app) registryOptions(f *registryFlags) (registry.Options, error) {
	opt, err := a.imageOptions(&f.imageFlags)
	if err == nil && f.retries < 0 {
		err = usageError{fmt.Errorf("--retry-times %d: give a number of times", f.retries)}
	}
	if err == nil && f.concurrency < 1 {
		err = usageError{fmt.Errorf("--concurrency %d: give a number of blobs", f.concurrency)}
	}
	return registry.Options{Options: opt, Retries: f.retries, Concurrency: f.concurrency}, err
}

func (a *app) push() *cobra.Command {
	var (
		flags registryFlags
		sign  signFlags
	)
	c := &cobra.Command{
		Use:   "push DELTA REPOSITORY[:TAG]",
		Short: "Store a delta in a registry, where it is found by its image",
		Long: `Store a delta in a registry as an OCI artifact that refers to the target image.
In the target's own repository, list and pull find it without a tag.

The manifest is stored as the package has it, so its digest and signatures hold.
What the repository has already is not sent again. The signature of a file does
not go along: --sign-key signs the manifest and stores that signature.`,
		Example: `  docker-delta push app.delta registry.example/app
  docker-delta push app.delta registry.example/app:v1-v2
  docker-delta push app.delta registry.example/app --sign-key release.key`,
		Args:              exactly("a DELTA", "a REPOSITORY"),
		ValidArgsFunction: cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault),
		RunE: func(cmd *cobra.Command, args []string) error {
			opt, err := a.registryOptions(&flags)
			if err != nil {
				return err
			}
			if err := sign.loadKey(a); err != nil {
				return err
			}
			d, err := a.openDelta(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			defer d.Close()
			return a.pushDelta(cmd.Context(), d, args[1], &sign, opt)
		},
	}
	flags.registerRemote(c)
	sign.register(c)
	return c
}

// pushDelta stores an open delta and says where.
func (a *app) pushDelta(ctx context.Context, d *delta.Delta, to string, sign *signFlags, opt registry.Options) error {
	named, err := registry.ParseName(to)
	if err != nil {
		return usageError{err}
	}
	if _, ok := named.(reference.Digested); ok {
		return usageError{fmt.Errorf("%s: a delta gets its own digest; give a repository, and a tag if you like", to)}
	}
	tag := ""
	if tagged, ok := named.(reference.Tagged); ok {
		tag = tagged.Tag()
	}
	if tag != "" {
		for _, t := range d.Config().Targets {
			for _, n := range t.Names {
				if n == named.String() {
					return usageError{fmt.Errorf("%s is the name of the target itself; give another tag, or none", to)}
				}
			}
		}
	}
	repo, err := registry.Open(ctx, to, opt)
	if err != nil {
		return err
	}
	step := delta.Progress{Stage: "push"}
	a.ui.progress(step)
	if sign.secret != nil {
		if err := update.PushSignature(ctx, repo, d.Package(), sign.secret, sign.comment, tag); err != nil {
			return err
		}
	}
	done, err := repo.Push(ctx, d.Package(), tag, func(done, total int64) {
		a.ui.progress(delta.Progress{Stage: step.Stage, Done: done, Total: total})
	})
	step.Finished = true
	a.ui.progress(step)
	if err != nil {
		return err
	}
	a.ui.say("%d blobs sent (%s), %d were there", done.Sent, size(done.Bytes), done.Skipped)
	switch {
	case d.Package().Manifest.Subject != nil:
	case len(d.Config().Targets) > 1:
		a.ui.warn("the package rebuilds several images, so none of them leads to it; pull will not find it")
	default:
		a.ui.warn("the target had no manifest when the delta was made, so no image leads to this delta; pull will not find it")
	}
	return a.ui.result("%s@%s", repo.Name(), done.Manifest.Digest)
}

// createAndPush makes a delta in the file output, or in a temporary one if that
// is empty, and pushes it.
func (a *app) createAndPush(ctx context.Context, output, to string, sign *signFlags, opt registry.Options, create func(io.Writer) (*delta.Created, error)) error {
	if output == "-" {
		return usageError{errors.New("give -o a file, or leave it out: with --push the standard output says where the delta is")}
	}
	if _, err := registry.ParseName(to); err != nil {
		return usageError{err}
	}
	path := output
	if path == "" {
		dir, err := tempfile.MakeDir(a.flags.tempDir, 0o700)
		if err != nil {
			return err
		}
		defer dir.Close()
		path = filepath.Join(dir.Path, "delta")
	}
	var made *delta.Created
	file := *sign
	if output == "" {
		file.secret = nil
	}
	err := a.writeSigned(path, &file, func(w io.Writer) (err error) {
		made, err = create(w)
		return err
	})
	if err != nil {
		return err
	}
	shown := output
	if shown == "" {
		shown = "-"
	}
	if err := a.reportCreated(ctx, shown, made); err != nil {
		return err
	}
	d, err := delta.Open(ctx, path)
	if err != nil {
		return err
	}
	defer d.Close()
	return a.pushDelta(ctx, d, to, sign, opt)
}

// printable takes control characters out of what a registry says.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r >= '\u2028' && r <= '\u202e' {
			return '?'
		}
		return r
	}, s)
}
