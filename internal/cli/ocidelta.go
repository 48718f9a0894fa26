package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/ocidelta"
)

// The formats of packages that create writes.
const (
	ownFormat      = "docker-delta"
	ociDeltaFormat = "oci-delta"
)

var errOneImage = errors.New("a package of oci-delta holds one image, made from one base")

// checkFormat complains about flags that a format has no use for.
func checkFormat(c *cobra.Command, format string) error {
	if format == ownFormat {
		return nil
	}
	if format != ociDeltaFormat {
		return fmt.Errorf("--format %s: choose %s or %s", format, ownFormat, ociDeltaFormat)
	}
	for _, other := range []string{"no-base", "push", "tag", "exact", "level", "pair", "list", "all"} {
		if c.Flags().Changed(other) {
			return fmt.Errorf("--%s and --format %s do not go together", other, format)
		}
	}
	return nil
}

// ociDelta opens a package of oci-delta where err says that the file is none of
// ours; otherwise it gives nil, and err holds.
func (a *app) ociDelta(ctx context.Context, path string, opt image.Options, err error) *ocidelta.Package {
	if !errors.Is(err, format.ErrNotPackage) || path == "-" {
		return nil
	}
	p, oerr := ocidelta.Open(ctx, path, opt)
	if oerr != nil {
		if debugf := a.ui.debugf(); debugf != nil {
			debugf("%s as a package of oci-delta: %v", path, oerr)
		}
		return nil
	}
	return p
}

// ociDeltaBase opens the base of such a package, and asks whether the result may
// be used: there is no signature of ours on it.
func (a *app) ociDeltaBase(ctx context.Context, p *ocidelta.Package, trust *trustFlags, refs []string, names []string, opt image.Options) (image.Source, error) {
	t, err := trust.trust()
	if err != nil {
		return nil, err
	}
	if err := t.Allows(nil, names, nil); err != nil {
		return nil, err
	}
	id, manifest, diffIDs := p.Base()
	ref := ""
	switch {
	case len(refs) > 1:
		return nil, usageError{errOneImage}
	case len(refs) == 1:
		ref = refs[0]
	case id == "" && manifest == "" && len(diffIDs) == 0:
		return nil, nil
	default:
		found, err := a.findOCIDeltaBase(ctx, image.Want{IDs: knownDigests(id, manifest), DiffIDs: diffIDs}, opt)
		if err != nil {
			return nil, err
		}
		a.ui.say("base: %s", strings.Join(append(found.Names, found.ID.String()), " "))
		ref = found.Ref()
	}
	img, err := image.Open(ctx, ref, opt)
	if errors.Is(err, image.ErrNotFound) {
		err = fmt.Errorf("%w: %w", delta.ErrBase, err)
	}
	if err != nil {
		return nil, err
	}
	if err := t.Allows(nil, names, img.Names()); err != nil {
		img.Close()
		return nil, err
	}
	return img, nil
}

// knownDigests leaves out empty ones.
func knownDigests(list ...digest.Digest) []digest.Digest {
	return slices.DeleteFunc(list, func(d digest.Digest) bool { return d == "" })
}

// findOCIDeltaBase looks for the base in the docker daemon.
func (a *app) findOCIDeltaBase(ctx context.Context, want image.Want, opt image.Options) (*image.DaemonImage, error) {
	daemon, err := image.Connect(ctx, opt)
	if err != nil {
		return nil, fmt.Errorf("looking for the base: %w; or give it with --base", err)
	}
	defer daemon.Close()
	found, err := daemon.FindBase(ctx, want)
	if errors.Is(err, image.ErrNotFound) {
		err = fmt.Errorf("%w: %w; give the base with --base", delta.ErrBase, err)
	}
	return found, err
}

// createOCIDelta writes such a package.
func (a *app) createOCIDelta(ctx context.Context, output string, base, target image.Image, sign *signFlags) error {
	var info *ocidelta.Info
	err := a.writeSigned(output, sign, func(w io.Writer) (err error) {
		info, err = ocidelta.Create(ctx, w, base, target, a.resources())
		return err
	})
	if err != nil {
		return err
	}
	whole, exact := int64(0), true
	for _, l := range info.Layers {
		whole += l.Size
		exact = exact && (l.How != ocidelta.Diffed || l.Blob == l.DiffID)
	}
	if output == "-" {
		output = "delta"
	}
	a.ui.say("%s: %s, %.2f%% of the image's layers (%s)", output, size(info.Size), 100*float64(info.Size)/float64(max(whole, 1)), size(whole))
	if !exact {
		a.ui.say("packages of oci-delta do not keep how layers were compressed: the manifest digest will change")
	}
	return nil
}

func (a *app) applyOCIDelta(ctx context.Context, p *ocidelta.Package, trust *trustFlags, refs []string, to string, wopt image.WriteOptions) error {
	src, err := a.ociDeltaBase(ctx, p, trust, refs, resultNames(to, wopt.Names), wopt.Options)
	if err != nil {
		return err
	}
	if src != nil {
		defer src.Close()
		if len(refs) == 0 {
			wopt.InDaemon = []image.Image{src}
		}
	}
	var held image.Image
	if src != nil {
		held = src
	}
	img, err := p.Rebuild(ctx, held, a.resources())
	if err != nil {
		return err
	}
	defer img.Close()
	out := image.Images{Images: []image.Named{{Image: img, Names: wopt.Names}}}
	wopt.Names = nil
	return a.storeApplied(ctx, to, out, wopt)
}

func (a *app) verifyOCIDelta(ctx context.Context, p *ocidelta.Package, trust *trustFlags, refs []string, opt image.Options) error {
	if len(refs) == 0 {
		if err := p.Verify(ctx); err != nil {
			return err
		}
		return a.ui.result("the package is sound; give --base to prove that the target comes back")
	}
	src, err := a.ociDeltaBase(ctx, p, trust, refs, nil, opt)
	if err != nil {
		return err
	}
	defer src.Close()
	img, err := p.Rebuild(ctx, src, a.resources())
	if err != nil {
		return err
	}
	defer img.Close()
	if err := ocidelta.Check(ctx, img); err != nil {
		return err
	}
	return a.ui.result("the package is sound, and the target comes back")
}

func (a *app) showOCIDelta(info *ocidelta.Info, format string) error {
	switch format {
	case "json":
		enc := json.NewEncoder(a.ui.out)
		enc.SetIndent("", "  ")
		return enc.Encode(info)
	case "text":
	default:
		return a.execute(format, info)
	}
	w := tabwriter.NewWriter(a.ui.out, 0, 8, 2, ' ', 0)
	row := func(key, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", key, fmt.Sprintf(format, args...)) }
	row("package", "of oci-delta, %s, %s", size(info.Size), info.Manifest)
	row("base", "image ID %s, manifest %s", info.Base, info.BaseManifest)
	row("target", "image ID %s, manifest %s", info.TargetID, info.Target)
	row("", "%s, %d layers", info.Platform, len(info.Layers))
	fmt.Fprintln(w)
	fmt.Fprintln(w, strings.Join([]string{"LAYER", "DIFFID", "COMPRESSED", "CARRIED", "IN PACKAGE"}, "\t"))
	for i, l := range info.Layers {
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\n", i+1, short(l.DiffID.String()), size(l.Size), l.How, size(l.InPkg))
	}
	return w.Flush()
}
