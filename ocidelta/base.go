package ocidelta

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/internal/spool"
	"github.com/docker-delta/docker-delta/ocidelta/internal/tardiff"
)

// maxRounds bounds how often the base is read again because a wanted name is a
// hard link to something that was passed over.
const maxRounds = 16

// files are those of a base that are wanted, as a container of it sees them.
type files struct {
	dir    *spool.Dir
	spool  *spool.File
	size   int64
	layers []image.Layer // lowest first

	found map[string]*extent // by name
}

// extent is where a file's bytes are in the spool.
type extent struct{ off, size int64 }

// wanted is a name that is looked for from a layer downwards.
type wanted struct {
	name string // that the tar-diff uses
	path string // to look for: name, or what it is a link to
	top  int    // number of the layer
}

// gather spools the wanted files of a base. It fails with delta.ErrBase when one
// is not there.
func gather(ctx context.Context, dir *spool.Dir, base image.Image, names map[string]bool, progress func(i, n int)) (*files, error) {
	f := &files{dir: dir, layers: base.Layers(), found: map[string]*extent{}}
	var err error
	if f.spool, err = dir.Create(); err != nil {
		return nil, err
	}
	var list []wanted
	for n := range names {
		list = append(list, wanted{n, n, len(f.layers) - 1})
	}
	for round := 0; len(list) > 0 && err == nil; round++ {
		if round == maxRounds {
			err = fmt.Errorf("%w: hard links lead on more than %d times", delta.ErrBase, maxRounds)
			break
		}
		list, err = f.look(ctx, list, progress)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// look goes through the layers once, highest first, and gives back the names
// that are links to something it has passed.
func (f *files) look(ctx context.Context, list []wanted, progress func(i, n int)) (links []wanted, err error) {
	open := map[string][]wanted{} // by path
	for _, w := range list {
		open[w.path] = append(open[w.path], w)
	}
	for _, same := range open {
		slices.SortFunc(same, func(a, b wanted) int { return b.top - a.top })
	}
	for i := len(f.layers) - 1; i >= 0 && len(open) > 0; i-- {
		progress(len(f.layers)-i, len(f.layers))
		l, err := f.layer(ctx, i, open)
		if err != nil {
			return nil, err
		}
		links = append(links, l...)
	}
	for p := range open {
		return nil, fmt.Errorf("%w: it has no file %q, from which the package builds", delta.ErrBase, p)
	}
	return links, nil
}

// layer takes what it finds in a layer out of open.
func (f *files) layer(ctx context.Context, i int, open map[string][]wanted) (links []wanted, err error) {
	rc, err := f.layers[i].Plain(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", delta.ErrBase, err)
	}
	defer rc.Close()
	here := map[string]*extent{}  // files of this layer that are wanted
	linked := map[string]string{} // wanted names that are hard links
	hidden := whiteouts{}
	tr := tar.NewReader(rc)
	for {
		h, err := tr.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", delta.ErrBase, err)
		}
		name := tardiff.Clean(h.Name)
		if hidden.add(name) || !wantedFrom(open[name], i) {
			continue
		}
		delete(here, name) // of several entries the last counts
		delete(linked, name)
		switch h.Typeflag {
		case tar.TypeReg:
			e := &extent{f.size, h.Size}
			n, err := io.Copy(f.spool, tr)
			if err != nil {
				return nil, baseError(err)
			}
			f.size += n
			e.size = n
			here[name] = e
		case tar.TypeLink:
			linked[name] = tardiff.Clean(h.Linkname)
		case tar.TypeDir:
		default:
			hidden[name] |= itself
		}
	}
	if _, err := io.Copy(io.Discard, rc); err != nil { // to the end, where it is verified
		return nil, baseError(err)
	}
	for p, list := range open {
		var left []wanted
		for _, w := range list {
			e, found := here[p]
			to, isLink := linked[p]
			switch {
			case w.top < i:
				left = append(left, w)
			case found:
				f.found[w.name] = e
			case isLink && len(to) <= tardiff.MaxName:
				links = append(links, wanted{w.name, to, i})
			case hidden.hides(p):
				return nil, fmt.Errorf("%w: it has no file %q any more, from which the package builds", delta.ErrBase, p)
			default:
				left = append(left, w)
			}
		}
		if len(left) == 0 {
			delete(open, p)
		} else {
			open[p] = left
		}
	}
	return links, nil
}

// wantedFrom looks only at the first: the others start at the same layer or below.
func wantedFrom(list []wanted, layer int) bool { return len(list) > 0 && list[0].top >= layer }

func baseError(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, spool.ErrLimit) {
		return err
	}
	return fmt.Errorf("%w: %w", delta.ErrBase, err)
}

// open gives a file that was gathered.
func (f *files) open(name string) (*io.SectionReader, error) {
	e := f.found[name]
	if e == nil {
		return nil, corrupt("it reads file %q, of which it did not tell before", name)
	}
	return io.NewSectionReader(f.spool, e.off, e.size), nil
}

// Close removes the temporary file.
func (f *files) Close() error { return f.spool.Close() }
