package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// TextOptions tune [Report.Text].
type TextOptions struct {
	// Width is the number of columns to fit into; under 60, it is 60.
	Width int
	// Top is the greatest number of rows of a table, 0 for all.
	Top int
}

// Text writes the report for a terminal.
func (r *Report) Text(w io.Writer, opt TextOptions) error {
	opt.Width = max(opt.Width, 60)
	if opt.Top <= 0 {
		opt.Top = int(^uint(0) >> 1)
	}
	t := &text{w: bufio.NewWriter(w), r: r, opt: opt}
	t.summary()
	t.advice()
	t.layers()
	t.packages()
	t.types()
	t.tree()
	return t.w.Flush()
}

type text struct {
	w   *bufio.Writer
	r   *Report
	opt TextOptions
}

func (t *text) line(format string, args ...any) { fmt.Fprintf(t.w, format+"\n", args...) }

func (t *text) title(s string) { t.line("\n%s", s) }

func (t *text) summary() {
	r := t.r
	for _, side := range []struct {
		word string
		img  Image
	}{{"base", r.Base}, {"target", r.Target}} {
		name := side.img.ID.String()
		if len(side.img.Names) > 0 {
			name = Show(side.img.Names[0])
		}
		t.line("%-8s%s", side.word, fit(name, t.opt.Width-8))
		t.line("        %s, %s, %s in %s", Show(side.img.Platform), plural(side.img.Files, "file"), Bytes(float64(side.img.Tar)), plural(side.img.Layers, "layer"))
	}
	t.line("%-8s%s, %s", "pull", Bytes(r.Summary.Pull), r.PullText())
	if d := r.Delta; d != nil {
		t.line("%-8s%s, %s of the pull, at level %s", "delta", Bytes(float64(d.Bytes)), Percent(float64(d.Bytes), r.Summary.Pull), d.Level)
		t.line("        %s for contents, %s for tar headers, %s to compress again, %s for the rest",
			Bytes(d.Contents), Bytes(d.Headers), Bytes(float64(d.Rewrap)), Bytes(float64(d.Carried+d.Metadata+d.Other)))
	}
	t.wrapped("files", countsText(r.Summary.Counts))
	if len(r.Files) > 0 {
		t.wrapped("marks", "+ added, - removed, ~ changed, > moved, m other metadata, t other time only, = the same, h hidden by a layer above")
	}
}

// PullText says what the pull is.
func (r *Report) PullText() string {
	s := fmt.Sprintf("%s that the base lacks", plural(len(r.Layers)-r.Summary.LayersShared, "layer"))
	if len(r.Layers) > 0 && r.Summary.LayersShared == len(r.Layers) {
		s = "the base has all layers"
	}
	if r.Summary.PullEstimated {
		s += ", estimated with gzip"
	}
	return s
}

// advice writes what could be better, the dearest first.
func (t *text) advice() {
	if len(t.r.Advice) == 0 {
		return
	}
	t.title("Advice")
	for i, a := range t.r.Advice {
		if i == t.opt.Top {
			t.more(len(t.r.Advice)-i, "finding")
			break
		}
		cost := fmt.Sprintf("pull %s", dash(a.Pull))
		if t.r.Delta != nil {
			cost += fmt.Sprintf(", delta %s", dash(a.Delta))
		}
		t.paragraph("  * ", "    ", Show(a.Found)+" ["+cost+"]")
		t.paragraph("    ", "    ", a.Remedy)
		for _, e := range a.Examples {
			t.line("      %s", fit(Show(e), t.opt.Width-6))
		}
	}
}

// paragraph writes words on as many lines as they take.
func (t *text) paragraph(first, indent, words string) {
	line, empty := first, true
	for _, w := range strings.Fields(words) {
		if !empty && columns(line)+1+columns(w) > t.opt.Width {
			t.line("%s", line)
			line, empty = indent, true
		}
		if !empty {
			line += " "
		}
		line += fit(w, t.opt.Width-columns(indent))
		empty = false
	}
	t.line("%s", line)
}

// wrapped writes a list behind a word, on as many lines as it takes.
func (t *text) wrapped(word, list string) {
	line := fmt.Sprintf("%-8s", word)
	for i, part := range strings.SplitAfter(list, ", ") {
		if i > 0 && columns(line)+columns(strings.TrimRight(part, " ")) > t.opt.Width {
			t.line("%s", strings.TrimRight(line, " "))
			line = strings.Repeat(" ", 8)
		}
		line += part
	}
	t.line("%s", line)
}

// costHead and cost are the columns of numbers, which stand in front.
func (t *text) costHead() string {
	s := fmt.Sprintf("%8s %8s", "SIZE", "PULL")
	if t.r.Delta != nil {
		s += fmt.Sprintf(" %8s", "DELTA")
	}
	return s
}

func (t *text) cost(c Cost) string {
	s := fmt.Sprintf("%8s %8s", Bytes(float64(c.Size)), dash(c.Pull))
	if t.r.Delta != nil {
		s += fmt.Sprintf(" %8s", dash(c.Delta))
	}
	return s
}

// dash writes nothing as a dash, which is easier to pass over.
func dash(n float64) string {
	if n == 0 {
		return "-"
	}
	return Bytes(n)
}

// row writes numbers and a text that takes the rest of the line.
func (t *text) row(numbers, rest string) {
	t.line("%s", strings.TrimRight(numbers+"  "+fit(rest, t.opt.Width-columns(numbers)-2), " "))
}

func (t *text) more(n int, what string) {
	if n > 0 {
		t.line("  and %s more", plural(n, what))
	}
}

func (t *text) layers() {
	if len(t.r.Layers) == 0 {
		return
	}
	t.title("Layers of the target")
	t.row(fmt.Sprintf("%3s %s", "", t.costHead()), "FILES; MADE BY")
	for i, l := range t.r.Layers {
		if i == t.opt.Top {
			t.more(len(t.r.Layers)-i, "layer")
			break
		}
		what := "in the base, too"
		if !l.Shared {
			what = cmp.Or(countsMarks(l.Counts), "no files")
		}
		t.row(fmt.Sprintf("%3d %s", l.Number, t.cost(Cost{Size: l.Tar, Pull: float64(l.Pull), Delta: float64(l.Delta)})), what)
		if l.Command != "" {
			t.row(strings.Repeat(" ", columns(t.costHead())+4), Show(l.Command))
		}
	}
}

func (t *text) packages() {
	list := t.r.Packages
	if len(list) == 0 {
		return
	}
	t.title("Packages")
	t.row(t.costHead(), "PACKAGE")
	other := slices.IndexFunc(list, func(p Package) bool { return p.Status == Same })
	if other > 0 { // those of the same version are of less interest
		list = list[:other]
	}
	list = list[:min(len(list), t.opt.Top)]
	for _, p := range list {
		s := statusMarks[p.Status] + " " + p.Kind + " " + Show(p.Name)
		if v := p.versions(); v != "" {
			s += " " + Show(v)
		}
		if p.Where != "" {
			s += ", " + Show(p.Where)
		}
		t.row(t.cost(p.Cost), s)
	}
	rest := t.r.Packages[len(list):]
	same := 0
	for _, p := range rest {
		if p.Status == Same {
			same++
		}
	}
	t.more(len(rest)-same, "package")
	if same > 0 {
		t.line("  and %s of the same version", plural(same, "package"))
	}
}

// versions tells the versions of a package before and after.
func (p *Package) versions() string {
	if p.Status == Changed {
		return p.BaseVersion + " → " + p.Version
	}
	return cmp.Or(p.Version, p.BaseVersion)
}

func (t *text) types() {
	t.groups("File types", "TYPE", "type", t.r.Types)
}

func (t *text) groups(title, head, what string, list []Group) {
	if len(list) == 0 {
		return
	}
	t.title(title)
	t.row(t.costHead(), head)
	for i, g := range list {
		if i == t.opt.Top {
			t.more(len(list)-i, what)
			break
		}
		t.row(t.cost(g.Cost), strings.TrimSpace(Show(g.Name)+"  "+countsMarks(g.Counts)))
	}
}

// tree writes directories and files, down to what costs least of all that fits.
func (t *text) tree() {
	if len(t.r.Files) == 0 {
		t.title("The images have the same files.")
		return
	}
	t.title("Directories and files")
	t.row(t.costHead(), "PATH")
	root := newTree(t.r.Files)
	t.row(t.cost(root.cost), "/")
	t.branch(root, root.costliest(t.opt.Top), "")
}

// branch writes the chosen children of a node.
func (t *text) branch(n *treeNode, chosen map[*treeNode]bool, indent string) {
	var rest Cost
	var list []*treeNode
	for _, c := range n.children {
		if chosen[c] {
			list = append(list, c)
		} else {
			rest.add(c.cost)
		}
	}
	more := len(n.children) - len(list)
	for i, c := range list {
		fork, below := "├── ", "│   "
		if i == len(list)-1 && more == 0 {
			fork, below = "└── ", "    "
		}
		end, name := c.alone()
		t.row(t.cost(c.cost), indent+fork+t.label(end, name))
		if len(end.children) > 0 && containsAny(chosen, end.children) {
			t.branch(end, chosen, indent+below)
		}
	}
	if more > 0 {
		t.row(t.cost(rest), fmt.Sprintf("%s└── … %d more", indent, more))
	}
}

func containsAny(chosen map[*treeNode]bool, list []*treeNode) bool {
	for _, n := range list {
		if chosen[n] {
			return true
		}
	}
	return false
}

// label names a node, and says what became of it.
func (t *text) label(n *treeNode, name string) string {
	if f := n.file; f != nil && len(n.children) == 0 {
		return statusMarks[f.Status] + " " + Show(name) + f.more()
	}
	return strings.TrimSpace(Show(name) + "/  " + countsMarks(n.counts))
}

// more says what the mark of a file's status does not.
func (f *File) more() string {
	switch {
	case f.From != "":
		return ", was " + Show(f.From)
	case f.Status == Metadata:
		return ", other " + strings.Join(f.Differs, ", ")
	}
	return ""
}
