package docs

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	variable = regexp.MustCompile(`[0-9a-f]{12,}|[0-9]+(?:[.,][0-9]+)*(?:%| (?:B|kB|MB|GB))?`)
	sized    = regexp.MustCompile(`^([0-9.]+)(%| (?:B|kB|MB|GB))$`)
	spaces   = regexp.MustCompile(` +`)
	progress = regexp.MustCompile(`(?m)^(?:.* …|[a-z ]+(?:, [^:\n]*)?: [0-9]+% of .*)\n`)
)

// clean leaves out lines of progress, which slow machines print, and white space that tables fill with.
func clean(s string) string {
	s = progress.ReplaceAllString(s, "")
	lines := strings.Split(strings.TrimSpace(s), "\n")
	for i := range lines {
		lines[i] = spaces.ReplaceAllString(strings.TrimRight(lines[i], " "), " ")
	}
	return strings.Join(lines, "\n")
}

// compare says where what a page shows is not what was printed.
func compare(shown, printed string, vary bool) error {
	re, sizes := pattern(shown)
	found := re.FindStringSubmatch(clean(printed))
	if found == nil {
		return errors.New("it is another text")
	}
	for i, want := range sizes {
		a, b := amount(want), amount(found[i+1])
		if slack := 0.05*a + least[want[len(want)-1]]; !vary && (b < a-slack || b > a+slack) {
			return fmt.Errorf("%s is no longer %s", found[i+1], want)
		}
	}
	return nil
}

// least is by how much the smallest bytes and percentages may differ.
var least = map[byte]float64{'B': 20, '%': 0.01}

// amount reads a size or a percentage.
func amount(s string) float64 {
	m := sized.FindStringSubmatch(s)
	if m == nil {
		return -1
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return -1
	}
	return n * map[string]float64{"%": 1, " B": 1, " kB": 1e3, " MB": 1e6, " GB": 1e9}[m[2]]
}

// pattern matches what a page shows, with other numbers and digests; a line
// with … alone stands for any lines. Its groups match where the page shows sizes.
func pattern(shown string) (re *regexp.Regexp, sizes []string) {
	var b strings.Builder
	b.WriteString(`\A`)
	for i, line := range strings.Split(clean(shown), "\n") {
		if line == "…" {
			b.WriteString(`(?:\n?.*)*`)
			continue
		}
		if i > 0 {
			b.WriteString(`\n`)
		}
		for i, part := range strings.Split(line, "…") {
			if i > 0 {
				b.WriteString(`.*`)
			}
			last := 0
			for _, m := range variable.FindAllStringIndex(part, -1) {
				group := `(?:`
				if n := part[m[0]:m[1]]; sized.MatchString(n) {
					group, sizes = `(`, append(sizes, n)
				}
				b.WriteString(regexp.QuoteMeta(part[last:m[0]]) + group + variable.String() + `)`)
				last = m[1]
			}
			b.WriteString(regexp.QuoteMeta(part[last:]))
		}
	}
	b.WriteString(`\z`)
	return regexp.MustCompile(b.String()), sizes
}

// isLike checks which printed texts pass for the shown one.
func isLike(t *testing.T, shown string, anySize bool, cases map[string]bool) {
	t.Helper()
	for printed, want := range cases {
		if err := compare(shown, printed, anySize); (err == nil) != want {
			t.Errorf("%q: %v", printed, err)
		}
	}
}

func TestPattern(t *testing.T) {
	shown := "delta  12.3 kB, sha256:ab3bbc651d31…\ndone\n"
	isLike(t, shown, true, map[string]bool{
		"encode …\ndelta   4 B, sha256:00ff00ff00ff00ff\ndone\n": true,
		"delta 12.3 kB, sha256:ab3bbc651d3170e4\n":               false,
		"delta twelve kB, sha256:ab3bbc651d31\ndone":             false,
		"delta 1.2 MB, sha256:ab3bbc651d31\ndone\nmore":          false,
	})
}

func TestSizes(t *testing.T) {
	shown := "delta 12.3 kB, 0.45% of 1.1 MB in 3 layers"
	isLike(t, shown, false, map[string]bool{
		"delta 12.8 kB, 0.46% of 1.1 MB in 4 layers":  true,
		"delta 13.1 kB, 0.45% of 1.1 MB in 3 layers":  false,
		"delta 12.3 MB, 0.45% of 1.1 MB in 3 layers":  false,
		"delta 12.3 kB, 0.49% of 1.1 MB in 3 layers":  false,
		"delta 12,300, 0.45% of 1.1 MB in 3 layers":   false,
		"delta 12.3 kB, 0.45% of 1060 kB in 3 layers": true,
	})
}

// What a slow machine prints between is no part of what a page shows.
func TestProgressIsLeftOut(t *testing.T) {
	printed := "code, layer 2 of 2: 33% of 3.15 MB\nread target …\nread: 5% of 7 kB\nx.delta: 1.23 MB, 112.22% of the image's compressed layers (1.1 MB)\n"
	if got, want := clean(printed), "x.delta: 1.23 MB, 112.22% of the image's compressed layers (1.1 MB)"; got != want {
		t.Errorf("%q", got)
	}
}
