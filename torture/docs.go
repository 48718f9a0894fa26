package main

import (
	"bufio"
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
)

//go:embed torture.md.tmpl
var docsTemplate string

// writeDocs writes the page and the figures behind it to dir.
func writeDocs(dir string, rep *report) error {
	t, err := template.New("docs").Funcs(template.FuncMap{
		"came": came, "thousands": thousands, "duration": duration,
	}).Parse(docsTemplate)
	if err != nil {
		return err
	}
	var page bytes.Buffer
	if err := t.Execute(&page, rep); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "torture.md"), page.Bytes(), 0o644); err != nil {
		return err
	}
	return writeJSON(filepath.Join(dir, "torture.json"), rep)
}

func came(r *result) string {
	var all []string
	for _, outcome := range slices.Sorted(maps.Keys(r.Came)) {
		all = append(all, fmt.Sprintf("%s: %s", outcome, thousands(r.Came[outcome])))
	}
	return strings.Join(all, "; ")
}

func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func duration(seconds float64) string {
	switch {
	case seconds < 100:
		return fmt.Sprintf("%.0f s", seconds)
	case seconds < 6000:
		return fmt.Sprintf("%.0f min", seconds/60)
	}
	return fmt.Sprintf("%.1f h", seconds/3600)
}

// gather joins reports: of each kind the one that tried the most. Times of fuzzing
// are added up only by -fuzzlog.
func gather(paths []string) (*report, error) {
	rep := new(report)
	best := make(map[string]*result)
	for _, path := range paths {
		var one report
		b, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(b, &one)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		rep.Date, rep.System = max(rep.Date, one.Date), system()
		rep.Fuzzing = append(rep.Fuzzing, one.Fuzzing...)
		for _, r := range one.Results {
			if old := best[r.Name]; old == nil || r.Tried >= old.Tried {
				best[r.Name] = r
			}
		}
	}
	for _, k := range kinds {
		if r := best[k.name]; r != nil {
			rep.Results = append(rep.Results, r)
		}
	}
	return rep, nil
}

// fuzzed sums up what a log of .ci/fuzz says: a line for each run, with the
// package, the test, the seconds and the executions.
func (rep *report) fuzzed(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	sums := make(map[string]*fuzzing)
	for s := bufio.NewScanner(f); s.Scan(); {
		var pkg, test string
		var seconds, executions int
		if _, err := fmt.Sscanf(s.Text(), "%s %s secs=%d execs=%d", &pkg, &test, &seconds, &executions); err != nil {
			continue
		}
		pkg = strings.TrimPrefix(pkg, "./")
		sum := sums[pkg+" "+test]
		if sum == nil {
			sum = &fuzzing{Package: pkg, Test: test}
			sums[pkg+" "+test] = sum
		}
		sum.Seconds += float64(seconds)
		sum.Executions += executions
	}
	for _, key := range slices.Sorted(maps.Keys(sums)) {
		rep.Fuzzing = append(rep.Fuzzing, *sums[key])
	}
	return nil
}
