package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// sums lists all other files of a release, and so tells a directory that release
// has written from any other.
const sums = "SHA256SUMS"

// earlier gives the names of the files in a directory if all of them are those of
// a release; none if it is empty or not there. What else is in it is somebody's,
// and an error.
func earlier(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	list, err := os.ReadFile(filepath.Join(dir, sums))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	known := map[string]bool{sums: true}
	for s := bufio.NewScanner(bytes.NewReader(list)); s.Scan(); {
		if _, name, ok := strings.Cut(s.Text(), "  "); ok {
			known[name] = true
		}
	}
	var names []string
	for _, e := range entries {
		if !known[e.Name()] || !e.Type().IsRegular() {
			return nil, fmt.Errorf("%s holds %s, which is of no release that %s there lists; move it away, or name another directory with -out", dir, e.Name(), sums)
		}
		names = append(names, e.Name())
	}
	return names, nil
}

// replace puts the directory from in the place of to, which holds an earlier release
// or nothing.
func replace(from, to string) error {
	names, err := earlier(to)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := os.Remove(filepath.Join(to, name)); err != nil {
			return err
		}
	}
	// Remove, not RemoveAll: what came in the meantime stays.
	if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Rename(from, to)
}

// uncommitted marks the version if files differ from the commit that the program
// will name, and refuses to do so without being asked.
func (r *release) uncommitted(allowed bool) error {
	changes, err := output(r.source, "git", "status", "--porcelain")
	if err != nil || changes == "" {
		return err
	}
	if !allowed {
		first, _, _ := strings.Cut(changes, "\n")
		return fmt.Errorf("there is what no commit has (%s); commit it, or give -dirty, which marks the version", strings.TrimSpace(first))
	}
	if !strings.HasSuffix(r.version, "-dirty") {
		r.version += "-dirty"
	}
	return nil
}
