package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/docker-delta/docker-delta/delta"
)

// How often the view is drawn, and how often it is told what goes on where
// nothing can be drawn over.
const (
	redrawEvery  = 100 * time.Millisecond
	mentionEvery = 5 * time.Second
	// settled is how long a step must run before its speed means something.
	settled = 2 * time.Second
)

// view shows the steps that are being worked on: on a terminal one line each,
// drawn over and over, elsewhere a line every few seconds, so that what is done
// at once says nothing.
type view struct {
	w        io.Writer
	terminal bool
	width    func() int // columns
	now      func() time.Time

	steps    []*step
	lines    int // that are on the screen
	drawn    time.Time
	mentions time.Time // when the last line was written, or the work began
}

// A step is a stage of the work on one layer, or on all of them.
type step struct {
	delta.Progress
	start time.Time
	first int64 // bytes done when it was first heard of
}

func (s *step) same(p delta.Progress) bool { return s.Stage == p.Stage && s.Layer == p.Layer }

// update takes in how far a step is, and shows it when it is time to.
func (v *view) update(p delta.Progress) {
	now := v.now()
	i := slices.IndexFunc(v.steps, func(s *step) bool { return s.same(p) })
	switch {
	case p.Finished && i >= 0:
		v.steps = slices.Delete(v.steps, i, i+1)
	case p.Finished:
		return
	case i >= 0:
		v.steps[i].Progress = p
	default:
		// A stage that says nothing of bytes ends when another begins.
		v.steps = slices.DeleteFunc(v.steps, func(s *step) bool { return s.Done == 0 && s.Total == 0 })
		v.steps = append(v.steps, &step{Progress: p, start: now, first: p.Done})
	}
	if v.terminal {
		if now.Sub(v.drawn) >= redrawEvery {
			v.draw()
		}
		return
	}
	if v.mentions.IsZero() {
		v.mentions = now
	}
	if i = slices.IndexFunc(v.steps, func(s *step) bool { return s.same(p) }); i >= 0 && now.Sub(v.mentions) >= mentionEvery {
		v.mentions = now
		fmt.Fprintln(v.w, v.steps[i].text(now))
	}
}

// draw writes the lines anew.
func (v *view) draw() {
	v.clear()
	v.drawn = v.now()
	columns := max(v.width(), 20)
	var b strings.Builder
	for i, s := range v.steps {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(cutText(s.text(v.drawn), columns-1))
	}
	v.lines = len(v.steps)
	_, _ = io.WriteString(v.w, b.String())
}

// clear takes the lines from the screen.
func (v *view) clear() {
	if v.lines > 0 {
		_, _ = io.WriteString(v.w, "\r\x1b[K"+strings.Repeat("\x1b[1A\x1b[K", v.lines-1))
	}
	v.lines = 0
}

// end forgets all steps.
func (v *view) end() {
	v.clear()
	v.steps, v.mentions = nil, time.Time{}
}

// text is a step as a person reads it: what, how far, how fast, how long still.
func (s *step) text(now time.Time) string {
	t := s.Stage
	if s.Layers > 1 {
		t += fmt.Sprintf(", layer %d of %d", s.Layer, s.Layers)
	}
	switch {
	case s.Total > 0:
		t += fmt.Sprintf(": %d%% of %s", 100*min(s.Done, s.Total)/s.Total, size(s.Total))
	case s.Done > 0:
		t += ": " + size(s.Done)
	default:
		return t + " …"
	}
	took := now.Sub(s.start)
	rate := float64(s.Done-s.first) / max(took.Seconds(), 1e-3)
	if took < settled || rate < 1 {
		return t
	}
	t += fmt.Sprintf(", %s/s", size(int64(rate)))
	if left := float64(s.Total-s.Done) / rate; s.Total > s.Done && left < 100*3600 {
		t += ", " + clock(time.Duration(left*float64(time.Second))) + " left"
	}
	return t
}

// clock writes a time as m:ss or h:mm:ss.
func clock(d time.Duration) string {
	n := int(d.Round(time.Second) / time.Second)
	if n >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", n/3600, n/60%60, n%60)
	}
	return fmt.Sprintf("%d:%02d", n/60, n%60)
}

// cutText keeps a line within so many columns; all that is written here takes
// one column a character.
func cutText(s string, columns int) string {
	if r := []rune(s); len(r) > columns {
		return string(r[:columns-1]) + "…"
	}
	return s
}
