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
	if opt.Thin {
		done, err := d.sendThin(ctx, img, form, opt)
		if done != nil || err != nil {
			return done, err
		}
	}
	done, err := d.stream(ctx, img, form, nil, opt)
	if err == nil {
		err = d.checkLoaded(ctx, done)
	}
	return done, err
}

// errLoad marks what the daemon, not the image, is to blame for.
var errLoad = errors.New("the daemon did not load the image")

// stream pipes the archive into the request.
func (d *Daemon) stream(ctx context.Context, img Image, form Form, omit omission, opt *WriteOptions) (*copied, error) {
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
			err = s.finish(done, nil, "", omit == nil || !d.classic(), form != Exact && (omit == nil || d.classic()))
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
