package report

import (
	"bufio"
	"bytes"
	"io"
	"path"
	"slices"
	"strings"
)

// software is a package as one image knows it.
type software struct {
	kind, name, arch, version string
	// where is the path of what says so, for kinds of which there can be several
	// in an image; what lies in an archive follows after "!/".
	where string
}

// catalog knows the packages of an image and whose the files are.
type catalog struct {
	fs    *fileSystem
	list  []software
	files map[string]int // index in list, by path
	dirs  map[string]int // the same for everything below a directory
	// resolved remembers directories without symbolic links.
	resolved map[string]string
}

const (
	// maxDatabase bounds a database of packages that is read into memory, and
	// maxManifest what describes one package, in bytes.
	maxDatabase = 256 << 20
	maxManifest = 1 << 20
)

// newCatalog reads the databases in an image. What cannot be understood is
// passed over: it is no reason for having no report. Archives and programs,
// which take time to read, are looked at only if they are wanted.
func newCatalog(fs *fileSystem, all map[string]*entry, wanted func(*entry) bool) *catalog {
	c := &catalog{fs: fs, files: make(map[string]int), dirs: make(map[string]int), resolved: make(map[string]string)}
	c.dpkg()
	c.apk()
	c.rpm()
	paths := make([]string, 0, len(all))
	for p, e := range all {
		if e.isFile() {
			paths = append(paths, p)
		}
	}
	slices.Sort(paths)
	for _, p := range paths {
		e := all[p]
		if _, taken := c.files[p]; !taken { // else it belongs to a package of the system
			c.language(p, e, wanted(e))
		}
	}
	return c
}

// language looks at a file that may describe a package of a programming
// language.
func (c *catalog) language(p string, e *entry, wanted bool) {
	dir, base := path.Split(p)
	dir = strings.TrimSuffix(dir, "/")
	switch {
	case base == "METADATA" && strings.HasSuffix(dir, ".dist-info"):
		c.wheel(p, dir, e)
	case base == "PKG-INFO" && strings.HasSuffix(dir, ".egg-info"), strings.HasSuffix(base, ".egg-info"):
		c.egg(p, dir, base, e)
	case base == "package.json" && isNodeModule(dir):
		c.npm(p, dir, e)
	case strings.HasSuffix(base, ".gemspec") && path.Base(dir) == "specifications":
		c.gem(p, dir, base, e)
	case isArchive(e) && wanted:
		c.jar(p, e)
	case e.ftype == "ELF executable" && wanted:
		c.goProgram(p, e)
	}
}

// add notes a package; files are added to it by own and ownDir.
func (c *catalog) add(s software) int {
	c.list = append(c.list, s)
	return len(c.list) - 1
}

// own gives a file to a package unless it has an owner. Paths may lead through
// symbolic links, as /lib does where it means /usr/lib.
func (c *catalog) own(pkg int, file string) {
	dir, base := path.Split(cleanPath(file))
	dir = strings.TrimSuffix(dir, "/")
	real, known := c.resolved[dir]
	if !known {
		real = c.fs.resolve(dir, true)
		c.resolved[dir] = real
	}
	if real != "" {
		base = real + "/" + base
	}
	if _, taken := c.files[base]; !taken {
		c.files[base] = pkg
	}
}

func (c *catalog) ownDir(pkg int, dir string) {
	if _, taken := c.dirs[dir]; !taken {
		c.dirs[dir] = pkg
	}
}

// owner finds the package that has a file, or -1. Directories have none.
func (c *catalog) owner(p string, e *entry) int {
	if e.kind == Directory {
		return -1
	}
	if i, ok := c.files[p]; ok {
		return i
	}
	for dir := path.Dir(p); dir != "." && dir != "/"; dir = path.Dir(dir) {
		if i, ok := c.dirs[dir]; ok {
			return i
		}
	}
	return -1
}

// content reads a file of at most limit bytes, or gives nothing.
func (e *entry) content(limit int64) []byte {
	if e != nil && e.linked != nil {
		e = e.linked
	}
	if e == nil || e.kind != Regular || e.size > limit {
		return nil
	}
	b := make([]byte, e.reader().Size())
	if _, err := io.ReadFull(e.reader(), b); err != nil {
		return nil
	}
	return b
}

// fields reads the header of a text in the form of mails, and calls visit for
// each field with its first line. It stops at an empty line and returns what
// stands behind.
func fields(b []byte, visit func(name, value string)) (rest []byte) {
	for len(b) > 0 {
		line, after, _ := bytes.Cut(b, []byte("\n"))
		b = after
		line = bytes.TrimRight(line, "\r")
		if len(line) == 0 {
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			continue
		}
		if name, value, ok := strings.Cut(string(line), ":"); ok {
			visit(name, strings.TrimSpace(value))
		}
	}
	return b
}

// lines calls visit for each line of a text.
func lines(b []byte, visit func(string)) {
	s := bufio.NewScanner(bytes.NewReader(b))
	s.Buffer(nil, maxManifest)
	for s.Scan() {
		visit(strings.TrimSuffix(s.Text(), "\r"))
	}
}
