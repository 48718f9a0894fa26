package main

import (
	"encoding/xml"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func sample() *report {
	r := &report{CPU: "Example <CPU>", Cores: 2, Go: "go1.26", Suite: "bookworm", Versions: map[string]string{"zstd-3": "1.5.4", "zstd-19": "1.5.4", "xdelta3": "3.0.11"}}
	add := func(pair string, image bool, sizes map[string]int64) {
		s := subject{Pair: pair, Title: "The " + pair, Image: image, OldSize: 9_000_000, NewSize: 10_000_000}
		for _, t := range []result{
			{Tool: "default", Label: "docker-delta default", Ours: true},
			{Tool: "hdiffpatch", Label: "HDiffPatch"},
			{Tool: "xdelta3", Label: "xdelta3 -9"},
		} {
			if t.Size = sizes[t.Tool]; t.Size == 0 {
				t.Failed = "no"
			}
			t.Create = cost{1500 * time.Millisecond, 20 * time.Second, 123_456_789}
			t.Apply = cost{10 * time.Millisecond, 5 * time.Millisecond, 12_000_000}
			s.Results = append(s.Results, t)
		}
		s.Results = append(s.Results, result{Tool: "copy", Label: "copy", Apply: cost{time.Second, time.Second, 1}})
		r.Subjects = append(r.Subjects, s)
	}
	add("one", false, map[string]int64{"default": 10_000, "hdiffpatch": 40_000, "xdelta3": 100_000})
	add("two", false, map[string]int64{"default": 10_000, "hdiffpatch": 10_000})
	add("three", true, map[string]int64{"default": 9, "hdiffpatch": 10, "xdelta3": 1000})
	return r
}

func TestTables(t *testing.T) {
	var b strings.Builder
	if err := writeTables(&b, sample()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| ours / peer | The one | The two | geometric mean |",
		"| docker-delta default / HDiffPatch | 0.25 | 1.00 | 0.50 |",
		"| docker-delta default / xdelta3 -9 | 0.10 | – | 0.10 (of 1) |",
		"| docker-delta default / xdelta3 -9 | 0.009 | 0.009 |",
		"### Size, whole images",
		"| docker-delta default / HDiffPatch | 1.00 | 1.00 | 1.00 |",
		"| docker-delta default / copy | 0.010 | 0.010 | 0.010 |",
		"### The one (layer, 9,000,000 to 10,000,000 bytes)",
		"### The three (whole image, 9,000,000 to 10,000,000 bytes)",
		"| **docker-delta default** | **10,000** | 0.10% | 1.5 | 20 | 123 | 0.01 | 0.01 | 12 |",
		"| xdelta3 -9 | failed |  |  |  |  |  |  |  |",
		"| copy |  |  |  |  |  | 1.0 | 1.0 | 0 |",
	} {
		if !strings.Contains(b.String(), want+"\n") {
			t.Errorf("the tables lack %q", want)
		}
	}
	if t.Failed() {
		t.Log(b.String())
	}
}

func TestLevels(t *testing.T) {
	r := sample()
	var b strings.Builder
	if writeLevels(&b, r); b.Len() > 0 {
		t.Errorf("one level alone is compared: %s", b.String())
	}
	for i := range r.Subjects {
		fast := r.Subjects[i].Results[0]
		fast.Tool, fast.Label = "fast", "docker-delta fast"
		fast.Size *= 2
		fast.Create.Wall /= 4
		fast.Apply.Peak *= 3
		r.Subjects[i].Results = append(r.Subjects[i].Results, fast)
	}
	writeLevels(&b, r)
	for _, want := range []string{
		"| docker-delta default | 1.00 | 1.00 | 1.00 | 1.00 | 1.00 | 1.00 | 1.00 |",
		"| docker-delta fast | 2.00 | 0.25 | 1.00 | 1.00 | 1.00 | 1.00 | 3.00 |",
	} {
		if !strings.Contains(b.String(), want+"\n") {
			t.Errorf("the table lacks %q:\n%s", want, b.String())
		}
	}
}

func TestPicture(t *testing.T) {
	var b strings.Builder
	if err := writeSVG(&b, sample()); err != nil {
		t.Fatal(err)
	}
	bars := 0
	for d := xml.NewDecoder(strings.NewReader(b.String())); ; {
		tok, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("not XML: %v\n%s", err, b.String())
		}
		if e, ok := tok.(xml.StartElement); ok && e.Name.Local == "rect" {
			bars++
		}
	}
	// The background and a bar for each delta: 3 and 2 and 3.
	if bars != 1+8 {
		t.Errorf("%d rectangles, want 9", bars)
	}
	for _, want := range []string{"The one", "docker-delta default", "100 kB", "Example &lt;CPU&gt;"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the picture lacks %q", want)
		}
	}
}

func TestDocsComeFromOneReport(t *testing.T) {
	dir := t.TempDir()
	if err := writeDocs(dir, sample()); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(dir, "benchmark.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"(benchmark.svg)", "Example <CPU>", "| The one |", "against xdelta3 3.0.11, zstd 1.5.4."} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, name := range []string{"benchmark.svg", "benchmark.json"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

func TestLaterRunAddsToEarlier(t *testing.T) {
	morning := time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC)
	noon := morning.Add(3 * time.Hour)
	of := func(when time.Time, tools ...string) *report {
		r := sample()
		for i := range r.Subjects {
			s := &r.Subjects[i]
			s.Results = slices.DeleteFunc(s.Results, func(res result) bool { return !slices.Contains(tools, res.Tool) })
			for k := range s.Results {
				s.Results[k].Run, s.Results[k].Ended = when, when.Add(time.Hour)
			}
		}
		return r
	}
	earlier, later := of(morning, "default", "xdelta3", "copy"), of(noon, "default", "hdiffpatch")
	if err := later.add(earlier); err != nil {
		t.Fatal(err)
	}
	for _, s := range later.Subjects {
		var got []string
		for _, res := range s.Results {
			got = append(got, res.Tool+" "+res.Run.Format("15"))
		}
		if want := "default 12, hdiffpatch 12, xdelta3 09, copy 09"; strings.Join(got, ", ") != want {
			t.Errorf("%s: %s", s.key(), got)
		}
	}
	dir := t.TempDir()
	if err := writeDocs(dir, later); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(dir, "benchmark.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"The figures are of 2 runs", "* 2026-01-02 09:00 to 10:00 UTC: xdelta3 -9; copy\n", "* 2026-01-02 12:00 to 13:00 UTC: docker-delta default; HDiffPatch\n"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	// A pair that only the earlier run measured keeps its figures and its place.
	one := of(noon, "default")
	one.Subjects = one.Subjects[1:2]
	if err := one.add(of(morning, "default")); err != nil || len(one.Subjects) != 3 || one.Subjects[2].key() != "three (image)" {
		t.Errorf("%d subjects, %v", len(one.Subjects), err)
	}
	for _, s := range one.Subjects {
		if want := map[bool]int{true: 12, false: 9}[s.Pair == "two"]; s.Results[0].Run.Hour() != want {
			t.Errorf("%s: measured at %v", s.key(), s.Results[0].Run)
		}
	}
	earlier.Cores = 3
	if later.add(earlier) == nil {
		t.Error("results of another machine were added")
	}
	earlier.Cores, earlier.Subjects[0].Sum = 2, "sha256:other"
	if later.add(earlier) == nil {
		t.Error("results for other files were added")
	}
}

func TestFailuresOfOursCount(t *testing.T) {
	r := sample()
	if err := failures(r); err != nil {
		t.Errorf("a failed peer counts as ours: %v", err)
	}
	r.Subjects[0].Results[0].Failed = "wrong hash"
	if err := failures(r); err == nil || !strings.Contains(err.Error(), "wrong hash") {
		t.Errorf("got %v", err)
	}
}

func TestNumbers(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{grouped(0), "0"}, {grouped(999), "999"}, {grouped(1000), "1,000"}, {grouped(1234567), "1,234,567"},
		{percent(1, 3), "33%"}, {percent(1, 100), "1.0%"}, {percent(1, 1000), "0.10%"}, {percent(1, 100_000), "0.001%"},
		{ratio(0.333), "0.33"}, {ratio(1.5), "1.50"}, {ratio(0.05), "0.050"},
		{shortSize(1), "1 B"}, {shortSize(999), "999 B"}, {shortSize(1000), "1.00 kB"}, {shortSize(999_600), "1.00 MB"}, {shortSize(12_345_678), "12.3 MB"}, {shortSize(170_000_000), "170 MB"},
		{megabytes(1_500_000), "2"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %s, want %s", tt.got, tt.want)
		}
	}
	if got := geometricMean([]float64{0.1, 10}); math.Abs(got-1) > 1e-9 {
		t.Errorf("geometric mean of 0.1 and 10 is %g", got)
	}
}

func TestSelectTools(t *testing.T) {
	all := tools(64, 0)
	for names, want := range map[string]int{"": len(all), "ours": 3, "peers": len(all) - 3, "ours,fast,xdelta3": 4, "zstd-3 zstd-19": 2} {
		got, err := selectTools(all, split(names))
		if err != nil || len(got) != want {
			t.Errorf("%q: %d tools, %v; want %d", names, len(got), err, want)
		}
	}
	if _, err := selectTools(all, []string{"nothing"}); err == nil {
		t.Error("an unknown tool was accepted")
	}
}

func TestXdeltaWindowHoldsTheOldFile(t *testing.T) {
	for _, size := range []int64{0, 1 << 20, 1<<20 + 1, 170_000_000, 1 << 33} {
		w := xdeltaWindow(size)
		if w < min(size, 1<<31) || w > 1<<31 || w&(w-1) != 0 {
			t.Errorf("%d: window %d", size, w)
		}
	}
}
