package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// A result is one tool's work on one subject.
type result struct {
	Tool   string `json:"tool"`
	Label  string `json:"label"`
	Ours   bool   `json:"ours,omitempty"`
	Size   int64  `json:"size,omitempty"` // of the delta, bytes
	Create cost   `json:"create"`
	Apply  cost   `json:"apply"`
	Failed string `json:"failed,omitempty"` // why there are no figures

	Run   time.Time `json:"run"`   // when the run that measured it began
	Ended time.Time `json:"ended"` // when this was measured
}

// A subject is an old and a new file that the tools were run on: a layer of a
// pair, or its whole images.
type subject struct {
	Pair    string   `json:"pair"`
	Title   string   `json:"title"`
	Image   bool     `json:"image,omitempty"`
	OldSize int64    `json:"old_size"`
	NewSize int64    `json:"new_size"`
	Sum     string   `json:"sum"` // identity of the new file
	Results []result `json:"results"`

	old, new string
}

func (s subject) key() string {
	if s.Image {
		return s.Pair + " (image)"
	}
	return s.Pair
}

// A report is everything that one run measured.
type report struct {
	CPU      string            `json:"cpu"`
	Cores    int               `json:"cores"`
	Go       string            `json:"go"`
	Suite    string            `json:"suite"`
	Versions map[string]string `json:"versions"`       // of the tools that tell
	Note     string            `json:"note,omitempty"` // what a reader has to know about the runs
	Subjects []subject         `json:"subjects"`
}

func newReport(suite string) *report {
	return &report{CPU: cpuModel(), Cores: runtime.NumCPU(), Go: runtime.Version(), Suite: suite, Versions: map[string]string{}}
}

func cpuModel() string {
	data, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(data)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == "model name" {
			return strings.TrimSpace(v)
		}
	}
	return runtime.GOARCH
}

// subjects gives what of a pair is measured.
func subjects(p pair, layers, images bool) []subject {
	var all []subject
	if p.Old != "" && layers {
		all = append(all, subject{Pair: p.Name, Title: p.Title, old: p.Old, new: p.New})
	}
	// A pair of one layer has nothing more to tell as an image.
	oneLayer := p.Name == "base" || p.Name == "caddy"
	if p.Old == "" || images && !oneLayer {
		all = append(all, subject{Pair: p.Name, Title: p.Title, Image: true, old: p.V1, new: p.V2})
	}
	return all
}

// A runner measures tools on subjects, one at a time.
type runner struct {
	tmp     string
	timeout time.Duration // of one command
	begun   time.Time
	log     func(format string, args ...any)
}

func (r *runner) measure(ctx context.Context, s *subject, all []tool) error {
	for _, f := range []struct {
		name string
		size *int64
	}{{s.old, &s.OldSize}, {s.new, &s.NewSize}} {
		// Reading them also brings both into the page cache, for every tool alike.
		d, err := describeFile(f.name)
		if err != nil {
			return err
		}
		*f.size = d.Size
	}
	want, err := identity(s.new, s.Image)
	if err != nil {
		return err
	}
	s.Sum = want
	for _, t := range all {
		if s.Image && !t.images || t.maxOld > 0 && s.OldSize > t.maxOld {
			continue
		}
		res := result{Tool: t.Name, Label: t.Label, Ours: t.ours}
		if err := r.one(ctx, s, t, want, &res); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			res = result{Tool: t.Name, Label: t.Label, Ours: t.ours, Failed: err.Error()}
			r.log("%s: %s failed: %v", s.key(), t.Label, err)
		} else {
			r.log("%-18s %-32s %11d bytes  create %s  apply %s", s.key(), t.Label, res.Size, res.Create, res.Apply)
		}
		res.Run, res.Ended = r.begun, time.Now().UTC().Truncate(time.Second)
		s.Results = append(s.Results, res)
	}
	return nil
}

// What takes little time is done several times, and the quickest counts, as what
// else the machine does then weighs much.
const (
	quickRuns = 3
	quick     = 8 * time.Second // for all runs of one kind
)

// quickest measures commands, several times if they are quick. Before each time,
// what the last has made is removed.
func (r *runner) quickest(ctx context.Context, commands [][]string, made string) (best cost, err error) {
	var sum time.Duration
	for i := range quickRuns {
		if i > 0 && sum+best.Wall > quick {
			break
		}
		if err := os.RemoveAll(made); err != nil {
			return best, err
		}
		c, err := r.all(ctx, commands)
		if err != nil {
			return best, err
		}
		if sum += c.Wall; i == 0 || c.Wall < best.Wall {
			best = c
		}
	}
	return best, nil
}

// one runs create and apply of one tool and checks what apply gave.
func (r *runner) one(ctx context.Context, s *subject, t tool, want string, res *result) error {
	dir, err := os.MkdirTemp(r.tmp, "run-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	j := job{
		Old: s.old, New: s.new, Image: s.Image, oldSize: s.OldSize, Tmp: dir,
		Delta: filepath.Join(dir, "delta"), Out: filepath.Join(dir, "out"),
	}
	if t.create != nil {
		if res.Create, err = r.quickest(ctx, t.create(j), j.Delta); err != nil {
			return fmt.Errorf("create: %w", err)
		}
		fi, err := os.Stat(j.Delta)
		if err != nil {
			return err
		}
		res.Size = fi.Size()
	}
	if t.prepare != nil {
		if _, err := r.all(ctx, t.prepare(j)); err != nil {
			return fmt.Errorf("prepare: %w", err)
		}
	}
	if res.Apply, err = r.quickest(ctx, t.apply(j), j.Out); err != nil {
		return fmt.Errorf("apply: %w", err)
	}
	got, err := identity(j.Out, s.Image)
	if err != nil {
		return err
	}
	if got != want {
		return errors.New("the rebuilt file is another one")
	}
	return nil
}

func (r *runner) all(ctx context.Context, commands [][]string) (cost, error) {
	var sum cost
	for _, argv := range commands {
		limited, cancel := context.WithTimeout(ctx, r.timeout)
		c, err := run(limited, argv)
		cancel()
		if err != nil {
			return sum, err
		}
		sum = sum.plus(c)
	}
	return sum, nil
}

// identity is what a rebuilt file must have in common with the real one: the
// hash of a layer; of an image its config and DiffIDs, as an archive may put
// the same image in other bytes.
func identity(name string, isImage bool) (string, error) {
	if isImage {
		return imageIdentity(name)
	}
	d, err := describeFile(name)
	return d.Digest, err
}

func selectTools(all []tool, names []string) ([]tool, error) {
	if len(names) == 0 {
		return all, nil
	}
	var picked []tool
	for _, n := range names {
		found := false
		for _, t := range all {
			if t.Name == n || n == "ours" && t.ours || n == "peers" && !t.ours {
				found = true
				if !slices.ContainsFunc(picked, func(p tool) bool { return p.Name == t.Name }) {
					picked = append(picked, t)
				}
			}
		}
		if !found {
			return nil, fmt.Errorf("no tool is called %q", n)
		}
	}
	return picked, nil
}

func (c cost) String() string {
	return fmt.Sprintf("%.2fs wall %.2fs CPU %d MB", c.Wall.Seconds(), c.CPU.Seconds(), c.Peak/1e6)
}

// copyAndHash is the work that no apply can avoid: read the old file, write the
// new one and hash it.
func copyAndHash(old, new, out string) error {
	f, err := os.Open(old)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.Copy(onlyWriter{io.Discard}, f); err != nil {
		return err
	}
	in, err := os.Open(new)
	if err != nil {
		return err
	}
	defer in.Close()
	w, err := os.Create(out)
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.MultiWriter(w, sha256.New()), in); err != nil {
		w.Close()
		return err
	}
	return w.Close()
}

// onlyWriter hides shortcuts of a writer, so that data is really read.
type onlyWriter struct{ io.Writer }
