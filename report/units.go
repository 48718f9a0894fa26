package report

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// Bytes writes a number of bytes for people, in units of 1000 and with three
// digits: "999 B", "1.00 kB", "12.3 MB".
func Bytes(n float64) string {
	if n < 999.5 {
		return fmt.Sprintf("%.0f B", n)
	}
	for _, unit := range []string{"kB", "MB", "GB"} {
		n /= 1000
		switch {
		case n < 9.995:
			return fmt.Sprintf("%.2f %s", n, unit)
		case n < 99.95:
			return fmt.Sprintf("%.1f %s", n, unit)
		case n < 999.5:
			return fmt.Sprintf("%.0f %s", n, unit)
		}
	}
	return fmt.Sprintf("%.2f TB", n/1000)
}

// Percent writes a share of a whole.
func Percent(part, whole float64) string {
	if whole <= 0 {
		return "0%"
	}
	p := 100 * part / whole
	switch {
	case p >= 99.95:
		return fmt.Sprintf("%.0f%%", p)
	case p >= 9.995:
		return fmt.Sprintf("%.1f%%", p)
	case p >= 0.005 || p == 0:
		return fmt.Sprintf("%.2f%%", p)
	}
	return "<0.01%"
}

// count writes a number with its thousands apart.
func count(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// plural adds an s unless there is one of it.
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return count(n) + " " + what + "s"
}

// are agrees with a number of things.
func are(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// countsText lists counts in the order of Statuses: "3 added, 1 removed".
func countsText(counts map[Status]int) string {
	var parts []string
	for _, s := range Statuses {
		if n := counts[s]; n > 0 {
			parts = append(parts, count(n)+" "+statusWords[s])
		}
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// statusWords are the statuses as they stand in a sentence about files.
var statusWords = map[Status]string{
	Added: "added", Removed: "removed", Changed: "changed", Moved: "moved", Metadata: "with other metadata",
	Times: "with other times only", Same: "the same", Hidden: "hidden",
}

// statusMarks are the statuses where there is little room.
var statusMarks = map[Status]string{
	Added: "+", Removed: "-", Changed: "~", Moved: ">", Metadata: "m", Times: "t", Same: "=", Hidden: "h",
}

// countsMarks lists counts in little room: "+3 -1".
func countsMarks(counts map[Status]int) string {
	var parts []string
	for _, s := range Statuses {
		if n := counts[s]; n > 0 {
			parts = append(parts, statusMarks[s]+strconv.Itoa(n))
		}
	}
	return strings.Join(parts, " ")
}

// columns is the number of columns that a text takes on a terminal: East Asian
// wide characters take two, combining ones none. The ranges are those of
// Unicode's East Asian Width that matter in names.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r >= 0x1100 && r <= 0x115f, r >= 0x2e80 && r <= 0xa4cf, r >= 0xac00 && r <= 0xd7a3, r >= 0xf900 && r <= 0xfaff,
		r >= 0xfe30 && r <= 0xfe6f, r >= 0xff00 && r <= 0xff60, r >= 0xffe0 && r <= 0xffe6,
		r >= 0x1f300 && r <= 0x1f64f, r >= 0x1f900 && r <= 0x1f9ff, r >= 0x20000 && r <= 0x3fffd:
		return 2
	}
	return 1
}

// fit shortens a text to a width in the middle, where paths differ least.
func fit(s string, width int) string {
	if columns(s) <= width {
		return s
	}
	if width < 2 {
		return ""
	}
	runes := []rune(s)
	tail := width * 2 / 3
	head := width - 1 - tail
	i, used := 0, 0
	for i < len(runes) && used+runeColumns(runes[i]) <= head {
		used += runeColumns(runes[i])
		i++
	}
	j, used := len(runes), 0
	for j > i && used+runeColumns(runes[j-1]) <= tail {
		used += runeColumns(runes[j-1])
		j--
	}
	return string(runes[:i]) + "…" + string(runes[j:])
}
