// Package docs tests the documentation: every command that a page shows is run
// as it stands there, in the order of the page, and what the page says is printed
// is compared with what is.
//
// Read from a page, in a directory of its own with docker-delta on the PATH:
//
//   - ```console blocks: lines after "$ " are commands (a line after "> " goes on
//     with the one before); the lines below are their output, standard output and error together;
//   - ```sh blocks: a script without output, whose exit status must be 0;
//   - <!-- run: … -->: a script that prepares something and is not shown.
//
// Numbers and hexadecimal digests in outputs may be others than the page shows, but sizes
// and percentages not by much; … stands for anything. A command line ending in "# exit 3"
// must exit so.
//
//   - <!-- needs: docker registry -->: what follows on the page needs these parts;
//   - <!-- shown only: why -->: the next block is not run;
//   - <!-- prints: command -->: the next block shows what the command prints, but not the command;
//   - <!-- sizes vary: why -->: sizes in the next block may be any.
//
// The name registry.example stands for a registry that the test starts.
package docs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker-delta/docker-delta/internal/testrig"
)

func TestCommandsOfPages(t *testing.T) {
	if testing.Short() && os.Getenv("DOCKER_DELTA_TEST_REQUIRE") != "1" {
		t.Skip("runs every command of the documentation; in CI, and without -short")
	}
	pages, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("*/*.md")
	if err != nil {
		t.Fatal(err)
	}
	pages = append(append([]string{"../README.md", "../SECURITY.md"}, pages...), more...)
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", bin, "../cmd/docker-delta")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	commands := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		blocks, err := parsePage(string(text))
		if err != nil {
			t.Errorf("%s: %v", page, err)
			continue
		}
		if len(blocks) == 0 {
			continue
		}
		t.Run(strings.TrimSuffix(strings.TrimPrefix(page, "../"), ".md"), func(t *testing.T) {
			s := newShell(t, bin)
			defer func() { commands += s.commands }()
			for _, b := range blocks {
				s.run(b)
			}
		})
	}
	t.Logf("%d commands run", commands)
}

// A shell runs the blocks of a page, one after the other.
type shell struct {
	t        *testing.T
	dir      string
	env      []string
	registry string
	commands int
}

func newShell(t *testing.T, bin string) *shell {
	dir := t.TempDir()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(dir, "home")
	plugins := filepath.Join(home, ".docker/cli-plugins")
	if err := os.MkdirAll(plugins, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(bin, "docker-delta"), filepath.Join(plugins, "docker-delta")); err != nil {
		t.Fatal(err)
	}
	work := filepath.Join(dir, "work")
	if err := os.Mkdir(work, 0o755); err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "HOME="+home, "PATH="+bin+":"+os.Getenv("PATH"), "SOURCE="+root, "LC_ALL=C.UTF-8",
		"TMPDIR="+mkdir(t, dir, "tmp"), "XDG_RUNTIME_DIR="+mkdir(t, dir, "run"))
	// The home is empty, but what Go has fetched and compiled is not to be had twice.
	for _, name := range []string{"GOPATH", "GOCACHE", "GOMODCACHE"} {
		value, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		env = append(env, name+"="+strings.TrimSpace(string(value)))
	}
	return &shell{t: t, dir: work, env: env}
}

func mkdir(t *testing.T, dir, name string) string {
	dir = filepath.Join(dir, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func (s *shell) run(b block) {
	s.t.Helper()
	for _, need := range b.needs {
		s.need(need)
	}
	if b.script == "" {
		return
	}
	s.commands++
	script := b.script
	if s.registry != "" {
		script = strings.ReplaceAll(script, "registry.example", s.registry)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", script)
	c.Dir, c.Env = s.dir, s.env
	c.WaitDelay = time.Second
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	var exit *exec.ExitError
	code := 0
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		s.t.Fatalf("line %d: %s: %v", b.line, b.script, err)
	}
	printed := out.String()
	if s.registry != "" {
		printed = strings.ReplaceAll(printed, s.registry, "registry.example")
	}
	if code != b.exit {
		s.t.Fatalf("line %d: %s\nexit code %d in place of %d:\n%s", b.line, b.script, code, b.exit, printed)
	}
	if err := compare(b.output, printed, b.vary); b.output != "" && err != nil {
		s.t.Errorf("line %d: %s\n%v; it printed:\n%s\nwhere the page says:\n%s", b.line, b.script, err, printed, b.output)
	}
}

// need starts or finds a part that the page needs from here on.
func (s *shell) need(name string) {
	switch name {
	case "docker":
		// Pages load and remove images under common names.
		if os.Getenv("DOCKER_DELTA_TEST_REQUIRE") != "1" {
			s.t.Skip("changes images in the docker daemon; set DOCKER_DELTA_TEST_REQUIRE=1 to run it")
		}
		s.env = append(s.env, "DOCKER_HOST="+testrig.Docker(s.t).Host)
	case "registry":
		s.registry = testrig.Registry(s.t)
		conf := filepath.Join(s.dir, "../registries.conf")
		text := fmt.Sprintf("[[registry]]\nlocation = %q\ninsecure = true\n", s.registry)
		if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
			s.t.Fatal(err)
		}
		s.env = append(s.env, "CONTAINERS_REGISTRIES_CONF="+conf)
	default:
		testrig.Program(s.t, name)
	}
}
