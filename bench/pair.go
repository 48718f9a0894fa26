package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// A pair is two versions of one image, as files in the cache.
type pair struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	V1    string `json:"-"` // image archives, layers uncompressed
	V2    string `json:"-"`
	Old   string `json:"-"` // the layer of interest on its own; absent when several count
	New   string `json:"-"`
}

// A workshop is where pairs are made and kept.
type workshop struct {
	dir    string
	suite  string
	debian *debian // found when first needed
	log    func(format string, args ...any)
}

// A builder makes the raw layers of a pair, and says which images they form.
type builder struct {
	name, title string
	build       func(ctx context.Context, w *workshop, dir string) ([2]image, error)
}

// builders lists all pairs, in the order in which they are run and shown.
func builders() []builder {
	return []builder{
		{"base", "Debian base system", buildBase},
		{"python", "Python application", appBuilder(pythonRoot, []string{"python3", "/srv/app/main.py"}, pythonApp)},
		{"jre", "JRE and Tomcat", appBuilder(jreRoot, []string{"java", "-version"}, nil)},
		{"postgres", "PostgreSQL", appBuilder(postgresRoot, []string{"bash"}, nil)},
		{"caddy", "Go service (Caddy)", buildCaddy},
		{"times", "Rebuild, only times differ", buildTimes},
		{"shuffled", "Same files, other layers", buildShuffled},
	}
}

func pairNames() []string {
	var names []string
	for _, b := range builders() {
		names = append(names, b.name)
	}
	return names
}

func (w *workshop) pairDir(name string) string { return filepath.Join(w.dir, name) }

// pair finds a pair in the cache or builds it.
func (w *workshop) pair(ctx context.Context, name string) (pair, error) {
	i := slices.IndexFunc(builders(), func(b builder) bool { return b.name == name })
	if i < 0 {
		return pair{}, fmt.Errorf("no pair is called %q; there are %v", name, pairNames())
	}
	b, dir := builders()[i], w.pairDir(name)
	p := pair{
		Name: b.name, Title: b.title,
		V1: filepath.Join(dir, "v1.tar"), V2: filepath.Join(dir, "v2.tar"),
		Old: filepath.Join(dir, "old.layer.tar"), New: filepath.Join(dir, "new.layer.tar"),
	}
	done := filepath.Join(dir, "pair.json")
	if _, err := os.Stat(done); err != nil {
		w.log("building the pair %s in %s", name, dir)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return p, err
		}
		images, err := b.build(ctx, w, dir)
		if err != nil {
			return p, fmt.Errorf("building the pair %s: %w", name, err)
		}
		for i, out := range []string{p.V1, p.V2} {
			images[i].name = fmt.Sprintf("docker-delta-bench/%s:v%d", name, i+1)
			if err := writeImage(out, images[i]); err != nil {
				return p, err
			}
		}
		data, _ := json.MarshalIndent(p, "", "  ")
		if err := os.WriteFile(done, append(data, '\n'), 0o644); err != nil {
			return p, err
		}
	}
	if _, err := os.Stat(p.Old); err != nil {
		p.Old, p.New = "", ""
	}
	return p, nil
}

func (w *workshop) findDebian(ctx context.Context) (*debian, error) {
	var err error
	if w.debian == nil {
		w.debian, err = findDebian(ctx, w.dir, w.suite)
	}
	return w.debian, err
}

func sourceDateEpoch() (time.Time, bool) {
	n, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	return time.Unix(n, 0), err == nil
}
