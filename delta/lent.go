package delta

import (
	"context"
	"errors"
	"io"

	"github.com/docker-delta/docker-delta/image"
)

// lentLayers are layers of the base that are read where they lie, and only where a
// delta needs them. That they are the right ones follows from the result; only where
// there is none are they read as a whole, to tell whether they are to blame.
type lentLayers struct {
	layers []image.Layer
	files  []image.PlainFile
}

// lend lends the base's layers to the pages that can be read at any place.
func (w *rebuild) lend(ctx context.Context) {
	if w.given {
		return
	}
	for i, r := range w.st.reference {
		l := w.base[r.DiffID]
		direct, ok := l.(image.Direct)
		if !ok || !w.use.Layer(i) {
			continue
		}
		if f := direct.PlainAt(ctx); f != nil {
			if l.Size() != r.Size {
				f.Close()
				continue
			}
			w.lent.layers, w.lent.files = append(w.lent.layers, l), append(w.lent.files, f)
			w.pages.Lend(w.st.ref.LayerAt(i), r.Size, f)
		}
	}
}

// suspect returns the error of a layer that is not what its digest says.
func (l *lentLayers) suspect(ctx context.Context) error {
	for _, layer := range l.layers {
		r, err := layer.Plain(ctx)
		if err == nil {
			_, err = io.Copy(io.Discard, r)
			err = errors.Join(err, r.Close())
		}
		if err != nil && ctx.Err() == nil {
			return asBase(layer.DiffID(), err)
		}
	}
	return nil
}

func (l *lentLayers) close() error {
	var err error
	for _, f := range l.files {
		err = errors.Join(err, f.Close())
	}
	l.layers, l.files = nil, nil
	return err
}
