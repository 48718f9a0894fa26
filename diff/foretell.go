package diff

import (
	"context"

	"github.com/docker-delta/docker-delta/diff/internal/predict"
)

// foreteller replaces the old bytes of executables, in frames that are to be
// coded, by what their models foretell from them. It works ahead of the coding.
type foreteller struct {
	model *predict.Model // of the running group
	old   []byte         // scratch: old bytes of a segment and those behind
}

// frames passes on all frames of in, foretold.
func (w *foreteller) frames(ctx context.Context, in <-chan *frame, out chan<- *frame) error {
	defer close(out)
	for f := range in {
		if err := w.frame(f); err != nil {
			return err
		}
		out <- f // there is room for all frames
	}
	return ctx.Err()
}

func (w *foreteller) frame(f *frame) error {
	look := f.look
	for _, g := range f.segs {
		if g.literal() || g.group == nil {
			continue
		}
		if g.copies != nil {
			var err error
			if w.model, err = predict.New(g.group.params, g.copies); err != nil {
				return err
			}
		}
		i := g.at - f.start
		pred, actual := f.pred[i:i+g.n], f.actual[i:i+g.n]
		w.old = append(append(w.old[:0], pred...), look[:g.look]...)
		look = look[g.look:]
		for c := int64(0); c < g.n; c += chunkSize {
			n := min(chunkSize, g.n-c)
			w.model.Predict(pred[c:c+n], w.old[c:min(c+n+predict.Lookahead, int64(len(w.old)))],
				g.old+c-g.group.old.Off, g.at+c-g.group.new.Off)
			w.model.Update(actual[c : c+n])
		}
	}
	return nil
}
