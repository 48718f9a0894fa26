package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/docker-delta/docker-delta/internal/cli"
)

// build compiles the program that is tortured as a process of its own.
func (t *torture) build() error {
	if t.program != "" {
		return nil
	}
	path := filepath.Join(t.dir, "docker-delta")
	cmd := exec.Command("go", "build", "-trimpath", "-o", path, "github.com/docker-delta/docker-delta/cmd/docker-delta")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building docker-delta: %w\n%s", err, out)
	}
	t.program = path
	return nil
}

// job is a command whose result is known: what the faults are tried on.
type job struct {
	name string
	// args gives the command line for results in a directory.
	args func(out string) []string
	// result is the name of what the command writes, in that directory.
	result string
	// check fails if the result is not right.
	check func(path string) error
}

func (t *torture) jobs() []job {
	apply := func(name, prefix string) job {
		return job{name, func(out string) []string {
			return []string{"apply", t.deltaPath, "--base", t.basePath, "--to", prefix + filepath.Join(out, "result")}
		}, "result", t.compareImage}
	}
	return []job{
		apply("apply to oci-archive", "oci-archive:"),
		apply("apply to docker-archive", "docker-archive:"),
		apply("apply to an OCI layout", "oci:"),
		apply("apply to dir", "dir:"),
		{"create", func(out string) []string {
			return []string{"create", "--exact", "require", t.basePath, t.targetPath, "-o", filepath.Join(out, "result")}
		}, "result", func(path string) error { return same(path, t.delta) }},
		{"file create", func(out string) []string {
			return []string{"file", "create", t.basePath, t.targetPath, "-o", filepath.Join(out, "result")}
		}, "result", func(path string) error { return same(path, t.patch) }},
		{"file apply", func(out string) []string {
			return []string{"file", "apply", t.basePath, t.patchPath, "-o", filepath.Join(out, "result")}
		}, "result", func(path string) error { return same(path, must(os.ReadFile(t.targetPath))) }},
	}
}

func same(path string, want []byte) error {
	got, err := os.ReadFile(path)
	if err == nil && !bytes.Equal(got, want) {
		err = fmt.Errorf("%s holds other bytes", path)
	}
	return err
}

// compareImage is compare for any kind of archive or layout: a docker-archive
// keeps neither manifest nor compressed layers.
func (t *torture) compareImage(path string) error {
	got, err := identify(path)
	if err != nil {
		return err
	}
	if got.config != t.identity.config {
		return fmt.Errorf("it has config %s", got.config)
	}
	if got.plain != t.identity.plain {
		return fmt.Errorf("it has other layers")
	}
	return nil
}

// scene is where a job is run: a directory for its result and one for its
// temporary files.
type scene struct {
	t        *torture
	job      job
	out, tmp string
}

func (t *torture) newScene(j job) *scene {
	dir := must(os.MkdirTemp(t.dir, "scene-"))
	s := &scene{t: t, job: j, out: filepath.Join(dir, "out"), tmp: filepath.Join(dir, "tmp")}
	must(0, os.Mkdir(s.out, 0o755))
	must(0, os.Mkdir(s.tmp, 0o755))
	return s
}

func (s *scene) close() { os.RemoveAll(filepath.Dir(s.out)) }

func (s *scene) command() *exec.Cmd {
	cmd := exec.Command(s.t.program, append(s.job.args(s.out), "--temp-dir", s.tmp, "--no-progress")...)
	cmd.Env = append(os.Environ(), "TMPDIR="+s.tmp)
	return cmd
}

// left lists what is there beside the result.
func (s *scene) left() []string {
	all := append(list(s.out), list(s.tmp)...)
	if st, err := os.Stat(filepath.Join(s.out, s.job.result)); err == nil && st.IsDir() {
		_ = filepath.WalkDir(filepath.Join(s.out, s.job.result), func(path string, d os.DirEntry, err error) error {
			if err == nil && strings.HasPrefix(d.Name(), ".") {
				all = append(all, path)
			}
			return nil
		})
	}
	return slices.DeleteFunc(all, func(name string) bool { return name == s.job.result })
}

// hasResult tells whether something has the result's name: for a directory, an
// image that can be opened.
func (s *scene) hasResult() bool {
	path := filepath.Join(s.out, s.job.result)
	st, err := os.Lstat(path)
	if err == nil && st.IsDir() {
		_, err = os.Stat(filepath.Join(path, "index.json"))
		if err != nil {
			_, err = os.Stat(filepath.Join(path, "manifest.json"))
		}
	}
	return err == nil
}

// check makes sure of three things: what a run has left is no partial result;
// the next run works; and then nothing is left of the first.
func (s *scene) check(r *result, what string, code int, out string) {
	if s.hasResult() {
		if err := s.job.check(filepath.Join(s.out, s.job.result)); err != nil {
			r.defect("%s, %s: a partial or wrong result: %v (exit code %d: %s)", s.job.name, what, err, code, out)
		}
	} else if code == cli.ExitOK {
		r.defect("%s, %s: success without a result: %s", s.job.name, what, out)
	}
	b, err := s.command().CombinedOutput()
	if err != nil {
		r.defect("%s, %s: the next run: %v: %s", s.job.name, what, err, b)
		return
	}
	if err := s.job.check(filepath.Join(s.out, s.job.result)); err != nil {
		r.defect("%s, %s: the result of the next run: %v", s.job.name, what, err)
	}
	if left := s.left(); len(left) > 0 {
		r.defect("%s, %s: left after the next run: %v", s.job.name, what, left)
	}
	s.reset()
}

func (s *scene) reset() {
	for _, dir := range []string{s.out, s.tmp} {
		for _, name := range list(dir) {
			os.RemoveAll(filepath.Join(dir, name))
		}
	}
}
