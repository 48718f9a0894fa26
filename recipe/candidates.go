package recipe

import (
	"fmt"
	"sort"
	"sync"
)

// String describes the coding for people.
func (c coding) String() string {
	e := encoders[c.encoder]
	if e == nil {
		return fmt.Sprintf("encoder %d level %d", c.encoder, c.level)
	}
	s := fmt.Sprintf("%s %s level %d", e.name, e.class, c.level)
	switch c.framing {
	case pgzip:
		s += fmt.Sprintf(" in pgzip blocks of %d KiB", c.arg>>10)
	case pigz:
		s += fmt.Sprintf(" in pieces of %d KiB", c.arg>>10)
	case flushOnce:
		s += fmt.Sprintf(" flushed after %d bytes", c.arg)
	}
	return s
}

// candidates lists the codings that may have written the span, likely ones first.
func (in *Input) candidates(s *span, hints []coding, hintOnly bool) []coding {
	list := make([]coding, 0, 64)
	seen := make(map[coding]bool)
	add := func(c coding) {
		if !seen[c] && c.check(in.Format) == nil {
			seen[c] = true
			list = append(list, c)
		}
	}
	for _, c := range hints {
		add(c)
	}
	if hintOnly {
		return list
	}
	var more []coding
	for _, e := range registry {
		if (e.format == Zstd) != (in.Format == Zstd) {
			continue
		}
		for _, l := range e.levels {
			for _, f := range e.framings {
				c := coding{encoder: e.id, framing: f, level: l}
				more = append(more, c)
			}
		}
	}
	sort.SliceStable(more, func(i, j int) bool { return false })
	for _, c := range more {
		add(c)
	}
	return list
}

// weed drops the candidates that fail on the first bytes of span i.
func (s *search) weed(i int, list []coding) ([]coding, error) {
	alive := make([]int, len(list))
	errs := make([]error, len(list))
	var wg sync.WaitGroup
	slots := make(chan struct{}, max(1, s.opt.Concurrency))
	for k, c := range list {
		slots <- struct{}{}
		wg.Add(1)
		go func() {
			defer wg.Done()
			alive[k], errs[k] = s.try(i, c, weedSize)
			<-slots
		}()
	}
	wg.Wait()
	var left []coding
	for k, c := range list {
		if errs[k] != nil {
			return nil, errs[k]
		}
		if alive[k] > 0 {
			left = append(left, c)
		}
	}
	return left, nil
}
