package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Advice is something that makes the update dearer than it needs to be, seen in
// these very images, with what to do about it.
type Advice struct {
	// ID is one of "only-times", "layer-order", "times", "mixed-layer", "churn",
	// "copied-up", "duplicates", "hidden", "encoder", "wrapped" and "opaque"; see
	// docs/howto-diff.md.
	ID     string `json:"id"`
	Found  string `json:"found"`
	Remedy string `json:"remedy"`
	// Layers are numbers of the target's layers.
	Layers []int `json:"layers,omitempty"`
	// Files is the number of files that it is about, Examples are paths of those
	// that cost most.
	Files    int      `json:"files"`
	Examples []string `json:"examples,omitempty"`
	// Pull and Delta are the bytes that the remedy saves, or may save, see [Cost].
	Pull  float64 `json:"pull"`
	Delta float64 `json:"delta"`
}

// maxExamples is how many files an advice names.
const maxExamples = 5

// leastAdvice is the share of a pull or of a delta below which nothing is worth
// advice: one part in so many.
const leastAdvice = 1000

// advise looks for everything that there is advice for.
func (m *maker) advise() {
	m.r.Advice = []Advice{}
	rebuilt := m.layerAdvice()
	m.timesAdvice(rebuilt)
	m.mixedAdvice(rebuilt)
	m.churnAdvice()
	m.copiesAdvice()
	m.hiddenAdvice()
	m.encoderAdvice()
	m.wrappedAdvice()
	slices.SortStableFunc(m.r.Advice, func(a, b Advice) int {
		return cmp.Or(cmp.Compare(b.Delta, a.Delta), cmp.Compare(b.Pull, a.Pull), cmp.Compare(a.ID, b.ID))
	})
}

// give notes advice, unless it saves next to nothing.
func (m *maker) give(a Advice, files []*File) {
	s := &m.r.Summary
	if a.Pull*leastAdvice < s.Pull && (s.Delta == 0 || a.Delta*leastAdvice < s.Delta) || a.Pull == 0 && a.Delta == 0 {
		return
	}
	files = slices.Clone(files)
	slices.SortStableFunc(files, func(x, y *File) int { return x.Cost.compare(y.Cost) })
	a.Files = max(a.Files, len(files))
	for _, f := range files[:min(len(files), maxExamples)] {
		a.Examples = append(a.Examples, f.Path)
	}
	m.r.Advice = append(m.r.Advice, a)
}

// about adds up what files cost, and names their layers.
func about(a Advice, files []*File) Advice {
	layers := make(map[int]bool)
	for _, f := range files {
		a.Pull += f.Pull
		a.Delta += f.Delta
		if f.Layer > 0 && !layers[f.Layer] {
			layers[f.Layer] = true
			a.Layers = append(a.Layers, f.Layer)
		}
	}
	slices.Sort(a.Layers)
	return a
}

// pulled lists the files of layers that the base lacks.
func (m *maker) pulled(choose func(*File) bool) (list []*File) {
	for _, f := range m.r.Files {
		if f.Layer > 0 && f.target != nil && !m.r.Layers[f.Layer-1].Shared && choose(f) {
			list = append(list, f)
		}
	}
	return list
}

// layerAdvice is about layers that were built again though nothing in them has
// changed but times. It returns their numbers.
func (m *maker) layerAdvice() map[int]bool {
	rebuilt := make(map[int]bool)
	changed := 0 // the lowest layer that has really changed
	for i := range m.r.Layers {
		l := &m.r.Layers[i]
		if l.Shared || len(l.scanned.entries) == 0 || m.number[l.scanned] != l.Number {
			continue
		}
		like := m.alike(l.scanned)
		if like == nil {
			if changed == 0 {
				changed = l.Number
			}
			continue
		}
		l.Like = m.baseNumber(like)
		rebuilt[l.Number] = true
		a := Advice{ID: "only-times", Layers: []int{l.Number}, Files: len(l.scanned.entries), Pull: float64(l.Pull), Delta: float64(l.Delta),
			Found: fmt.Sprintf("Layer %d is layer %d of the base with nothing but other times, in %s.", l.Number, l.Like, count(len(l.scanned.entries))+" entries"),
			Remedy: "Build with SOURCE_DATE_EPOCH set and times rewritten (BuildKit: --output type=image,rewrite-timestamp=true), " +
				"or keep the build cache, and the layer stays the same.",
		}
		if changed > 0 {
			a.ID = "layer-order"
			a.Found += fmt.Sprintf(" Layer %d below it has changed, and what stands above a changed layer is built again.", changed)
			a.Remedy = fmt.Sprintf("Put it below layer %d: what changes seldom first. Or: b%s", changed, strings.TrimPrefix(a.Remedy, "B"))
		}
		m.give(a, nil)
	}
	return rebuilt
}

// alike finds a layer of the base that has the same entries, times aside.
func (m *maker) alike(l *scanned) *scanned {
	for _, b := range m.base.layers {
		if sameButTimes(b.entries, l.entries) {
			return b
		}
	}
	return nil
}

func sameButTimes(old, now []*entry) bool {
	if len(old) != len(now) {
		return false
	}
	byName := make(map[string]*entry, len(old))
	for _, e := range old {
		byName[e.name] = e
	}
	for _, e := range now {
		o := byName[e.name]
		if o == nil {
			return false
		}
		if status, _ := difference(o, e); status != Same && status != Times {
			return false
		}
	}
	return true
}

func (m *maker) baseNumber(l *scanned) int { return slices.Index(m.base.layers, l) + 1 }

// timesAdvice is about new times in layers that have changed in other ways, too:
// only the delta can do without them.
func (m *maker) timesAdvice(rebuilt map[int]bool) {
	files := m.pulled(func(f *File) bool { return f.Status == Times && !rebuilt[f.Layer] })
	a := about(Advice{ID: "times",
		Found:  fmt.Sprintf("In changed layers, nothing differs but the times of %s.", filesAndDirectories(files)),
		Remedy: "Build with SOURCE_DATE_EPOCH set and times rewritten (BuildKit: --output type=image,rewrite-timestamp=true).",
	}, files)
	a.Pull = 0 // the layers would have to be pulled all the same
	m.give(a, files)
}

// filesAndDirectories counts both: directories have times, too, and are no files.
func filesAndDirectories(files []*File) string {
	dirs := 0
	for _, f := range files {
		if f.Kind == Directory {
			dirs++
		}
	}
	text := plural(len(files)-dirs, "file")
	switch {
	case dirs == 0:
		return text
	case dirs == 1:
		text += " and 1 directory"
	default:
		text += " and " + count(dirs) + " directories"
	}
	return strings.TrimPrefix(text, "0 files and ")
}

// mixedAdvice is about layers most of which the base has in another layer.
func (m *maker) mixedAdvice(rebuilt map[int]bool) {
	for _, l := range m.r.Layers {
		if l.Shared || rebuilt[l.Number] {
			continue
		}
		same := m.pulled(func(f *File) bool {
			return f.Layer == l.Number && (f.Status == Same || f.Status == Times || f.Status == Metadata || f.Status == Moved)
		})
		a := about(Advice{ID: "mixed-layer"}, same)
		if 2*a.Pull < float64(l.Pull) || 100*a.Pull < m.r.Summary.Pull {
			continue
		}
		a.Delta = 0
		a.Found = fmt.Sprintf("%s of layer %d, in %s, are contents that the base has, pulled again because other files of the layer changed.",
			Percent(a.Pull, float64(l.Pull)), l.Number, plural(len(same), "file"))
		a.Remedy = "Put what changes seldom, such as dependencies, into a layer of its own below what changes often."
		m.give(a, same)
	}
}

// churn lists places whose contents a container does not need, or makes again.
var churn = []struct {
	what, remedy string
	match        func(path, base string) bool
}{
	{"package lists of apt", "End the RUN with: rm -rf /var/lib/apt/lists/*", under("/var/lib/apt/lists/")},
	{"packages and caches of apt", "End the RUN with: apt-get clean; or mount a cache on /var/cache/apt", under("/var/cache/apt/")},
	{"caches of apk", "Use apk add --no-cache", under("/var/cache/apk/", "/etc/apk/cache/")},
	{"caches of dnf and yum", "End the RUN with: dnf clean all", under("/var/cache/dnf/", "/var/cache/yum/", "/var/cache/libdnf5/")},
	{"history and logs of dnf", "Remove them at the end of the RUN", under("/var/lib/dnf/history", "/var/lib/yum/history")},
	{"logs", "Remove them at the end of the RUN that writes them", under("/var/log/")},
	{"temporary files", "Remove them at the end of the RUN, or mount a tmpfs there", under("/tmp/", "/var/tmp/")},
	{"caches of Python's pip", "Use pip install --no-cache-dir, or mount a cache there", inHome(".cache/pip/")},
	{"caches of npm and yarn", "Mount a cache there, or remove them at the end of the RUN", inHome(".npm/", ".cache/yarn/", ".cache/node-gyp/")},
	{"caches of Go, Cargo, Maven and Gradle", "Mount a cache there, or build in another stage", inHome(".cache/go-build/", ".cargo/registry/", ".m2/repository/", ".gradle/caches/")},
	{"Python bytecode with the times of its sources in it",
		"Set SOURCE_DATE_EPOCH, compile with --invalidation-mode unchecked-hash, or set PYTHONDONTWRITEBYTECODE=1",
		func(path, base string) bool {
			return strings.HasSuffix(base, ".pyc") && strings.Contains(path, "/__pycache__/")
		}},
	{"the index of man-db", "Remove /var/cache/man, or exclude man pages", under("/var/cache/man/")},
	{"caches of ldconfig and fontconfig", "Remove them at the end of the RUN; they are made again when they are needed", under("/var/cache/ldconfig/", "/var/cache/fontconfig/")},
	{"backup copies of package managers' databases", "Remove them at the end of the RUN", func(path, base string) bool {
		return strings.HasSuffix(base, "-old") && under("/var/lib/dpkg/", "/var/lib/apt/", "/var/cache/debconf/")(path, base) || under("/var/backups/")(path, base)
	}},
	{"repositories of git", "Add .git to .dockerignore", func(path, base string) bool { return strings.Contains(path, "/.git/") }},
	{"histories of shells", "Remove them", func(_, base string) bool {
		return base == ".bash_history" || base == ".ash_history" || base == ".python_history"
	}},
}

func under(dirs ...string) func(path, base string) bool {
	return func(path, _ string) bool {
		return slices.ContainsFunc(dirs, func(d string) bool { return strings.HasPrefix(path, d) })
	}
}

// inHome matches directories of users.
func inHome(dirs ...string) func(path, base string) bool {
	return func(path, _ string) bool {
		rest, ok := strings.CutPrefix(path, "/root/")
		if !ok {
			if rest, ok = strings.CutPrefix(path, "/home/"); !ok {
				return false
			}
			_, rest, _ = strings.Cut(rest, "/")
		}
		return slices.ContainsFunc(dirs, func(d string) bool { return strings.HasPrefix(rest, d) })
	}
}

// churnAdvice is about files that change with every build and that nobody needs.
// Those of bytecode count if they changed: they are needed, their times are not.
func (m *maker) churnAdvice() {
	found := make([][]*File, len(churn))
	for _, f := range m.pulled(func(f *File) bool { return f.Kind != Directory && f.Status != Hidden }) {
		base := f.Path[strings.LastIndexByte(f.Path, '/')+1:]
		for i, c := range churn {
			if c.match(f.Path, base) {
				if !strings.HasSuffix(base, ".pyc") || f.Status == Changed && f.Size == f.BaseSize {
					found[i] = append(found[i], f)
				}
				break
			}
		}
	}
	for i, c := range churn {
		if files := found[i]; len(files) > 0 {
			a := about(Advice{ID: "churn", Remedy: c.remedy + "."}, files)
			a.Found = fmt.Sprintf("%s: %s.", upperFirst(c.what), plural(len(files), "file"))
			m.give(a, files)
		}
	}
}

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
