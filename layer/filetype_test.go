package layer

import "testing"

func TestFileType(t *testing.T) {
	for _, c := range []struct{ path, content, want string }{
		{"bin/x", "\x7fELF\x02\x01\x01\x00", "ELF"},
		{"x.pyc", "\xa7\r\r\n\x00\x00\x00\x00", "Python bytecode"},
		{"x.pyc", "\xa7\x00\x00\x00", "other data"},
		{"a.mo", "\xde\x12\x04\x95", "message catalogue"},
		{"notes", "h\u00e9llo w\u00f6rld", "text"},
		{"notes", "abcdefg\u00e9", "text"}, // the eighth byte is half a character
		{"notes", "abc\xff\xfe", "other data"},
		{"short", "\x00", "other data"},
		{"lib.jar!/A", "\xca\xfe\xba\xbe", "Java class"},
	} {
		n := &Node{Kind: Content, Path: c.path, Len: int64(len(c.content))}
		n.look([]byte(c.content), n.Len)
		if got := n.FileType(); got != c.want {
			t.Errorf("%s %q: %s, not %s", c.path, c.content, got, c.want)
		}
	}
	if got := (&Node{Kind: Header, Path: "x"}).FileType(); got != "headers" {
		t.Errorf("a header: %s", got)
	}
}
