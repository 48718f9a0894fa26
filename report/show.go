package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Show makes a name fit to be seen: one line, nothing that moves a cursor or
// turns the direction of writing, valid UTF-8. What is replaced is written as in
// Go: \n, \x1b, \u202e. A backslash that could be mistaken for one of these is
// doubled.
func Show(name string) string {
	if isPlain(name) {
		return name
	}
	var b strings.Builder
	for i := 0; i < len(name); {
		r, n := utf8.DecodeRuneInString(name[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, name[i])
		case r == '\\':
			b.WriteString(`\\`)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case visible(r):
			b.WriteRune(r)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		i += n
	}
	return b.String()
}

// visible tells whether a character takes its place and does nothing else.
// Formatting characters (Cf), to which the marks of writing direction belong,
// and odd spaces are not.
func visible(r rune) bool { return unicode.IsPrint(r) }

func isPlain(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if r == '\\' || !visible(r) {
			return false
		}
	}
	return true
}
