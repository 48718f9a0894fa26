package report

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"encoding/csv"
	"encoding/json"
	"path"
	"regexp"
	"strings"
)

// wheel reads what installers of Python packages leave in *.dist-info: METADATA
// and RECORD, whose paths are relative to the directory above; see PEP 376.
func (c *catalog) wheel(p, dir string, e *entry) {
	s := python(p, e)
	if s.name == "" {
		return
	}
	pkg := c.add(s)
	c.ownDir(pkg, dir)
	r := csv.NewReader(bytes.NewReader(c.fs.open(dir + "/RECORD").content(maxDatabase)))
	r.FieldsPerRecord = -1
	r.LazyQuotes = true
	for {
		record, err := r.Read()
		if err != nil {
			return
		}
		if file := path.Join("/", path.Dir(dir), record[0]); !strings.HasPrefix(record[0], "/") {
			c.own(pkg, file)
			// Compiled by the installer, and not always recorded.
			if module, ok := strings.CutSuffix(path.Base(file), ".py"); ok {
				c.ownPrefix(pkg, path.Join(path.Dir(file), "__pycache__"), module+".")
			}
		}
	}
}

// ownPrefix gives the files of a directory whose names start with a prefix to a
// package.
func (c *catalog) ownPrefix(pkg int, dir, prefix string) {
	n := c.fs.root.find(cleanPath(dir), false)
	if n == nil {
		return
	}
	for name := range n.children {
		if strings.HasPrefix(name, prefix) {
			c.own(pkg, dir+"/"+name)
		}
	}
}

func python(p string, e *entry) software {
	s := software{kind: "python", where: p}
	fields(e.content(maxManifest), func(name, value string) {
		switch name {
		case "Name":
			s.name = value
		case "Version":
			s.version = value
		}
	})
	return s
}

// egg reads what setuptools left before there were wheels: a directory or a
// file *.egg-info, with the list of files in the first only.
func (c *catalog) egg(p, dir, base string, e *entry) {
	s := python(p, e)
	if s.name == "" {
		return
	}
	pkg := c.add(s)
	c.own(pkg, p)
	if base != "PKG-INFO" {
		return
	}
	c.ownDir(pkg, dir)
	lines(c.fs.open(dir+"/installed-files.txt").content(maxDatabase), func(line string) {
		c.own(pkg, path.Join("/", dir, line))
	})
}

// isNodeModule tells whether a directory is one of a package of npm:
// node_modules/NAME or node_modules/@SCOPE/NAME.
func isNodeModule(dir string) bool {
	parent := path.Dir(dir)
	if strings.HasPrefix(path.Base(parent), "@") {
		parent = path.Dir(parent)
	}
	return path.Base(parent) == "node_modules"
}

func (c *catalog) npm(p, dir string, e *entry) {
	var manifest struct{ Name, Version string }
	if json.Unmarshal(e.content(maxManifest), &manifest) != nil || manifest.Name == "" || manifest.Version == "" {
		return
	}
	c.ownDir(c.add(software{kind: "npm", name: manifest.Name, version: manifest.Version, where: p}), dir)
}

var (
	gemName    = regexp.MustCompile(`(?m)^\s*\w+\.name\s*=\s*["']([^"']+)["']`)
	gemVersion = regexp.MustCompile(`(?m)^\s*\w+\.version\s*=\s*["']([^"']+)["']`)
)

// gem reads the specification of a Ruby gem, which is a program; rubygems writes
// it in one form.
func (c *catalog) gem(p, dir, base string, e *entry) {
	spec := e.content(maxManifest)
	name, version := gemName.FindSubmatch(spec), gemVersion.FindSubmatch(spec)
	if name == nil || version == nil {
		return
	}
	pkg := c.add(software{kind: "gem", name: string(name[1]), version: string(version[1]), where: p})
	c.own(pkg, p)
	full := strings.TrimSuffix(base, ".gemspec")
	c.ownDir(pkg, path.Join(path.Dir(dir), "gems", full))
	// extensions/PLATFORM/API/FULL
	if n := c.fs.root.find(path.Join(path.Dir(dir), "extensions"), false); n != nil {
		for _, platform := range n.names() {
			for _, api := range n.children[platform].names() {
				c.ownDir(pkg, path.Join(path.Dir(dir), "extensions", platform, api, full))
			}
		}
	}
}

// goProgram reads what the Go linker tells about a program and the modules in
// it.
func (c *catalog) goProgram(p string, e *entry) {
	if e.linked != nil {
		e = e.linked
	}
	f, err := elf.NewFile(e.reader())
	if err != nil || f.Section(".go.buildinfo") == nil {
		return
	}
	info, err := buildinfo.Read(e.reader())
	if err != nil {
		return
	}
	name, version := info.Main.Path, info.Main.Version
	if name == "" {
		name = info.Path
	}
	if name == "" {
		name = path.Base(p)
	}
	c.own(c.add(software{kind: "go", name: name, version: version, where: p}), p)
	c.add(software{kind: "go module", name: "stdlib", version: info.GoVersion, where: p})
	for _, m := range info.Deps {
		version := m.Version
		if m.Replace != nil {
			version = strings.TrimSpace(m.Replace.Path + " " + m.Replace.Version)
		}
		c.add(software{kind: "go module", name: m.Path, version: version, where: p})
	}
}
