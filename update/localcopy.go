package update

import (
	"context"

	"github.com/docker-delta/docker-delta/image"
)

// localCopy keeps the target on disk, since every delta to it reads it twice.
type localCopy struct {
	t     *target
	dir   string
	opt   image.Options
	names []string
	src   image.Source
}

func (l *localCopy) open(ctx context.Context) (image.Image, error) {
	if l.src == nil {
		ref := string(image.OCILayout) + ":" + l.dir
		if _, err := image.Write(ctx, ref, l.t, image.WriteOptions{Options: l.opt}); err != nil {
			return nil, err
		}
		platform := l.t.Platform()
		l.opt.Platform = &platform
		src, err := image.Open(ctx, ref, l.opt)
		if err != nil {
			return nil, err
		}
		l.src = src
	}
	return &renamed{l.src, l.names}, nil
}

func (l *localCopy) close() {
	if l.src != nil {
		l.src.Close()
	}
}

// renamed is an image under other names.
type renamed struct {
	image.Image
	names []string
}

func (r *renamed) Names() []string { return r.names }
