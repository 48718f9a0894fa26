package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// writeTables writes what r measured as Markdown: a table of ratios first, then
// one table for each subject.
func writeTables(w io.Writer, r *report) error {
	var b strings.Builder
	for _, m := range measures {
		for _, image := range []bool{false, true} {
			writeRatios(&b, r, m, image)
		}
	}
	writeLevels(&b, r)
	for _, s := range r.Subjects {
		writeSubject(&b, s)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// A measure is a figure in which ours and the peers are compared.
type measure struct {
	title, text string
	value       func(result) float64 // 0 where it was not measured
	against     string               // a tool, or "" for every peer
}

var measures = []measure{
	{"Size", "Our delta's size divided by the peer's; below 1 is smaller.",
		func(t result) float64 { return float64(t.Size) }, ""},
	{"Time to create", "Our wall time divided by the peer's; below 1 is faster.",
		func(t result) float64 { return t.Create.Wall.Seconds() }, ""},
	{"Time to apply", "Our wall time divided by that of only reading the old file, writing the new one and hashing it.",
		func(t result) float64 { return t.Apply.Wall.Seconds() }, "copy"},
}

// writeRatios writes one measure of ours divided by each peer's.
func writeRatios(b *strings.Builder, r *report, m measure, image bool) {
	var subjects []subject
	for _, s := range r.Subjects {
		if s.Image == image {
			subjects = append(subjects, s)
		}
	}
	ours, peers := m.tools(subjects)
	if len(ours) == 0 || len(peers) == 0 {
		return
	}
	what := "layers"
	if image {
		what = "whole images"
	}
	fmt.Fprintf(b, "### %s, %s\n\n%s\n\n", m.title, what, m.text)
	header := []string{"ours / peer"}
	for _, s := range subjects {
		header = append(header, s.Title)
	}
	header = append(header, "geometric mean")
	rows := [][]string{header}
	for _, o := range ours {
		for _, p := range peers {
			row := []string{o.Label + " / " + p.Label}
			var ratios []float64
			for _, s := range subjects {
				x, ok := m.ratio(s, o.Tool, p.Tool)
				if !ok {
					row = append(row, "–")
					continue
				}
				ratios = append(ratios, x)
				row = append(row, ratio(x))
			}
			if len(ratios) == 0 {
				continue
			}
			mean := ratio(geometricMean(ratios))
			if n := len(ratios); n < len(subjects) {
				mean += fmt.Sprintf(" (of %d)", n)
			}
			rows = append(rows, append(row, mean))
		}
	}
	writeRows(b, rows)
}

// tools lists the tools that have this figure, in the order in which they come first.
func (m measure) tools(subjects []subject) (ours, peers []result) {
	for _, s := range subjects {
		for _, t := range s.Results {
			list := &peers
			if t.Ours {
				list = &ours
			} else if m.against != "" && t.Tool != m.against {
				continue
			}
			if m.value(t) > 0 && !slices.ContainsFunc(*list, func(o result) bool { return o.Tool == t.Tool }) {
				*list = append(*list, t)
			}
		}
	}
	return ours, peers
}

func (s subject) result(tool string) (result, bool) {
	for _, t := range s.Results {
		if t.Tool == tool && t.Failed == "" {
			return t, true
		}
	}
	return result{}, false
}

func (m measure) ratio(s subject, tool, peer string) (float64, bool) {
	a, okA := s.result(tool)
	b, okB := s.result(peer)
	if !okA || !okB || m.value(a) == 0 || m.value(b) == 0 {
		return 0, false
	}
	return m.value(a) / m.value(b), true
}

func geometricMean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += math.Log(v)
	}
	return math.Exp(sum / float64(len(x)))
}

func writeSubject(b *strings.Builder, s subject) {
	what := "layer"
	if s.Image {
		what = "whole image"
	}
	fmt.Fprintf(b, "### %s (%s, %s to %s bytes)\n\n", s.Title, what, grouped(s.OldSize), grouped(s.NewSize))
	rows := [][]string{{"tool", "delta, bytes", "of the new", "create, s", "create CPU, s", "create memory, MB", "apply, s", "apply CPU, s", "apply memory, MB"}}
	for _, t := range s.Results {
		if t.Failed != "" {
			rows = append(rows, []string{t.Label, "failed", "", "", "", "", "", "", ""})
			continue
		}
		row := []string{t.Label, "", "", "", "", ""}
		if t.Size > 0 {
			row = []string{t.Label, grouped(t.Size), percent(t.Size, s.NewSize), seconds(t.Create.Wall), seconds(t.Create.CPU), megabytes(t.Create.Peak)}
		}
		if t.Ours {
			for i := range row[:2] {
				row[i] = "**" + row[i] + "**"
			}
		}
		rows = append(rows, append(row, seconds(t.Apply.Wall), seconds(t.Apply.CPU), megabytes(t.Apply.Peak)))
	}
	writeRows(b, rows)
}

// writeRows writes a Markdown table whose first row is its header; all columns
// but the first are numbers.
func writeRows(b *strings.Builder, rows [][]string) {
	for i, row := range rows {
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			b.WriteString("| --- |" + strings.Repeat(" ---: |", len(row)-1) + "\n")
		}
	}
	b.WriteString("\n")
}

// grouped writes n with commas between thousands.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func percent(part, whole int64) string {
	p := 100 * float64(part) / float64(whole)
	return fmt.Sprintf("%.*f%%", digits(p), p)
}

func ratio(x float64) string {
	if x < 0.0995 {
		return fmt.Sprintf("%.3f", x)
	}
	return fmt.Sprintf("%.2f", x)
}

// digits are the decimals that leave about two significant figures.
func digits(x float64) int {
	switch {
	case x >= 10:
		return 0
	case x >= 1:
		return 1
	case x >= 0.1:
		return 2
	}
	return 3
}

func seconds(d time.Duration) string {
	s := d.Seconds()
	return fmt.Sprintf("%.*f", min(2, digits(s)), s)
}

func megabytes(n int64) string { return strconv.FormatInt((n+500_000)/1_000_000, 10) }
