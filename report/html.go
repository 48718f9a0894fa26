package report

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"
)

//go:embed page
var pageFiles embed.FS

// scripts are the parts of the page's program, in order.
var scripts = []string{"data.js", "tree.js", "table.js", "treemap.js", "views.js", "page.js"}

var pageTemplate = template.Must(template.New("page.html").Funcs(template.FuncMap{
	"show": Show, "bytes": Bytes, "percent": Percent, "count": count, "plural": plural, "counts": countsText,
	"float": func(n int64) float64 { return float64(n) },
	"of":    func(counts map[Status]int, s Status) int { return counts[s] },
}).ParseFS(pageFiles, "page/page.html"))

// HTML writes the report as one page that needs no network. Names from the
// images are escaped; a Content-Security-Policy lets nothing run but the page's
// own program, and nothing be loaded.
func (r *Report) HTML(w io.Writer) error {
	style, err := pageFiles.ReadFile("page/style.css")
	if err != nil {
		return err
	}
	script, err := pageScript()
	if err != nil {
		return err
	}
	data, err := r.pageData()
	if err != nil {
		return err
	}
	v := &pageView{Report: r, Style: template.CSS(style), Script: template.JS(script), Data: template.JS(data),
		Policy: fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'", hashSource(style), hashSource(script))}
	return pageTemplate.Execute(w, v)
}

// pageScript joins the parts into one function, so that they share names with
// nobody else.
func pageScript() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("(function () {\n\"use strict\";\n")
	for _, name := range scripts {
		part, err := pageFiles.ReadFile("page/" + name)
		if err != nil {
			return nil, err
		}
		b.Write(part)
	}
	b.WriteString("})();\n")
	return b.Bytes(), nil
}

// hashSource is how a Content-Security-Policy names what may stand in a page.
func hashSource(b []byte) string {
	h := sha256.Sum256(b)
	return "sha256-" + base64.StdEncoding.EncodeToString(h[:])
}

// pageView is what the template sees.
type pageView struct {
	*Report
	Style  template.CSS
	Script template.JS
	Data   template.JS
	Policy string
}

// Title names the images.
func (v *pageView) Title() string { return v.Base.Title() + " → " + v.Target.Title() }

func (i *Image) Title() string {
	if len(i.Names) > 0 {
		return Show(i.Names[0])
	}
	return strings.TrimPrefix(i.ID.String(), "sha256:")[:12]
}

// Versions counts packages by what became of them.
func (v *pageView) Versions() map[Status]int {
	counts := make(map[Status]int)
	for _, p := range v.Packages {
		counts[p.Status]++
	}
	return counts
}

// Touched counts the files that are not the same for a container.
func (v *pageView) Touched() (n int) {
	for _, s := range []Status{Added, Removed, Changed, Moved, Metadata} {
		n += v.Summary.Counts[s]
	}
	return n
}

// Shares are the parts of the delta, for a list.
func (v *pageView) Shares() []Part {
	d := v.Delta
	return []Part{
		{"contents of files", d.Contents}, {"tar headers", d.Headers}, {"compressing again what is compressed in layers", float64(d.Rewrap)},
		{"layers carried compressed", float64(d.Carried)}, {"configs, manifests, recipes of layers", float64(d.Metadata)}, {"the package around it", float64(d.Other)},
	}
}

// pageData is the report in the form that the page's program reads: short, and
// safe to stand in a script element, since encoding/json writes <, > and & as
// escapes.
func (r *Report) pageData() ([]byte, error) {
	d := pageData{Delta: r.Delta != nil, Total: [3]float64{r.Summary.Delta, r.Summary.Pull, float64(r.Summary.Size)}, Statuses: Statuses}
	if r.Delta == nil {
		d.Total[0] = 0
	}
	types := make(map[string]int)
	index := func(list *[]string, numbers map[string]int, s string) int {
		i, ok := numbers[s]
		if !ok {
			i = len(*list)
			numbers[s] = i
			*list = append(*list, s)
		}
		return i
	}
	for _, p := range r.Packages {
		d.Packages = append(d.Packages, [8]any{p.Kind, Show(p.Name), Show(p.BaseVersion), Show(p.Version), statusIndex(p.Status), p.Delta, p.Pull, [3]any{p.Size, Show(p.Where), Show(p.Arch)}})
	}
	last := ""
	for _, f := range r.Files {
		path := Show(f.Path)
		common := commonPrefix(last, path)
		last = path
		row := []any{common, path[common:], statusIndex(f.Status), index(&d.Types, types, f.Type), f.Package, f.Layer, f.Delta, f.Pull, f.Size, f.BaseSize, Show(f.From), strings.Join(f.Differs, ", "), f.parts()}
		for len(row) > 10 && isEmpty(row[len(row)-1]) {
			row = row[:len(row)-1]
		}
		d.Files = append(d.Files, row)
	}
	return json.Marshal(d)
}

// pageData has rows without names, see data.js.
type pageData struct {
	Delta    bool       `json:"delta"`
	Total    [3]float64 `json:"total"` // delta, pull, size
	Statuses []Status   `json:"statuses"`
	Types    []string   `json:"types"`
	Packages [][8]any   `json:"packages"`
	Files    [][]any    `json:"files"`
}

// maxParts is how many parts of a file the page lists.
const maxParts = 200

// parts lists what is inside of a file, in turn path and bytes; what is beyond
// maxParts is one part.
func (f *File) parts() []any {
	var list []any
	rest := 0.0
	for i, p := range f.Inside {
		if i < maxParts {
			list = append(list, Show(p.Path), p.Delta)
		} else {
			rest += p.Delta
		}
	}
	if rest > 0 {
		list = append(list, "…", rest)
	}
	return list
}

func isEmpty(v any) bool {
	switch v := v.(type) {
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	}
	return false
}

func statusIndex(s Status) int {
	for i, t := range Statuses {
		if s == t {
			return i
		}
	}
	return -1
}

// commonPrefix is the length of what two texts start with alike, which ends at a
// character of ASCII: scripts count characters in another way than Go.
func commonPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] && a[n] < 0x80 {
		n++
	}
	return n
}
