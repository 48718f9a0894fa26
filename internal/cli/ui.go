package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/docker-delta/docker-delta/delta"
)

// ui is the only place that talks to people. Its rules: results on the standard
// output, one fact a line, nothing but the result; all else on the standard
// error. An error starts with "error: " and says what failed, why and, where
// there is one, the remedy. Progress is shown by [view]. NO_COLOR is honoured by there being
// no colour.
type ui struct {
	out, err   io.Writer
	quiet      bool
	debugOn    bool
	noProgress bool
	start      time.Time

	mu     sync.Mutex
	view   view
	stage  string // for --debug: the one that runs, and since when
	staged time.Time
}

func newUI(out, err io.Writer) *ui {
	u := &ui{out: out, err: err, start: time.Now(), view: view{w: err, now: time.Now}}
	if f, ok := err.(*os.File); ok {
		u.view.terminal = term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
		u.view.width = func() int {
			if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 {
				return columns
			}
			return 80
		}
	}
	return u
}

func (u *ui) configure(quiet, debug, noProgress bool) {
	u.quiet, u.debugOn, u.noProgress = quiet, debug, noProgress
}

// result prints what the command was asked for.
func (u *ui) result(format string, args ...any) error {
	u.done()
	_, err := fmt.Fprintf(u.out, format+"\n", args...)
	return err
}

// say tells something worth knowing beside the result.
func (u *ui) say(format string, args ...any) {
	if !u.quiet {
		u.print(format, args...)
	}
}

// warn tells what the user should act upon.
func (u *ui) warn(format string, args ...any) { u.print("warning: "+format, args...) }

func (u *ui) error(err error) {
	text := err.Error()
	if do := remedy(err); do != "" {
		text += "; " + do
	}
	if errors.Is(err, delta.ErrVerify) || errors.Is(err, delta.ErrBase) {
		text += "; nothing was changed"
	}
	u.print("error: %s", text)
}

// debugf is nil unless --debug was given, so that nobody formats in vain.
func (u *ui) debugf() func(string, ...any) {
	if !u.debugOn {
		return nil
	}
	return func(format string, args ...any) {
		u.print("debug: %7.3fs %s", time.Since(u.start).Seconds(), fmt.Sprintf(format, args...))
	}
}

func (u *ui) print(format string, args ...any) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.view.clear()
	fmt.Fprintf(u.err, format+"\n", args...)
	if u.view.terminal {
		u.view.draw()
	}
}

// progress shows how far the work is.
func (u *ui) progress(p delta.Progress) {
	if u.quiet {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.debugOn {
		if !p.Finished {
			u.enter(p.Stage)
		}
		// Its lines tell enough where nothing can be drawn over.
		if !u.view.terminal {
			return
		}
	}
	if !u.noProgress {
		u.view.update(p)
	}
}

// enter notes, for --debug, that a stage begins, and how long the last one took.
func (u *ui) enter(stage string) {
	if stage == u.stage {
		return
	}
	now := time.Now()
	if u.stage != "" {
		u.view.clear()
		fmt.Fprintf(u.err, "debug: %7.3fs %s took %.3fs\n", now.Sub(u.start).Seconds(), u.stage, now.Sub(u.staged).Seconds())
	}
	u.stage, u.staged = stage, now
}

// done takes the view away.
func (u *ui) done() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.view.end()
	if u.debugOn {
		u.enter("")
	}
}

// percent is the share that n has of whole.
func percent(n, whole int64) float64 { return 100 * float64(n) / float64(max(whole, 1)) }

// size writes bytes for people.
func size(n int64) string {
	const unit = 1000
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	f, prefix := float64(n), ""
	for _, prefix = range strings.Split("kMGT", "") {
		if f /= unit; f < unit-0.5 { // what rounds to 1000 takes the next prefix
			break
		}
	}
	return fmt.Sprintf("%.3g %sB", f, prefix)
}
