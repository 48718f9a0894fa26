package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file under testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what it was; if that is right, go test ./report -update\n%s", path, got)
	}
}

func textOf(t testing.TB, r *Report, opt TextOptions) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.Text(&b, opt); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	base, target := updated(t)
	r := makeReport(t, base, target, Options{NoDelta: true})
	golden(t, "updated.txt", []byte(textOf(t, r, TextOptions{Width: 80, Top: 20})))
	var b bytes.Buffer
	if err := r.JSON(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "updated.json", b.Bytes())
}

// hostileNames are file names that try to be something else.
var hostileNames = []string{
	"<script>alert(1)</script>", "</script><img src=x onerror=alert(2)>", "<!--", "a\x1b[31mred", "b\nnew line", "c\rreturn", "d\xff\xfebytes", "e\u202egnp.exe",
	"f\u2028line", "&lt;", `"'` + "`", "__proto__", "constructor", "日本語のとても長いファイル名", strings.Repeat("long", 60), `back\slash`, "]]>", "${x}{{y}}",
}

func hostile(t testing.TB) *Report {
	t.Helper()
	var members []tarMember
	for i, name := range hostileNames {
		members = append(members, file(name+"/"+name, noise(uint64(i), 1000*(i+1))))
	}
	return makeReport(t, newImage(t, "old<b>", nil), newImage(t, "new\x1b[0m", []string{"RUN echo '</script>'\x1b[2J"}, layerTar(t, members...)), Options{NoDelta: true})
}

func TestTextOfHostileNames(t *testing.T) {
	r := hostile(t)
	for _, width := range []int{0, 60, 80, 200} {
		out := textOf(t, r, TextOptions{Width: width})
		if !utf8.ValidString(out) {
			t.Error("no UTF-8")
		}
		for line := range strings.Lines(out) {
			line = strings.TrimSuffix(line, "\n")
			if n := columns(line); n > max(width, 60) {
				t.Errorf("%d columns: %q", n, line)
			}
			for _, c := range line {
				if !visible(c) {
					t.Errorf("%q in %q", c, line)
				}
			}
		}
	}
}

// The exact bytes of a name can be had from the JSON form.
func TestJSONOfHostileNames(t *testing.T) {
	var b bytes.Buffer
	if err := hostile(t).JSON(&b); err != nil {
		t.Fatal(err)
	}
	var again Report
	if err := json.Unmarshal(b.Bytes(), &again); err != nil {
		t.Fatal(err)
	}
	have := make(map[string]bool)
	for _, f := range again.Files {
		name := f.Path
		if f.Raw != nil {
			name = string(f.Raw)
		}
		have[name] = true
	}
	for _, name := range hostileNames {
		if path := "/" + cleanPath(name+"/"+name); !have[path] {
			t.Errorf("no %q", path)
		}
	}
}

func TestShow(t *testing.T) {
	for name, want := range map[string]string{
		"plain ü 日本": "plain ü 日本", "a\nb": `a\nb`, "\x1b[0m": `\x1b[0m`, "\xff": `\xff`, "a\\nb": `a\\nb`, "\u202e": `\u202e`, "\U000e0001": `\U000e0001`, "\ufffd": "\ufffd",
	} {
		if got := Show(name); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}
