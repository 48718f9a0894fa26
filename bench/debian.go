package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// A debian builds root file systems of one Debian suite in two states: v1 is
// the suite as released, v2 has the security and stable updates as well.
type debian struct {
	dir     string // cache
	suite   string // codename
	targets []aptTarget
}

// An aptTarget is one source of packages that this machine's apt knows.
type aptTarget struct{ site, codename, component, index string }

// findDebian asks apt where the packages of suite come from, so that whatever
// mirror the user configured serves the benchmark too. The empty suite is the
// one this machine runs.
func findDebian(ctx context.Context, dir, suite string) (*debian, error) {
	if _, err := exec.LookPath("mmdebstrap"); err != nil {
		return nil, errors.New("mmdebstrap is missing (Debian: apt install mmdebstrap)")
	}
	if suite == "" {
		var err error
		if suite, err = hostSuite(); err != nil {
			return nil, err
		}
	}
	out, err := exec.CommandContext(ctx, "apt-get", "indextargets",
		"--format", "$(SITE)|$(CODENAME)|$(COMPONENT)|$(FILENAME)", "Created-By: Packages", "Origin: Debian").Output()
	if err != nil {
		return nil, fmt.Errorf("apt-get indextargets: %w", err)
	}
	d := &debian{dir: dir, suite: suite, targets: parseTargets(string(out))}
	for _, v := range []string{"v1", "v2"} {
		if len(d.sources(v)) == 0 {
			return nil, fmt.Errorf("apt knows no source of %s for %s; add it to the apt sources, or choose another -suite", suite, v)
		}
	}
	return d, nil
}

func hostSuite() (string, error) {
	f, err := os.Open("/etc/os-release")
	if err != nil {
		return "", err
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if v, ok := strings.CutPrefix(s.Text(), "VERSION_CODENAME="); ok {
			return strings.Trim(v, `"`), nil
		}
	}
	return "", errors.New("/etc/os-release has no VERSION_CODENAME; give -suite")
}

func parseTargets(out string) []aptTarget {
	var all []aptTarget
	for line := range strings.Lines(out) {
		f := strings.Split(strings.TrimSpace(line), "|")
		if len(f) == 4 && f[2] == "main" {
			all = append(all, aptTarget{f[0], f[1], f[2], f[3]})
		}
	}
	return all
}

// sources gives the apt source lines of a version.
func (d *debian) sources(version string) []string {
	var lines []string
	for _, t := range d.targets {
		update := t.codename == d.suite+"-security" || t.codename == d.suite+"-updates"
		if t.codename == d.suite || update && version == "v2" {
			lines = append(lines, fmt.Sprintf("deb %s %s %s", t.site, t.codename, t.component))
		}
	}
	if version == "v2" && len(lines) < 2 {
		return nil // without updates both versions would be the same
	}
	return lines
}

// epoch is the time that the newest files of a version get: the date of the
// release, or of the security updates, as apt last saw it. So the same state of
// the archive gives the same bytes on any day.
func (d *debian) epoch(version string) time.Time {
	if t, ok := sourceDateEpoch(); ok {
		return t
	}
	want := map[string]string{"v1": d.suite, "v2": d.suite + "-security"}[version]
	for _, t := range d.targets {
		if t.codename != want {
			continue
		}
		release, _, _ := strings.Cut(t.index, "_"+t.component+"_")
		if date, err := releaseDate(release + "_InRelease"); err == nil {
			return date
		}
	}
	return map[string]time.Time{
		"v1": time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		"v2": time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC),
	}[version]
}

func releaseDate(name string) (time.Time, error) {
	f, err := os.Open(name)
	if err != nil {
		return time.Time{}, err
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	for s.Scan() {
		if v, ok := strings.CutPrefix(s.Text(), "Date: "); ok {
			return time.Parse(time.RFC1123, v)
		}
	}
	return time.Time{}, fmt.Errorf("%s: no date", name)
}

// A root is a file system to be made: packages over the minimal base system.
type root struct {
	name     string
	packages []string
	args     []string // further arguments of mmdebstrap
}

// root makes the root file system of one version, as a tar, or finds it in the
// cache. It runs as root, or in a user namespace where the system allows that.
func (d *debian) root(ctx context.Context, r root, version string) (string, error) {
	out := filepath.Join(d.dir, "roots", r.name+"-"+version+".tar")
	if _, err := os.Stat(out); err == nil {
		return out, nil
	}
	// The packages are kept between runs; apt fetches only those that changed.
	debs := filepath.Join(d.dir, "apt", version)
	for _, dir := range []string{debs, filepath.Dir(out)} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", err
		}
	}
	args := []string{"--variant=minbase",
		"--skip=download/empty", "--skip=essential/unlink",
		`--setup-hook=mkdir -p "$1"/var/cache/apt/archives/`,
		"--setup-hook=sync-in '" + debs + "' /var/cache/apt/archives/",
		"--customize-hook=sync-out /var/cache/apt/archives '" + debs + "'",
	}
	if os.Geteuid() == 0 {
		args = append(args, "--mode=root")
	}
	if len(r.packages) > 0 {
		args = append(args, "--include="+strings.Join(r.packages, ","))
	}
	args = append(args, r.args...)
	args = append(args, d.suite, out+".tmp.tar")
	args = append(args, d.sources(version)...)
	cmd := exec.CommandContext(ctx, "mmdebstrap", args...)
	cmd.Env = append(os.Environ(), fmt.Sprintf("SOURCE_DATE_EPOCH=%d", d.epoch(version).Unix()))
	if log, err := cmd.CombinedOutput(); err != nil {
		os.Remove(out + ".tmp.tar")
		return "", fmt.Errorf("mmdebstrap %s %s: %w\n%s", r.name, version, err, lastLines(string(log), 15))
	}
	return out, os.Rename(out+".tmp.tar", out)
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
