package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/docker-delta/docker-delta/image/internal/tree"
)

// Source is an Image that holds files or connections open.
type Source interface {
	Image
	Indexed
	io.Closer
	// Origin tells a person where the image was found.
	Origin() string
}

// Open finds the image that ref names (see [ParseReference]) and reads its
// config and manifest; layers are read when asked for. The caller closes it
// after the last reader.
//
// Errors say what was found, what was expected and what may help: an [*Error],
// a [*PlatformError], a [*MissingError], a [*DigestError], or one that wraps
// [ErrNotImage], [ErrNotFound] or [ErrUnreachable].
func Open(ctx context.Context, ref string, opt Options) (Source, error) {
	r, err := ParseReference(ref)
	if err != nil {
		return nil, err
	}
	img, err := openRef(ctx, r, &opt)
	if err != nil {
		return nil, withRef(ref, err)
	}
	return img, nil
}

func openRef(ctx context.Context, r Reference, opt *Options) (*opened, error) {
	set, err := openTop(ctx, r, opt)
	if err != nil {
		return nil, err
	}
	img, err := set.one(ctx, opt)
	if err != nil {
		set.Close()
		return nil, err
	}
	img.closers = append(img.closers, set)
	return img, nil
}

// top is a found image before a platform is chosen: walker and names for what
// has manifests, img for what has none.
type top struct {
	walker  *walker
	names   []string
	img     *opened
	closers []io.Closer
}

func (t *top) Close() error {
	rc := readCloser{closers: t.closers}
	t.closers = nil
	return rc.Close()
}

// one chooses the image of the wanted platform.
func (t *top) one(ctx context.Context, opt *Options) (*opened, error) {
	var img *opened
	if t.walker != nil {
		l, err := t.walker.pick(ctx)
		if err == nil {
			img, err = t.walker.load(ctx, l)
		}
		if err == nil && !opt.AllowMissing {
			err = img.firstMissing()
		}
		if err != nil && (t.img == nil || !errors.Is(err, ErrNotFound)) {
			return nil, err
		}
		if err != nil {
			opt.debugf("the OCI part of %s cannot be used (%v), docker's manifest.json can", t.walker.store.source(), err)
			img = nil
		}
	}
	if img == nil {
		img = t.img
	}
	img.names = t.names
	want, explicit, err := opt.wanted()
	if err != nil {
		return nil, err
	}
	if explicit && img.platform.Architecture != "" && fit(want, img.platform) < 0 {
		return nil, &PlatformError{Ref: img.origin, Want: FormatPlatform(want), Have: []string{FormatPlatform(img.platform)}}
	}
	if !opt.AllowMissing {
		if err := img.firstMissing(); err != nil {
			return nil, err
		}
	}
	return img, nil
}

// openTop dispatches on the transport.
func openTop(ctx context.Context, r Reference, opt *Options) (*top, error) {
	if r.IsStdio() {
		return openStream(ctx, "standard input", os.Stdin, r, opt)
	}
	switch r.Transport {
	case DockerDaemon:
		return openDaemon(ctx, r, opt)
	case Registry:
		return openRegistry(ctx, r, opt)
	case ContainersStorage:
		return openStorage(ctx, r, opt)
	}
	t, err := openPath(ctx, r, opt)
	if r.Transport == FilePath && errors.Is(err, ErrNotImage) && !looksLikePath(r.raw) {
		return openNamesake(ctx, r, opt, err)
	}
	return t, err
}

// openNamesake looks in the docker daemon for what is no image where a path
// of that name is: people build "app:v1" in a directory that has an "app".
func openNamesake(ctx context.Context, r Reference, opt *Options, why error) (*top, error) {
	t, err := openDaemon(ctx, Reference{Transport: DockerDaemon, Path: r.raw, raw: r.raw}, opt)
	if err == nil {
		opt.debugf("%s is no image; taking the one in the docker daemon", r.Path)
		return t, nil
	}
	opt.debugf("nor is there an image %s in the docker daemon: %v", r.raw, err)
	return nil, hint(why, "nor does the docker daemon have an image of that name (docker-daemon:%s tells more)", r.raw)
}

// openPath opens a file or a directory by what is in it.
func openPath(ctx context.Context, r Reference, opt *Options) (*top, error) {
	st, err := os.Stat(r.Path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, noSuchPath()
	case err != nil:
		return nil, err
	case st.IsDir():
		return openTree(ctx, r.Path, tree.Dir(r.Path), nil, r, opt)
	}
	f, err := os.Open(r.Path)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() { // a pipe
		defer f.Close()
		return openStream(ctx, r.Path, f, r, opt)
	}
	return openFile(ctx, r.Path, f, st.Size(), r, opt)
}

func openStream(ctx context.Context, name string, in io.Reader, r Reference, opt *Options) (*top, error) {
	f, n, err := opt.spool(&ctxReader{ctx, in})
	if err != nil {
		return nil, fmt.Errorf("copying %s to a temporary file: %w", name, err)
	}
	return openFile(ctx, name, f, n, r, opt)
}

// openTree opens what an archive or a directory holds. It takes t over.
func openTree(ctx context.Context, name string, t tree.Tree, root *document, r Reference, opt *Options) (*top, error) {
	l, err := readLayout(name, t, root, opt)
	if err != nil {
		return nil, err
	}
	if err := l.collect(ctx, r.Transport, opt); err != nil {
		return nil, err
	}
	c, err := l.find(r.Select)
	if err != nil {
		return nil, err
	}
	out := &top{closers: []io.Closer{t}}
	for _, n := range c.names {
		out.names = addName(out.names, n)
	}
	if c.desc != nil {
		out.walker = l.walker(opt)
		if err := out.walker.walk(ctx, *c.desc); err != nil {
			if c.entry == nil {
				return nil, err
			}
			opt.debugf("%s: %v", name, err)
			out.walker = nil
		}
	}
	if c.entry != nil && (out.walker == nil || len(out.walker.leaves) <= 1) {
		if out.img, err = newFromDockerEntry(ctx, l.store, c.entry); err != nil {
			if out.walker == nil {
				return nil, err
			}
			opt.debugf("%s: %v", name, err)
		}
	}
	return out, nil
}

// ctxReader stops with the context.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *ctxReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
