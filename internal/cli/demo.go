package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/internal/atomicfile"
	"github.com/docker-delta/docker-delta/internal/demo"
	"github.com/docker-delta/docker-delta/internal/tempfile"
)

func (a *app) demo() *cobra.Command {
	var keep string
	c := &cobra.Command{
		Use:   "demo",
		Short: "Show a delta at work on a pair of images made on the spot",
		Long: `Make two versions of a small image, write the delta between them, rebuild the
second from the first and the delta, and compare. It needs no network and no
daemon. With --keep, the files stay for further tries.`,
		Example: `  docker-delta demo
  docker-delta demo --keep /tmp/demo`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir := keep
			if dir == "" {
				tmp, err := tempfile.MakeDir(a.flags.tempDir, 0o700)
				if err != nil {
					return err
				}
				defer tmp.Close()
				dir = tmp.Path
			} else if err := os.MkdirAll(dir, 0o777); err != nil {
				return err
			}
			return a.runDemo(cmd.Context(), dir, keep != "")
		},
	}
	c.Flags().StringVar(&keep, "keep", "", "directory to leave the images and the delta in, in place of files of the same names")
	_ = c.MarkFlagDirname("keep")
	return c
}

func (a *app) runDemo(ctx context.Context, dir string, keep bool) error {
	v1, v2 := filepath.Join(dir, "v1.oci.tar"), filepath.Join(dir, "v2.oci.tar")
	packed, rebuilt := filepath.Join(dir, "v1-v2.delta"), filepath.Join(dir, "rebuilt.oci.tar")
	for version, path := range map[int]string{1: v1, 2: v2} {
		var b bytes.Buffer
		if err := demo.WriteImage(&b, version); err != nil {
			return err
		}
		if err := atomicfile.WriteFile(path, b.Bytes()); err != nil {
			return err
		}
	}
	base, err := image.Open(ctx, v1, image.Options{})
	if err != nil {
		return err
	}
	defer base.Close()
	target, err := image.Open(ctx, v2, image.Options{})
	if err != nil {
		return err
	}
	defer target.Close()

	start := time.Now()
	var made *delta.Created
	err = a.writeFile(packed, func(w io.Writer) error {
		made, err = delta.Create(ctx, w, delta.Input{Bases: []image.Image{base}, Targets: []image.Image{target}}, delta.CreateOptions{Resources: a.resources()})
		return err
	})
	if err != nil {
		return err
	}
	created := time.Since(start)

	start = time.Now()
	d, err := delta.Open(ctx, packed)
	if err != nil {
		return err
	}
	defer d.Close()
	img, err := d.Rebuild(ctx, base, delta.RebuildOptions{Resources: a.resources()})
	if err != nil {
		return err
	}
	defer img.Close()
	res, err := image.Write(ctx, "oci-archive:"+rebuilt, img, image.WriteOptions{Names: img.Names()})
	if err != nil {
		return err
	}
	return a.showDemo(demoResult{v1, v2, packed, rebuilt, made.Size, created, time.Since(start), target, img, res, keep})
}

type demoResult struct {
	v1, v2, packed, rebuilt string
	size                    int64
	created, applied        time.Duration
	target                  image.Image
	img                     *delta.Rebuilt
	res                     image.Result
	keep                    bool
}

func (a *app) showDemo(r demoResult) error {
	manifest, _ := r.target.Manifest()
	again, _ := r.img.Manifest()
	if !bytes.Equal(r.target.Config(), r.img.Config()) || !bytes.Equal(manifest, again) || !r.res.Original {
		return fmt.Errorf("%w: the demo image did not come back as it was", delta.ErrVerify)
	}
	plain, blobs := int64(0), int64(0)
	for _, l := range r.target.Layers() {
		if l.Blob() == nil {
			return errors.New("the demo image has a layer without a blob")
		}
		blobs += l.Blob().Size
	}
	for _, l := range r.img.Layers() {
		plain += l.Size()
	}
	a.ui.done()
	w := tabwriter.NewWriter(a.ui.out, 0, 8, 2, ' ', 0)
	line := func(key, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", key, fmt.Sprintf(format, args...)) }
	line("target image", "%s in layers, %s compressed", size(plain), size(blobs))
	line("delta", "%s, %.2f%% of the compressed image", size(r.size), 100*float64(r.size)/float64(blobs))
	line("created in", "%.2f s", r.created.Seconds())
	line("applied in", "%.2f s", r.applied.Seconds())
	line("image ID", "%s, as the target's", r.res.ImageID)
	line("manifest", "%s, as the target's", r.res.Manifest.Digest)
	if r.keep {
		for _, f := range []string{r.v1, r.v2, r.packed, r.rebuilt} {
			line("kept", "%s", f)
		}
	}
	return w.Flush()
}
