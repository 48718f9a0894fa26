package report

import (
	"bytes"
	"path"
	"strings"
	"unicode/utf8"
)

// lookAt is the number of bytes by which a content's type is told.
const lookAt = 512

// magics are marks at the start of contents, see magic(5). The first that fits
// counts.
var magics = []struct {
	off         int
	magic, name string
}{
	{0, "\x7fELF", "ELF"}, // told apart in fileType
	{0, "!<arch>\n", "static library"},
	{0, "\xca\xfe\xba\xbe", "Java class"},
	{0, "\xda\xda\xfe\xca", "Java module image"},
	{0, "\xca\xfe\xda\xda", "Java module image"},
	{0, "\xa2\xba\x0b\xf0", "Java class data archive"},
	{0, "\xa8\xba\x0b\xf0", "Java class data archive"},
	{0, "BC\xc0\xde", "LLVM bitcode"},
	{0, "\x00asm", "WebAssembly"},
	{0, "\xde\x12\x04\x95", "message catalogue"},
	{0, "\x95\x04\x12\xde", "message catalogue"},
	{0, "SQLite format 3\x00", "SQLite database"},
	{0, "\x1f\x8b", "gzip"},
	{0, "PK\x03\x04", "zip"}, // told apart in fileType
	{0, "PK\x05\x06", "zip"},
	{0, "\xfd7zXZ\x00", "xz"},
	{0, "\x28\xb5\x2f\xfd", "zstd"},
	{0, "BZh", "bzip2"},
	{0, "\x89PNG\r\n\x1a\n", "PNG"},
	{0, "\xff\xd8\xff", "JPEG"},
	{0, "GIF8", "GIF"},
	{0, "%PDF-", "PDF"},
	{0, "wOFF", "font"},
	{0, "wOF2", "font"},
	{0, "OTTO", "font"},
	{0, "\x00\x01\x00\x00\x00", "font"},
	{0, "TZif", "time zone"},
	{0, "MZ", "Windows executable"},
	{0, "\xcf\xfa\xed\xfe", "Mach-O"},
	{0, "\xfe\xed\xfe\xed", "Java key store"},
	{0, "-----BEGIN ", "PEM"},
	{257, "ustar", "tar"},
}

// fileType names, for people, what a content is: by its first bytes, and by the
// name where those leave a choice.
func fileType(name string, start []byte) string {
	ext := strings.ToLower(path.Ext(name))
	if len(start) == 0 {
		return "empty"
	}
	for _, m := range magics {
		if len(start) < m.off || !bytes.HasPrefix(start[m.off:], []byte(m.magic)) {
			continue
		}
		switch m.name {
		case "ELF":
			return elfType(name, start)
		case "zip":
			switch ext {
			case ".jar", ".war", ".ear":
				return "Java archive"
			case ".whl", ".egg":
				return "Python archive"
			case ".nupkg":
				return "NuGet package"
			}
		}
		return m.name
	}
	// The magic number of .pyc changes with every version, its third and fourth
	// bytes do not.
	if len(start) >= 16 && string(start[2:4]) == "\r\n" && (ext == ".pyc" || ext == ".pyo") {
		return "Python bytecode"
	}
	if !isText(start) {
		return "other data"
	}
	return textType(ext, start)
}

// elfType looks at e_type, at offset 16.
func elfType(name string, start []byte) string {
	if len(start) < 18 {
		return "ELF"
	}
	kind := start[16]
	if start[5] == 2 { // big-endian
		kind = start[17]
	}
	base := path.Base(name)
	switch {
	case kind == 1 && strings.HasSuffix(base, ".ko"):
		return "kernel module"
	case kind == 1:
		return "ELF object"
	case kind == 3 && (strings.HasSuffix(base, ".so") || strings.Contains(base, ".so.")):
		return "ELF library"
	case kind == 2, kind == 3:
		return "ELF executable"
	}
	return "ELF"
}

var textTypes = map[string]string{
	".py": "Python source", ".js": "JavaScript", ".mjs": "JavaScript", ".cjs": "JavaScript", ".ts": "TypeScript", ".rb": "Ruby source",
	".pl": "Perl source", ".pm": "Perl source", ".php": "PHP source", ".go": "Go source", ".java": "Java source", ".json": "JSON",
	".html": "HTML", ".htm": "HTML", ".css": "CSS", ".xml": "XML", ".svg": "XML", ".h": "C source", ".hpp": "C source", ".c": "C source",
	".sh": "script", ".map": "source map", ".sql": "SQL", ".yaml": "YAML", ".yml": "YAML", ".md": "Markdown",
}

func textType(ext string, start []byte) string {
	if name, ok := textTypes[ext]; ok {
		return name
	}
	if bytes.HasPrefix(start, []byte("#!")) {
		return "script"
	}
	return "text"
}

// isText tells whether the bytes could be the start of a text in UTF-8 or in an
// 8-bit character set: no control characters but those of texts.
func isText(b []byte) bool {
	high := 0
	for _, c := range b {
		switch {
		case c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != 0x1b && c != '\b':
			return false
		case c == 0x7f:
			return false
		case c >= 0x80:
			high++
		}
	}
	if high == 0 {
		return true
	}
	for cut := range min(utf8.UTFMax, len(b)) { // the last character may be cut
		if utf8.Valid(b[:len(b)-cut]) {
			return true
		}
	}
	return 4*high < len(b)
}
