package recipe

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/docker-delta/docker-delta/recipe/internal/predeflate"
)

// check reports whether this build can replay the stream inside the format f.
func (p *part) check(f Format) error {
	if (p.fix != nil) != (p.coding.encoder == idCorrected) {
		return fmt.Errorf("%w: corrections without need, or none", ErrInvalid)
	}
	return p.coding.check(f)
}

// corrected writes a stream from its corrections.
type corrected struct{ io.WriteCloser }

func (corrected) release() {}

// correct makes do without an exact encoder for span i: it stores what the
// stream does differently from what would be expected.
func (s *search) correct(i int) (int, error) {
	p := &s.spans[i]
	left := s.opt.MaxCorrections
	for j := range i {
		left -= int64(len(s.spans[j].fix))
	}
	if s.in.Format == Zstd || left <= 0 {
		return 0, ErrNotReproduced
	}
	deflate := io.NewSectionReader(s.in.Compressed, p.body[0], p.body[1]-p.body[0])
	plain := io.NewSectionReader(s.in.Plain, p.plainFrom, p.plain)
	fix, err := predeflate.Analyze(s.ctx, deflate, deflate.Size(), plain, p.plain, left)
	switch {
	case errors.Is(err, predeflate.ErrTooLarge):
		return 0, fmt.Errorf("%w, and corrections take more than %d bytes", ErrNotReproduced, left)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return 0, err
	case err != nil:
		return 0, fmt.Errorf("%w: %w", ErrNotReproduced, err)
	}
	p.fix, p.coding = fix, coding{encoder: idCorrected}
	n, err := s.replay(i, i+1, maxSize, p.coding, s.opt.Concurrency)
	if err == nil && n == 1 {
		s.opt.debugf("stream at byte %d of %d: %d bytes of corrections", p.off, s.in.Size, len(fix))
		return 1, nil
	}
	p.fix, p.coding = nil, coding{}
	if err == nil || s.ctx.Err() == nil {
		err = fmt.Errorf("%w: corrections do not give the stream back: %v", ErrNotReproduced, err)
	}
	return 0, err
}
