package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/docker-delta/docker-delta/internal/cli"
)

// disk runs each job on small file systems of growing sizes, for the result and
// for temporary files, until it succeeds.
func (t *torture) disk(r *result) {
	if os.Geteuid() != 0 {
		r.Skipped = "mounting small file systems needs root"
		return
	}
	if err := t.build(); err != nil {
		r.defect("%v", err)
		return
	}
	begin := time.Now()
	defer func() { r.Seconds = time.Since(begin).Seconds() }()
	const page, most = 4, 4096 // kB
	for _, j := range t.jobs() {
		for _, place := range []string{"result", "temporary files"} {
			for kb := page; ; kb += page * t.sample {
				s := t.newScene(j)
				dir := s.out
				if place != "result" {
					dir = s.tmp
				}
				if out, err := exec.Command("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%dk", kb), "none", dir).CombinedOutput(); err != nil {
					r.Skipped = fmt.Sprintf("mount: %v: %s", err, out)
					s.close()
					return
				}
				enough := s.onSmallDisk(r, dir, fmt.Sprintf("%d kB for its %s", kb, place))
				if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
					r.defect("umount: %v: %s", err, out)
				}
				s.close()
				if enough {
					break
				}
				if kb > most {
					r.defect("%s does not succeed with %d kB for its %s", j.name, kb, place)
					break
				}
			}
		}
	}
}

// onSmallDisk runs the job and tells whether there was room enough. When there
// was not, it must say so, leave nothing, and work once there is room.
func (s *scene) onSmallDisk(r *result, dir, what string) bool {
	out, err := s.command().CombinedOutput()
	code := exitCode(err)
	r.count(outcomes[code])
	if code == cli.ExitOK {
		// The next run needs room beside the result that it will replace.
		s.enlarge(r, dir)
		s.check(r, what, code, string(out))
		return true
	}
	if code != cli.ExitFailure || !strings.Contains(string(out), "no space left") {
		r.defect("%s, %s: exit code %d: %s", s.job.name, what, code, out)
	}
	if left := s.left(); len(left) > 0 || s.hasResult() {
		r.defect("%s, %s: left behind: %v", s.job.name, what, left)
	}
	s.enlarge(r, dir)
	s.check(r, what, code, string(out))
	return false
}

func (s *scene) enlarge(r *result, dir string) {
	if out, err := exec.Command("mount", "-o", "remount,size=16m", dir).CombinedOutput(); err != nil {
		r.defect("remount: %v: %s", err, out)
	}
}

func exitCode(err error) int {
	if err == nil {
		return 0
	}
	if exit, ok := err.(*exec.ExitError); ok {
		return exit.ExitCode()
	}
	return -1
}

// together runs each job several times at once, with one result for all.
func (t *torture) together(r *result) {
	if err := t.build(); err != nil {
		r.defect("%v", err)
		return
	}
	begin := time.Now()
	const at, rounds = 4, 20
	for _, j := range t.jobs() {
		s := t.newScene(j)
		for round := 0; round < rounds; round += t.sample {
			var all [at]*exec.Cmd
			var outs [at]strings.Builder
			for i := range all {
				all[i] = s.command()
				all[i].Stdout, all[i].Stderr = &outs[i], &outs[i]
				must(0, all[i].Start())
			}
			for i, cmd := range all {
				err := cmd.Wait()
				code := exitCode(err)
				r.count(outcomes[code])
				if code != 0 {
					r.defect("%s, %d at once: exit code %d: %s", j.name, at, code, outs[i].String())
				}
			}
			if left := s.left(); len(left) > 0 {
				r.defect("%s, %d at once: left behind: %v", j.name, at, left)
			}
			s.check(r, fmt.Sprintf("%d at once", at), 0, "")
		}
		s.close()
	}
	r.Seconds = time.Since(begin).Seconds()
}

// place is what the name of a result leads to before the program runs.
type place struct {
	name string
	make func(s *scene, path string) error
	// file and dir say what must come of a job that writes a file and of one that
	// writes a directory: success or an error, and whether the link is kept.
	file, dir bool
	after     func(s *scene, path string) error
}

func write(path, text string) error { return os.WriteFile(path, []byte(text), 0o600) }

func isLink(_ *scene, path string) error {
	st, err := os.Lstat(path)
	if err == nil && st.Mode()&os.ModeSymlink == 0 {
		err = fmt.Errorf("the link is gone")
	}
	return err
}

func (s *scene) beside(name string) string { return filepath.Join(filepath.Dir(s.out), name) }

var places = []place{
	{"an old file", func(_ *scene, path string) error { return write(path, "old") }, true, false, nil},
	{"an empty directory", func(_ *scene, path string) error { return os.Mkdir(path, 0o755) }, false, true, nil},
	{"a directory of something else", func(_ *scene, path string) error {
		if err := os.Mkdir(path, 0o755); err != nil {
			return err
		}
		return write(filepath.Join(path, "mine"), "mine")
	}, false, false, func(_ *scene, path string) error { _, err := os.Stat(filepath.Join(path, "mine")); return err }},
	{"a link to a file", func(s *scene, path string) error {
		if err := write(s.beside("real"), "old"); err != nil {
			return err
		}
		return os.Symlink(s.beside("real"), path)
	}, true, false, isLink},
	{"a link to an empty directory", func(s *scene, path string) error {
		if err := os.Mkdir(s.beside("real"), 0o755); err != nil {
			return err
		}
		return os.Symlink("../real", path)
	}, false, true, isLink},
	{"a link to nothing", func(s *scene, path string) error { return os.Symlink(s.beside("real"), path) }, true, true, isLink},
	{"a link to a link to nothing", func(s *scene, path string) error {
		if err := os.Symlink("real", s.beside("middle")); err != nil {
			return err
		}
		return os.Symlink("../middle", path)
	}, true, true, isLink},
	{"a link to itself", func(_ *scene, path string) error { return os.Symlink("result", path) }, false, false, isLink},
	{"a link to a missing directory", func(_ *scene, path string) error { return os.Symlink("missing/result", path) }, false, false, isLink},
	{"one of two names of a file", func(s *scene, path string) error {
		if err := write(s.beside("real"), "old"); err != nil {
			return err
		}
		return os.Link(s.beside("real"), path)
	}, true, false, func(s *scene, _ string) error {
		if b, err := os.ReadFile(s.beside("real")); err != nil || string(b) != "old" {
			return fmt.Errorf("the file under its other name is %.20q, %v", b, err)
		}
		return nil
	}},
	{"a name of 255 bytes", nil, true, true, nil},
	{"what killed runs have left, from the year 1970 and from 2100", func(s *scene, path string) error {
		if s.job.name == "apply to an OCI layout" { // which has its temporary files inside
			if err := os.Mkdir(path, 0o755); err != nil {
				return err
			}
			path = filepath.Join(path, "x")
		}
		for name, when := range map[string]time.Time{".docker-delta-AAAAAAAAAAAAAAAA.tmp": time.Unix(1, 0), ".docker-delta-BBBBBBBBBBBBBBBB.tmp": time.Unix(4102444800, 0)} {
			p := filepath.Join(filepath.Dir(path), name)
			if err := write(p, "half"); err != nil {
				return err
			}
			if err := os.Chtimes(p, when, when); err != nil {
				return err
			}
		}
		return nil
	}, true, true, nil},
}

// places runs each job where its result has a name already, of every kind.
func (t *torture) places(r *result) {
	if err := t.build(); err != nil {
		r.defect("%v", err)
		return
	}
	begin := time.Now()
	n := 0
	for _, j := range t.jobs() {
		for _, p := range places {
			if n++; n%t.sample == 0 {
				t.inPlace(r, j, p)
			}
		}
	}
	r.Seconds = time.Since(begin).Seconds()
}

func (t *torture) inPlace(r *result, j job, p place) {
	s := t.newScene(j)
	defer s.close()
	path := filepath.Join(s.out, s.job.result)
	if p.make == nil {
		s.job.result = strings.Repeat("x", 255)
		old := j.args
		s.job.args = func(out string) []string {
			args := old(out)
			for i, a := range args {
				if strings.HasSuffix(a, filepath.Join(out, "result")) {
					args[i] = strings.TrimSuffix(a, "result") + s.job.result
				}
			}
			return args
		}
		path = filepath.Join(s.out, s.job.result)
	} else if err := p.make(s, path); err != nil {
		r.defect("%s: %v", p.name, err)
		return
	}
	out, err := s.command().CombinedOutput()
	code := exitCode(err)
	r.count(outcomes[code])
	want := p.file
	if st, err := os.Stat(path); j.name == "apply to an OCI layout" || j.name == "apply to dir" || err == nil && st.IsDir() && code == 0 {
		want = p.dir
	}
	if want != (code == cli.ExitOK) || code != cli.ExitOK && code != cli.ExitFailure {
		r.defect("%s, %s: exit code %d: %s", j.name, p.name, code, out)
		return
	}
	if code == cli.ExitOK {
		if err := s.job.check(path); err != nil {
			r.defect("%s, %s: %v", j.name, p.name, err)
		}
	}
	if p.after != nil {
		if err := p.after(s, path); err != nil {
			r.defect("%s, %s: %v", j.name, p.name, err)
		}
	}
	for _, dir := range []string{s.out, s.tmp, filepath.Dir(s.out)} {
		for _, name := range list(dir) {
			if strings.HasPrefix(name, ".docker-delta-") {
				r.defect("%s, %s: left behind: %s", j.name, p.name, name)
			}
		}
	}
}
