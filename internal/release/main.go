// Command release makes everything that a release consists of, in one directory:
// static programs for all platforms in archives with their manual, Debian packages,
// a container image built from scratch, licences, bills of materials and checksums.
//
//	go run ./internal/release -version v1.2.3 -out dist
//
// It replaces a release that lies in the directory, and refuses one that holds anything
// else. Files that no commit has are refused too, or with -dirty marked in the version.
//
// The same commit, version and Go toolchain give the same bytes: times are that of
// the commit (or SOURCE_DATE_EPOCH), and nothing of the machine gets in. It needs
// git, and for Debian packages dpkg-deb.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A platform is what a program is built for.
type platform struct{ OS, Arch string }

func (p platform) String() string { return p.OS + "/" + p.Arch }

// platforms are those that releases are made for. Where the daemon is on another
// machine, macOS and Windows serve as well.
var platforms = []platform{
	{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "amd64"}, {"darwin", "arm64"}, {"windows", "amd64"},
}

// A release is one version that is being made.
type release struct {
	version string    // as in v1.2.3
	time    time.Time // that all files bear
	source  string    // the module's directory
	out     string
	targets []platform
	made    []string // names of the files in out
}

func main() {
	var r release
	var only, licences string
	flag.StringVar(&r.version, "version", "", "version to name (default: what git describe says)")
	flag.StringVar(&r.out, "out", "dist", "directory to write; a release that is there is replaced, anything else is left alone")
	dirty := flag.Bool("dirty", false, "release files that no commit has as well, and mark the version")
	flag.StringVar(&only, "platforms", "", "platforms, with commas, as os/arch (default: all)")
	flag.StringVar(&licences, "licences", "", "write the licences of third parties to this file, and nothing else")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := r.prepare(only); err != nil {
		fatal(err)
	}
	if licences != "" {
		text, err := r.licences(ctx)
		if err == nil {
			err = os.WriteFile(licences, text, 0o644)
		}
		if err != nil {
			fatal(err)
		}
		return
	}
	if err := r.uncommitted(*dirty); err != nil {
		fatal(err)
	}
	if err := r.make(ctx); err != nil {
		fatal(err)
	}
	for _, name := range r.made {
		fmt.Println(filepath.Join(r.out, name))
	}
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "release:", err)
	os.Exit(1)
}

var versionForm = regexp.MustCompile(`^v?[0-9A-Za-z][0-9A-Za-z.+~-]*$`)

func (r *release) prepare(only string) error {
	var err error
	if r.source, err = output("", "go", "list", "-m", "-f", "{{.Dir}}"); err != nil {
		return err
	}
	if r.version == "" {
		if r.version, err = output(r.source, "git", "describe", "--tags", "--always", "--dirty"); err != nil {
			return err
		}
	}
	if !versionForm.MatchString(r.version) {
		return fmt.Errorf("%q is no version; write it as in v1.2.3", r.version)
	}
	epoch := os.Getenv("SOURCE_DATE_EPOCH")
	if epoch == "" {
		if epoch, err = output(r.source, "git", "log", "-1", "--format=%ct"); err != nil {
			return err
		}
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return fmt.Errorf("SOURCE_DATE_EPOCH %q is no number of seconds", epoch)
	}
	r.time = time.Unix(seconds, 0).UTC()
	r.targets = platforms
	if only != "" {
		r.targets = nil
		for _, s := range strings.Split(only, ",") {
			os, arch, ok := strings.Cut(s, "/")
			if !ok {
				return fmt.Errorf("%q is no platform; write it as in linux/arm64", s)
			}
			r.targets = append(r.targets, platform{os, arch})
		}
	}
	return nil
}

// make makes all parts beside out, and puts them there when they are whole. A part
// that cannot be made is an error: a release is whole or it is none.
func (r *release) make(ctx context.Context) error {
	if _, err := earlier(r.out); err != nil { // before the work
		return err
	}
	final := filepath.Clean(r.out)
	if err := os.MkdirAll(filepath.Dir(final), 0o755); err != nil {
		return err
	}
	unfinished, err := os.MkdirTemp(filepath.Dir(final), ".release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(unfinished)
	if err := os.Chmod(unfinished, 0o755); err != nil {
		return err
	}
	r.out = unfinished
	if err := r.parts(ctx); err != nil {
		return err
	}
	r.out = final
	return replace(unfinished, final)
}

// parts writes all files.
func (r *release) parts(ctx context.Context) error {
	manual, err := r.manual(ctx)
	if err != nil {
		return err
	}
	programs := make(map[platform][]byte)
	for _, p := range r.targets {
		program, err := r.build(ctx, p)
		if err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		programs[p] = program
		if err := r.archive(p, program, manual); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		bill, err := billOfMaterials(program, r.version, r.time)
		if err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		if err := r.write(fmt.Sprintf("docker-delta_%s_%s_%s.cdx.json", r.version, p.OS, p.Arch), bill); err != nil {
			return err
		}
		if p.OS == "linux" {
			if err := r.debianPackage(ctx, p, program, manual); err != nil {
				return fmt.Errorf("debian package for %s: %w", p, err)
			}
		}
	}
	if err := r.containerImage(programs, manual); err != nil {
		return fmt.Errorf("container image: %w", err)
	}
	return r.checksums()
}

// build compiles a static program.
func (r *release) build(ctx context.Context, p platform) ([]byte, error) {
	dir, err := os.MkdirTemp("", "release-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "docker-delta")
	c := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=true", "-o", program,
		"-ldflags", "-s -w -buildid= -X github.com/docker-delta/docker-delta/internal/cli.release="+r.version, "./cmd/docker-delta")
	c.Dir = r.source
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+p.OS, "GOARCH="+p.Arch, "GOFLAGS=", "GOAMD64=v1", "GOARM64=v8.0")
	if out, err := c.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %v\n%s", err, out)
	}
	return os.ReadFile(program)
}

func (r *release) write(name string, data []byte) error {
	r.made = append(r.made, name)
	return os.WriteFile(filepath.Join(r.out, name), data, 0o644)
}

// output runs a command and gives what it prints.
func output(dir, name string, args ...string) (string, error) {
	c := exec.Command(name, args...)
	c.Dir = dir
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}
