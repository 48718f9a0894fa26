package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-delta/docker-delta/image/internal/dockerapi"
)

// form is what the daemon's store keeps.
func (d *Daemon) form() Form {
	if d.Containerd() {
		return Exact
	}
	return Plain
}

// writeDaemon loads an image without a name, checks that the daemon has exactly
// this image, and only then gives it its names.
func writeDaemon(ctx context.Context, r Reference, img Image, opt *WriteOptions) (Result, error) {
	name, err := NormalizeName(r.Path)
	if err != nil {
		return Result{}, err
	}
	names := addName([]string{name}, "")
	for _, n := range opt.Names {
		names = addName(names, n)
	}
	return load(ctx, img, names, opt)
}

// Load stores img in the daemon that the options name, under opt.Names, or
// without a name when there are none.
func Load(ctx context.Context, img Image, opt WriteOptions) (Result, error) {
	names, err := normalizeNames(opt.Names)
	if err != nil {
		return Result{}, err
	}
	res, err := load(ctx, img, names, &opt)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return res, err
}

func load(ctx context.Context, img Image, names []string, opt *WriteOptions) (Result, error) {
	d, err := Connect(ctx, opt.Options)
	if err != nil {
		return Result{}, err
	}
	defer d.Close()
	form := opt.Form
	if form == AutoForm {
		form = d.form()
	}
	if !d.Containerd() {
		form = Plain
	}
	id := digest.FromBytes(img.Config())
	done := &copied{result: Result{ImageID: id, DaemonID: id, Form: form, Skipped: len(img.Layers())}}
	if _, err := d.Inspect(ctx, id.String()); err == nil && !d.Containerd() {
		opt.debugf("the daemon has %s already", id)
	} else {
		if done, err = d.send(ctx, img, form, opt); err != nil {
			return Result{}, err
		}
		if err := d.checkLoaded(ctx, done); err != nil {
			return Result{}, err
		}
	}
	for _, n := range names {
		repo := strings.TrimSuffix(familiar(n), ":"+tagOf(n))
		if err := d.client.Tag(ctx, done.result.DaemonID.String(), repo, tagOf(n)); err != nil {
			return Result{}, fmt.Errorf("the image %s is loaded, but cannot be named %s: %w", done.result.DaemonID, familiar(n), err)
		}
	}
	done.result.Names = names
	return done.result, nil
}

// send streams the image to docker load, thin if that is wanted and works.
func (d *Daemon) send(ctx context.Context, img Image, form Form, opt *WriteOptions) (*copied, error) {
	if opt.Thin && !d.Containerd() {
		omit, err := d.commonLayers(ctx, img)
		if err != nil {
			return nil, err
		}
		if omit > 0 {
			opt.debugf("thin load: the daemon has the lowest %d of %d layers", omit, len(img.Layers()))
			done, err := d.stream(ctx, img, form, omit, opt)
			if err == nil || ctx.Err() != nil || !errors.Is(err, errLoad) {
				return done, err
			}
			opt.debugf("thin load: %v; sending all layers", err)
		}
	}
	return d.stream(ctx, img, form, 0, opt)
}

// errLoad marks what the daemon, not the image, is to blame for.
var errLoad = errors.New("the daemon did not load the image")

// stream pipes the archive into the request.
func (d *Daemon) stream(ctx context.Context, img Image, form Form, omit int, opt *WriteOptions) (*copied, error) {
	pr, pw := io.Pipe()
	type outcome struct {
		done *copied
		err  error
	}
	ch := make(chan outcome, 1)
	go func() {
		s := newArchiveSink(pw)
		c := &copier{img: img, form: form, compress: opt.Compression, opt: opt, sink: s, omit: omit}
		done, err := c.copy(ctx)
		if err == nil {
			err = s.finish(done, nil, "", omit == 0, form != Exact)
		}
		pw.CloseWithError(err)
		ch <- outcome{done, err}
	}()
	loaded, err := d.client.Load(ctx, pr)
	pr.CloseWithError(errClosed) // the writer must not wait for a daemon that gave up
	made := <-ch
	switch {
	case made.err != nil && !errors.Is(made.err, errClosed):
		return nil, made.err
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errLoad, err)
	case made.err != nil:
		return nil, fmt.Errorf("%w: it stopped reading", errLoad)
	}
	opt.debugf("docker load says: %s", strings.Join(append(loaded.IDs, loaded.Names...), ", "))
	res := &made.done.result
	if res.DaemonID = res.Manifest.Digest; !d.Containerd() { // which keeps no manifest
		res.DaemonID, res.Manifest, res.Original = res.ImageID, ocispec.Descriptor{}, false
	}
	return made.done, nil
}

var errClosed = errors.New("the daemon closed the connection")

// checkLoaded makes sure that the daemon has exactly the expected image.
func (d *Daemon) checkLoaded(ctx context.Context, done *copied) error {
	want := done.result.DaemonID
	got, err := d.client.Inspect(ctx, want.String())
	if errors.Is(err, dockerapi.ErrNotFound) {
		return fmt.Errorf("%w: it took the archive, and has no image %s now", errLoad, want)
	}
	if err != nil {
		return err
	}
	if got.ID != want.String() {
		return fmt.Errorf("%w: it holds %s, expected %s", errLoad, got.ID, want)
	}
	return nil
}

// commonLayers counts the lowest layers that some image of the daemon has in the
// same order: the store then has their chain, and docker load does not look for
// their files (moby#18727).
func (d *Daemon) commonLayers(ctx context.Context, img Image) (int, error) {
	all, err := d.Images(ctx)
	if err != nil {
		return 0, err
	}
	layers, best := img.Layers(), 0
	for _, i := range all {
		n := 0
		for n < len(layers) && n < len(i.DiffIDs) && layers[n].DiffID() == i.DiffIDs[n] {
			n++
		}
		best = max(best, n)
	}
	return best, nil
}
