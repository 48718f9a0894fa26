package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/mattn/go-isatty"

	"github.com/docker-delta/docker-delta/delta"
)

// ui is the only place that talks to people. Its rules: results on the standard
// output, one fact a line, nothing but the result; all else on the standard
// error. An error starts with "error: " and says what failed, why and, where
// there is one, the remedy. Progress is one line that is overwritten on a
// terminal, and one line a stage elsewhere. NO_COLOR is honoured by there being
// no colour.
type ui struct {
	out, err   io.Writer
	quiet      bool
	debugOn    bool
	noProgress bool
	terminal   bool
	start      time.Time

	mu     sync.Mutex
	line   string // the progress line that is on the screen
	stage  string
	staged time.Time
}

func newUI(out, err io.Writer) *ui {
	u := &ui{out: out, err: err, start: time.Now()}
	if f, ok := err.(*os.File); ok {
		u.terminal = isatty.IsTerminal(f.Fd()) && os.Getenv("TERM") != "dumb"
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
	if errors.Is(err, delta.ErrVerify) || errors.Is(err, delta.ErrBase) {
		u.print("error: %v; nothing was changed", err)
		return
	}
	u.print("error: %v", err)
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
	u.clear()
	fmt.Fprintf(u.err, format+"\n", args...)
	if u.line != "" {
		fmt.Fprint(u.err, u.line)
	}
}

func (u *ui) clear() {
	if u.line != "" {
		fmt.Fprint(u.err, "\r\x1b[K")
	}
}

// progress shows how far the work is.
func (u *ui) progress(p delta.Progress) {
	if u.quiet {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if p.Stage != u.stage && u.debugOn {
		now := time.Now()
		if u.stage != "" {
			u.clear()
			fmt.Fprintf(u.err, "debug: %7.3fs %s took %.3fs\n", now.Sub(u.start).Seconds(), u.stage, now.Sub(u.staged).Seconds())
		}
		u.staged = now
	}
	isNew := p.Stage != u.stage
	u.stage = p.Stage
	if u.noProgress {
		return
	}
	text := p.Stage
	if p.Layers > 1 {
		text += fmt.Sprintf(" (layer %d of %d)", p.Layer, p.Layers)
	}
	switch {
	case u.terminal:
		u.clear()
		u.line = text + " …"
		fmt.Fprint(u.err, u.line)
	case isNew && !u.debugOn:
		fmt.Fprintf(u.err, "%s …\n", p.Stage)
	}
}

// done takes the progress line away.
func (u *ui) done() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.clear()
	u.line = ""
	if u.debugOn && u.stage != "" {
		fmt.Fprintf(u.err, "debug: %7.3fs %s took %.3fs\n", time.Since(u.start).Seconds(), u.stage, time.Since(u.staged).Seconds())
	}
	u.stage = ""
}

// size writes bytes for people.
func size(n int64) string {
	const unit = 1000
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	f, prefix := float64(n), ""
	for _, prefix = range strings.Split("kMGT", "") {
		if f /= unit; f < unit {
			break
		}
	}
	return fmt.Sprintf("%.3g %sB", f, prefix)
}
