package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"sync"

	"github.com/opencontainers/go-digest"
)

// ReadStore says whether an image in a docker daemon is read from the files of
// the daemon's store. That takes nothing but the layers that are asked for,
// where an export (docker save) writes all of the image twice; it needs a daemon
// on this host and the right to read its files, as root has.
type ReadStore int

const (
	// ReadStoreAuto reads the files where it can, and exports elsewhere.
	ReadStoreAuto ReadStore = iota
	// ReadStoreAlways fails where the files cannot be read.
	ReadStoreAlways
	// ReadStoreNever exports.
	ReadStoreNever
)

var readStoreNames = []string{"auto", "always", "never"}

func (r ReadStore) String() string { return readStoreNames[r] }

// ParseReadStore is the inverse of String.
func ParseReadStore(s string) (ReadStore, error) {
	i := slices.Index(readStoreNames, s)
	if i < 0 {
		return 0, errors.New("choose auto, always or never")
	}
	return ReadStore(i), nil
}

// errStoreFiles marks what keeps the files of a daemon's store from being read.
var errStoreFiles = errors.New("the files of the docker daemon's store cannot be read")

// read opens an image of the daemon from its files, else by an export.
func (d *Daemon) read(ctx context.Context, img *DaemonImage, opt *Options) (*top, error) {
	if opt.ReadStore == ReadStoreNever {
		return d.export(ctx, img, opt)
	}
	t, err := d.direct(ctx, img, opt)
	switch {
	case err == nil:
		return t, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case opt.ReadStore == ReadStoreAlways:
		return nil, hint(fmt.Errorf("%w: %w", errStoreFiles, err), "run as root on the daemon's host, or use --read-store=auto")
	}
	opt.debugf("%v: %v; exporting the image", errStoreFiles, err)
	return d.export(ctx, img, opt)
}

// direct opens an image from the files of the store. What it gives is complete:
// all layers of the wanted platform are there.
func (d *Daemon) direct(ctx context.Context, img *DaemonImage, opt *Options) (*top, error) {
	if err := d.canReadStore(opt.ReadStore); err != nil {
		return nil, err
	}
	again := &reexport{id: img.ID, opt: *opt}
	again.opt.DockerHost, again.opt.DockerContext = d.client.Endpoint.Host, ""
	var first error
	for _, root := range d.client.Roots() {
		var t *top
		var err error
		if d.Containerd() {
			t, err = openContentStore(ctx, filepath.Join(root, d.info.DockerRootDir), root, img, again, opt)
		} else {
			t, err = openClassicStore(filepath.Join(root, d.info.DockerRootDir), d.info.Driver, img, again)
		}
		if err == nil {
			t.closers = append(t.closers, again)
			return t, nil
		}
		first = firstError(first, err)
	}
	return nil, first
}

// canReadStore tells why the store's files cannot be looked for at all.
func (d *Daemon) canReadStore(mode ReadStore) error {
	switch {
	case mode == ReadStoreNever:
		return errors.New("the files of the store are not to be read")
	case len(d.client.Roots()) == 0:
		return fmt.Errorf("the daemon at %s is not reached through a socket of this host", d.Address())
	case !filepath.IsAbs(d.info.DockerRootDir):
		return errors.New("the daemon does not tell its directory")
	}
	return nil
}

// reexport gives the layers of an image whose files cannot be read any more,
// from an export that is made when it is first needed.
type reexport struct {
	id  digest.Digest
	opt Options

	mu   sync.Mutex
	top  *top
	err  error
	done bool
}

// guard makes a layer go on with the export when the store's files fail.
func (x *reexport) guard(l *storeLayer) {
	if x.opt.ReadStore == ReadStoreAlways {
		return
	}
	direct := l.open
	l.open = func(ctx context.Context) (io.ReadCloser, int64, error) {
		rc, size, err := direct(ctx)
		if err != nil {
			x.opt.debugf("%s: %v; exporting the image", l.what, err)
			return x.layer(ctx, l, err)
		}
		return &resumed{ctx: ctx, ReadCloser: rc, again: func(cause error) (io.ReadCloser, error) {
			x.opt.debugf("%s: %v; exporting the image", l.what, cause)
			rc, _, err := x.layer(ctx, l, cause)
			return rc, err
		}}, size, nil
	}
}

// layer opens the stored bytes of a layer in the export. cause is why.
func (x *reexport) layer(ctx context.Context, l *storeLayer, cause error) (io.ReadCloser, int64, error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	t, err := x.open(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("%w (and before, in the files of the daemon's store: %w)", err, cause)
	}
	if l.desc != nil && t.walker != nil {
		return t.walker.store.blob(ctx, *l.desc)
	}
	if t.img != nil {
		for _, other := range t.img.layers {
			if o := other.(*storeLayer); o.diffID == l.diffID {
				return o.raw(ctx)
			}
		}
	}
	return nil, 0, &MissingError{Source: "the docker daemon's export of " + x.id.String(), What: l.what, Digest: l.diffID}
}

// open makes the export, once.
func (x *reexport) open(ctx context.Context) (*top, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.done {
		x.top, x.err = x.export(ctx)
		x.done = ctx.Err() == nil // what is cancelled here may be wanted elsewhere
	}
	return x.top, x.err
}

func (x *reexport) export(ctx context.Context) (*top, error) {
	d, err := Connect(ctx, x.opt)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	img, err := d.Inspect(ctx, x.id.String())
	if err != nil {
		return nil, err
	}
	return d.export(ctx, img, &x.opt)
}

func (x *reexport) Close() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.top == nil {
		return nil
	}
	t := x.top
	x.top = nil
	return t.Close()
}

// resumed is a stream that goes on from elsewhere when it breaks.
type resumed struct {
	io.ReadCloser
	ctx   context.Context
	again func(cause error) (io.ReadCloser, error) // nil when it was used
	n     int64
}

func (r *resumed) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.n += int64(n)
	if err == nil || err == io.EOF || r.again == nil || r.ctx.Err() != nil {
		return n, err
	}
	rc, err := r.again(err)
	r.again = nil
	if err != nil {
		return n, err
	}
	r.ReadCloser.Close()
	r.ReadCloser = rc
	if _, err := io.CopyN(io.Discard, rc, r.n); err != nil {
		return n, unexpectedEnd(err)
	}
	return n, nil
}

func unexpectedEnd(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
