package layer

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// FileType names, for people, what a node holds: by its first bytes, and by its
// name where those do not tell.
func (n *Node) FileType() string {
	if n.Kind != Content {
		return "headers"
	}
	start := string(n.Prefix[:])
	for _, m := range magics {
		if strings.HasPrefix(start, m.magic) {
			return m.name
		}
	}
	switch {
	case strings.HasSuffix(n.Path, ".pyc") && start[2:4] == "\r\n":
		return "Python bytecode"
	case n.IsTar:
		return "tar"
	case isText(n.Prefix[:min(n.Len, int64(len(n.Prefix)))]):
		return "text"
	}
	return "other data"
}

var magics = []struct{ magic, name string }{
	{"\x7fELF", "ELF"},
	{"!<arch>\n", "ar archive"},
	{"\xca\xfe\xba\xbe", "Java class"},
	{"\xda\xda\xfe\xca", "Java module image"},
	{"\xa2\xba\x0b\xf0", "Java class data archive"},
	{"\xa8\xba\x0b\xf0", "Java class data archive"},
	{"BC\xc0\xde", "LLVM bitcode"},
	{"\x00asm", "WebAssembly"},
	{"\xde\x12\x04\x95", "message catalogue"},
	{"\x95\x04\x12\xde", "message catalogue"},
	{"SQLite f", "SQLite database"},
	{"\x1f\x8b\x08", "gzip"},
	{"PK\x03\x04", "zip"},
	{"\xfd7zXZ\x00", "xz"},
	{"\x28\xb5\x2f\xfd", "zstd"},
	{"BZh", "bzip2"},
	{pngMagic, "PNG"},
	{"\xff\xd8\xff", "JPEG"},
}

// isText tells whether the bytes could be the start of a text in UTF-8.
func isText(b []byte) bool {
	if len(b) == 0 || slices.ContainsFunc(b, isControl) {
		return false
	}
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 && utf8.FullRune(b) {
			return false
		}
		b = b[n:]
	}
	return true
}

func isControl(c byte) bool { return c < ' ' && (c < '\t' || c > '\r') || c == 0x7f }
