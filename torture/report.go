package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
)

// report is what a run has found. Every figure in it was measured.
type report struct {
	Date    string    `json:"date"`
	System  string    `json:"system"`
	Results []*result `json:"results"`
	Fuzzing []fuzzing `json:"fuzzing,omitempty"`
}

// fuzzing is how long a fuzz test has run.
type fuzzing struct {
	Package    string  `json:"package"`
	Test       string  `json:"test"`
	Seconds    float64 `json:"seconds"`
	Executions int     `json:"executions"`
}

// FuzzSeconds is the time of all fuzz tests together.
func (rep *report) FuzzSeconds() (sum float64) {
	for _, f := range rep.Fuzzing {
		sum += f.Seconds
	}
	return sum
}

// FuzzExecutions is the number of inputs that all fuzz tests have tried.
func (rep *report) FuzzExecutions() (sum int) {
	for _, f := range rep.Fuzzing {
		sum += f.Executions
	}
	return sum
}

// Figures are those of all results.
func (rep *report) Figures() (all []figure) {
	for _, r := range rep.Results {
		all = append(all, r.Figures...)
	}
	return all
}

// result is what one kind of torture has found.
type result struct {
	Name string `json:"name"`
	// What says in a sentence what was done.
	What    string         `json:"what"`
	Sample  int            `json:"sample"` // one input of so many was tried
	Tried   int            `json:"tried"`
	Came    map[string]int `json:"came"` // how often each outcome came
	Seconds float64        `json:"seconds"`
	// Figures are measurements beside the counts, such as a peak of memory.
	Figures []figure `json:"figures,omitempty"`
	// Defects are the first of those found; All counts them.
	Defects []string `json:"defects,omitempty"`
	All     int      `json:"allDefects"`
	// Skipped says why nothing was done.
	Skipped string `json:"skipped,omitempty"`

	mu sync.Mutex
}

type figure struct {
	What  string `json:"what"`
	Value string `json:"value"`
}

func (r *result) count(outcome string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.Came == nil {
		r.Came = make(map[string]int)
	}
	r.Tried++
	r.Came[outcome]++
}

// defect records something that must not happen.
func (r *result) defect(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.All++
	text := fmt.Sprintf(format, args...)
	if len(r.Defects) < 20 {
		r.Defects = append(r.Defects, text)
	}
	if r.All <= 100 {
		fmt.Fprintf(os.Stderr, "  defect: %s\n", text)
	}
}

func (r *result) defects() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.All
}

func (r *result) figure(what, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Figures = append(r.Figures, figure{what, fmt.Sprintf(format, args...)})
}

func (r *result) String() string {
	if r.Skipped != "" {
		return "skipped: " + r.Skipped
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d tried in %.0f s", r.Tried, r.Seconds)
	for _, outcome := range slices.Sorted(maps.Keys(r.Came)) {
		fmt.Fprintf(&b, ", %s %d", outcome, r.Came[outcome])
	}
	for _, f := range r.Figures {
		fmt.Fprintf(&b, "; %s %s", f.What, f.Value)
	}
	fmt.Fprintf(&b, "; %d defects", r.All)
	return b.String()
}

func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}
