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
	return firstResult(loadSet(ctx, &Images{Images: []Named{{Image: img, Names: names}}}, opt))
}

// loadSet loads the images without names, in one request, checks that the daemon
// has exactly these images, and only then gives them their names.
func loadSet(ctx context.Context, set *Images, opt *WriteOptions) ([]Result, error) {
	d, err := Connect(ctx, opt.Options)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	l := &loader{Daemon: d, set: set, form: opt.Form, opt: opt}
	if l.form == AutoForm {
		l.form = d.form()
	}
	if !d.Containerd() {
		l.form = Plain
		if err := set.oneOfEach("the docker daemon's image store"); err != nil {
			return nil, err
		}
	}
	return l.load(ctx)
}

// loader is one docker load.
type loader struct {
	*Daemon
	set  *Images
	form Form
	opt  *WriteOptions
	have blobsByDiffID // of a containerd store, once they are known
}

func (l *loader) load(ctx context.Context) ([]Result, error) {
	results := make([]Result, len(l.set.Images))
	todo := Images{Indexes: l.set.Indexes}
	var sent []int // numbers of the images in todo
	for i, img := range l.set.Images {
		id := digest.FromBytes(img.Config())
		results[i] = Result{ImageID: id, DaemonID: id, Form: l.form, Skipped: len(img.Layers())}
		if _, err := l.Inspect(ctx, id.String()); err == nil && !l.Containerd() {
			l.opt.debugf("the daemon has %s already", id)
			continue
		}
		todo.Images = append(todo.Images, img)
		sent = append(sent, i)
	}
	if len(sent) > 0 {
		all, err := l.send(ctx, &todo)
		if err != nil {
			return nil, err
		}
		for k, i := range sent {
			results[i] = all[k].result
		}
	}
	name := func(id digest.Digest, names []string) error {
		for _, n := range names {
			repo := strings.TrimSuffix(familiar(n), ":"+tagOf(n))
			if err := l.client.Tag(ctx, id.String(), repo, tagOf(n)); err != nil {
				return fmt.Errorf("the image %s is loaded, but cannot be named %s: %w", id, familiar(n), err)
			}
		}
		return nil
	}
	for i, img := range l.set.Images {
		results[i].Names = img.Names
		if err := name(results[i].DaemonID, img.Names); err != nil { // inner ones have none
			return nil, err
		}
	}
	for _, ix := range l.set.topIndexes() {
		if err := name(ix.Descriptor.Digest, ix.Names); err != nil {
			return nil, err
		}
	}
	return results, nil
}

// send streams the images to docker load, thin if that is wanted and works, and
// checks that they are there.
func (l *loader) send(ctx context.Context, set *Images) ([]*copied, error) {
	if l.opt.Thin {
		all, err := l.sendThin(ctx, set)
		if all != nil || err != nil {
			return all, err
		}
	}
	all, err := l.stream(ctx, set, nil)
	if err == nil {
		err = l.checkAll(ctx, set, all)
	}
	return all, err
}

// checkAll makes sure that the daemon has what the set would give names to.
func (l *loader) checkAll(ctx context.Context, set *Images, all []*copied) error {
	for i, c := range all {
		if set.Images[i].inner {
			continue
		}
		if err := l.checkLoaded(ctx, c.result.DaemonID); err != nil {
			return set.ofImage(i, err)
		}
	}
	for _, ix := range set.topIndexes() {
		if err := l.checkLoaded(ctx, ix.Descriptor.Digest); err != nil {
			return err
		}
	}
	return nil
}

// errLoad marks what the daemon, not the image, is to blame for.
var errLoad = errors.New("the daemon did not load the image")

// stream pipes the archive into the request. omit, if not nil, tells for each
// image what is left out.
func (l *loader) stream(ctx context.Context, set *Images, omit []omission) ([]*copied, error) {
	pr, pw := io.Pipe()
	type outcome struct {
		all []*copied
		err error
	}
	ch := make(chan outcome, 1)
	go func() {
		s := newArchiveSink(bodyWriter{pw})
		all, err := set.copy(ctx, s, l.form, l.opt.Compression, l.opt, omit)
		if err == nil {
			nameless := Images{Images: make([]Named, len(set.Images)), Indexes: make([]NamedIndex, len(set.Indexes))}
			for i, img := range set.Images {
				nameless.Images[i] = Named{Image: img.Image, inner: img.inner}
			}
			for i, ix := range set.Indexes {
				nameless.Indexes[i].Index = ix.Index
			}
			err = s.finish(&nameless, all, "", omit == nil || !l.classic(), l.form != Exact && (omit == nil || l.classic()))
		}
		pw.CloseWithError(err)
		ch <- outcome{all, err}
	}()
	loaded, err := l.client.Load(ctx, pr)
	pr.CloseWithError(errClosed) // the writer must not wait for a daemon that gave up
	made := <-ch
	switch {
	case made.err != nil && !errors.Is(made.err, errClosed):
		return nil, made.err
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fmt.Errorf("%w: it closed the connection without an answer: %w", errLoad, err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errLoad, err)
	case made.err != nil:
		return nil, fmt.Errorf("%w: it stopped reading", errLoad)
	}
	l.opt.debugf("docker load says: %s", strings.Join(append(loaded.IDs, loaded.Names...), ", "))
	for _, c := range made.all {
		res := &c.result
		if res.DaemonID = res.Manifest.Digest; !l.Containerd() { // which keeps no manifest
			res.DaemonID, res.Manifest, res.Original = res.ImageID, ocispec.Descriptor{}, false
		}
	}
	return made.all, nil
}

var errClosed = errors.New("the daemon closed the connection")

// bodyWriter writes the body of a request. The client of HTTP closes the body when
// the connection breaks; that is the daemon's doing.
type bodyWriter struct{ *io.PipeWriter }

func (w bodyWriter) Write(p []byte) (int, error) {
	n, err := w.PipeWriter.Write(p)
	if errors.Is(err, io.ErrClosedPipe) {
		err = errClosed
	}
	return n, err
}

// checkLoaded makes sure that the daemon has exactly the expected image.
func (d *Daemon) checkLoaded(ctx context.Context, want digest.Digest) error {
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
