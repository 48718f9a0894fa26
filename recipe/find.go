package recipe

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Find returns the recipe that turns in.Plain into in.Compressed.
//
// The headers, and Options.Hint, tell which encoders to try first. Each is run
// over the plain bytes and dropped at the first byte that differs, so that the
// search costs about as much as compressing once; the one that is left has
// written every byte of in.Compressed. Without one the error wraps
// [ErrNotReproduced]; other errors come from reading or from ctx, or say that
// in.Compressed is broken or does not belong to in.Plain.
func Find(ctx context.Context, in Input, opt Options) (*Recipe, error) {
	if in.Size < 0 || in.PlainSize < 0 || in.Size > maxSize || in.PlainSize > maxSize {
		return nil, fmt.Errorf("%w: negative or huge size", ErrMismatch)
	}
	spans, err := in.scan()
	if err != nil {
		return nil, err
	}
	s := &search{ctx: ctx, in: &in, opt: &opt, spans: spans}
	first := s.run()
	if err = first; in.Format == Gzip && errors.Is(first, ErrNotReproduced) && len(spans) == 1 {
		// The one member was a guess.
		if s.spans, err = in.scanMembers(); err != nil {
			return nil, err
		}
		if len(s.spans) == 1 {
			return nil, first
		}
		err = s.run()
	}
	if err != nil {
		return nil, err
	}
	return in.recipe(s.spans), nil
}

// recipe makes the recipe of solved spans.
func (in *Input) recipe(spans []span) *Recipe {
	r := &Recipe{format: in.Format}
	for i := range spans {
		r.parts = append(r.parts, spans[i].part)
		r.plain += spans[i].plain
		r.size += spans[i].end - spans[i].off
	}
	return r
}

// search finds the coding of every span, in their order.
type search struct {
	ctx   context.Context
	in    *Input
	opt   *Options
	spans []span
}

// weedSize is the number of plain bytes on which candidates are tried, as many
// at once as there are cores, before those left are tried on everything; weedFrom
// is the size from which on that pays.
const (
	weedSize = 1<<20 + 64<<10
	weedFrom = 4 << 20
)

func (s *search) run() error {
	for i := 0; i < len(s.spans); {
		if !s.spans[i].stream {
			i++
			continue
		}
		n, err := s.solve(i)
		if err != nil {
			return err
		}
		i += n
	}
	return nil
}

// solve finds the coding of span i, and gives it to as many spans after it as it
// fits. It returns the number of spans solved.
func (s *search) solve(i int) (int, error) {
	list, err := s.in.candidates(&s.spans[i], s.hints(i), s.opt.HintOnly)
	if err != nil {
		return 0, err
	}
	best, most, err := s.longest(i, list)
	if err == nil && most == 0 && !s.opt.HintOnly {
		best, most, err = s.longest(i, s.in.lateCandidates(&s.spans[i]))
	}
	if err != nil {
		return 0, err
	}
	if most == 0 {
		return s.correct(i)
	}
	s.assign(i, most, best)
	return most, nil
}

// longest returns the coding of the list that fits the most spans from i on, and
// their number.
func (s *search) longest(i int, list []coding) (best coding, most int, err error) {
	sieve := s.sieve(i)
	for len(list) > 0 && i+most < len(s.spans) {
		var chunk []coding
		if chunk, list, err = sieve.next(list, max(1, s.opt.Concurrency)); err != nil {
			return best, 0, err
		}
		if s.plainFrom(i) >= weedFrom {
			if chunk, err = s.weed(i, chunk); err != nil {
				return best, 0, err
			}
		}
		for _, c := range chunk {
			n, err := s.try(i, c, maxSize, s.opt.Concurrency)
			if err != nil {
				return best, 0, err
			}
			if n > most {
				best, most = c, n
			}
			if i+n == len(s.spans) {
				break
			}
		}
	}
	return best, most, nil
}

func (s *search) assign(i, n int, c coding) {
	for j := i; j < i+n; j++ {
		if s.spans[j].stream {
			s.spans[j].coding = c
		}
	}
}

// hints returns the codings to be tried first for span i.
func (s *search) hints(i int) []coding {
	var list []coding
	for j := i - 1; j >= 0; j-- {
		if s.spans[j].stream {
			list = append(list, s.spans[j].coding)
			break
		}
	}
	if h := s.opt.Hint; h != nil {
		for j := range h.parts {
			if p := &h.parts[j]; p.stream && (len(list) == 0 || list[len(list)-1] != p.coding) {
				list = append(list, p.coding)
			}
			if len(list) == 4 {
				break
			}
		}
	}
	return list
}

func (s *search) plainFrom(i int) int64 { return s.in.PlainSize - s.spans[i].plainFrom }

var errDiffers = errors.New("differs")

// try replays spans from i on as if c had written them, up to limit plain bytes,
// and returns the number of spans that come out right. With a limit, spans that
// have not come out wrong count as well.
func (s *search) try(i int, c coding, limit int64, cores int) (int, error) {
	return s.replay(i, len(s.spans), limit, c, cores)
}

// replay is try for the spans from i to j.
func (s *search) replay(i, j int, limit int64, c coding, cores int) (int, error) {
	spans := s.spans[i:j]
	r := &Recipe{format: s.in.Format, size: maxSize}
	from, whole := spans[0], true
	var plain int64
	for k := range spans {
		if plain > limit {
			whole = false
			break
		}
		p := spans[k].part
		if p.stream {
			p.coding = c
		}
		r.parts = append(r.parts, p)
		plain += p.plain
	}
	if plain > limit {
		plain, whole = limit, false
	}
	same := &compareWriter{r: s.in.Compressed, at: from.off, size: s.in.Size}
	w, err := r.NewWriter(same, WriterOptions{Concurrency: cores})
	if err != nil {
		return 0, err
	}
	p := w.(*player)
	err = feed(s.ctx, w, io.NewSectionReader(s.in.Plain, from.plainFrom, plain))
	if err == nil && whole {
		p.r.size = spans[len(spans)-1].end - from.off
		err = w.Close()
	} else {
		p.abandon()
	}
	if err == nil {
		return len(r.parts), nil
	}
	if !errors.Is(err, errDiffers) && !errors.Is(err, ErrMismatch) {
		return 0, err
	}
	n := 0
	for n < len(r.parts) && spans[n].end <= same.at {
		n++
	}
	s.opt.debugf("%s: %d streams fit, differs at byte %d of %d", c, n, same.at, s.in.Size)
	return n, nil
}

// feed copies r to w until ctx is done.
func feed(ctx context.Context, w io.Writer, r io.Reader) error {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	const size = 64 << 10
	if cap(*buf) < size {
		*buf = make([]byte, size)
	}
	b := (*buf)[:size]
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := r.Read(b)
		if n > 0 {
			if _, err := w.Write(b[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the plain bytes: %w", err)
		}
	}
}

// compareWriter compares what is written to it with r from at on.
type compareWriter struct {
	r    io.ReaderAt
	at   int64 // end of what is equal
	size int64
	err  error
	buf  [4096]byte
}

func (c *compareWriter) Write(b []byte) (n int, err error) {
	if c.err != nil {
		return 0, c.err
	}
	n, c.err = c.compare(b)
	return n, c.err
}

func (c *compareWriter) compare(b []byte) (int, error) {
	done := 0
	for done < len(b) {
		want := c.buf[:min(int64(len(b)-done), int64(len(c.buf)), c.size-c.at)]
		if len(want) == 0 {
			return done, errDiffers
		}
		if n, err := c.r.ReadAt(want, c.at); n < len(want) {
			return done, fmt.Errorf("reading the compressed bytes: %w", err)
		}
		for i, x := range want {
			if b[done+i] != x {
				c.at += int64(i)
				return done + i, errDiffers
			}
		}
		c.at += int64(len(want))
		done += len(want)
	}
	return done, nil
}
