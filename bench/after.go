package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"
)

// readReport reads the results of an earlier run.
func readReport(name string) (*report, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	r := new(report)
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}

// add adds to r what an earlier run measured of tools and pairs that r did not
// run, on the same machine and the same files; what both measured is r's.
func (r *report) add(earlier *report) error {
	if r.CPU != earlier.CPU || r.Cores != earlier.Cores {
		return fmt.Errorf("the earlier results are of another machine: %s, %d cores", earlier.CPU, earlier.Cores)
	}
	for tool, v := range earlier.Versions {
		if r.Versions[tool] == "" {
			r.Versions[tool] = v
		}
	}
	for i := range r.Subjects {
		s := &r.Subjects[i]
		k := slices.IndexFunc(earlier.Subjects, func(e subject) bool { return e.key() == s.key() })
		if k < 0 {
			continue
		}
		e := earlier.Subjects[k]
		if e.OldSize != s.OldSize || e.NewSize != s.NewSize || e.Sum != s.Sum {
			return fmt.Errorf("the earlier results for %s are of other files", s.key())
		}
		for _, res := range e.Results {
			if !slices.ContainsFunc(s.Results, func(mine result) bool { return mine.Tool == res.Tool }) {
				s.Results = append(s.Results, res)
			}
		}
		slices.SortStableFunc(s.Results, func(a, b result) int { return place(a.Tool) - place(b.Tool) })
	}
	for _, e := range earlier.Subjects {
		if !slices.ContainsFunc(r.Subjects, func(s subject) bool { return s.key() == e.key() }) {
			r.Subjects = append(r.Subjects, e)
		}
	}
	names := pairNames()
	slices.SortStableFunc(r.Subjects, func(a, b subject) int {
		// An image comes behind the layer of its pair.
		return cmp.Or(slices.Index(names, a.Pair)-slices.Index(names, b.Pair), len(a.key())-len(b.key()))
	})
	return nil
}

// place is where a tool stands in the tables.
func place(name string) int {
	return slices.IndexFunc(tools(0, 0), func(t tool) bool { return t.Name == name })
}

// A sitting is a stretch of time in which some of the tools were measured, one
// after the other.
type sitting struct {
	From, To time.Time
	Tools    []string // their labels
}

// sittings tells when each tool was measured: those that took turns on the same
// subjects belong to one.
func (r *report) sittings() []sitting {
	var all []sitting
	at := map[time.Time]int{} // by the start of the run
	for _, s := range r.Subjects {
		for _, res := range s.Results {
			if res.Run.IsZero() {
				continue
			}
			i, ok := at[res.Run]
			if !ok {
				i = len(all)
				at[res.Run] = i
				all = append(all, sitting{From: res.Run})
			}
			if all[i].To.Before(res.Ended) {
				all[i].To = res.Ended
			}
			if !slices.Contains(all[i].Tools, res.Label) {
				all[i].Tools = append(all[i].Tools, res.Label)
			}
		}
	}
	slices.SortFunc(all, func(a, b sitting) int { return a.From.Compare(b.From) })
	return all
}
