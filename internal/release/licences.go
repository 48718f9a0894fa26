package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// thirdParty is the file in a release with the licences of what the program was
// made from; most of them ask that whoever gets the program gets their text.
const thirdParty = "LICENSES-THIRD-PARTY"

var licenceName = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)`)

// licences gathers the texts: those of Go, of all modules that the program is linked
// from on any of the platforms, and of the encoders in this module that are derived
// from other programs.
func (r *release) licences(ctx context.Context) ([]byte, error) {
	where := make(map[string]string) // directories, by what is named above the text
	for _, p := range r.targets {
		c := exec.CommandContext(ctx, "go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}\t{{.Dir}}{{end}}{{end}}", "./cmd/docker-delta")
		c.Dir = r.source
		c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+p.OS, "GOARCH="+p.Arch, "GOFLAGS=")
		out, err := c.Output()
		if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		for line := range strings.Lines(string(out)) {
			if name, dir, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
				where[name] = dir
			}
		}
	}
	goroot, err := output("", "go", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	where["Go"] = goroot
	if err := r.derived(where); err != nil {
		return nil, err
	}
	var names []string
	for name := range where {
		names = append(names, name)
	}
	slices.Sort(names)
	var b bytes.Buffer
	b.WriteString("docker-delta is under the licence in the file LICENSE. It was made from the following.\n")
	for _, name := range names {
		entries, err := os.ReadDir(where[name])
		if err != nil {
			return nil, err
		}
		found := false
		for _, e := range entries {
			if !e.Type().IsRegular() || !licenceName.MatchString(e.Name()) {
				continue
			}
			text, err := os.ReadFile(filepath.Join(where[name], e.Name()))
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(&b, "\n%s\n%s, %s\n\n%s\n", strings.Repeat("=", 80), name, e.Name(), bytes.TrimSpace(text))
			found = true
		}
		if !found && name != "Go" { // some distributions keep Go's elsewhere
			return nil, fmt.Errorf("%s has no licence in %s", name, where[name])
		}
	}
	return b.Bytes(), nil
}

// derived finds the directories of this module that have a licence of their own.
func (r *release) derived(where map[string]string) error {
	return filepath.WalkDir(filepath.Join(r.source, "recipe"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !licenceName.MatchString(d.Name()) || strings.HasSuffix(d.Name(), ".go") {
			return err
		}
		dir := filepath.Dir(path)
		name, err := filepath.Rel(r.source, dir)
		where[filepath.ToSlash(name)+" in docker-delta"] = dir
		return err
	})
}
