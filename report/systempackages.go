package report

import (
	"path"
	"strings"

	"github.com/docker-delta/docker-delta/report/internal/rpmdb"
)

// dpkg reads /var/lib/dpkg/status, or the status.d of images without dpkg
// itself, and the lists of files beside it; see dpkg-query(1) and deb-control(5).
func (c *catalog) dpkg() {
	const dir = "var/lib/dpkg/"
	installed := func(b []byte) (list []software) {
		for len(b) > 0 {
			s := software{kind: "deb"}
			status := "install ok installed" // in status.d, nothing else stands
			b = fields(b, func(name, value string) {
				switch name {
				case "Package":
					s.name = value
				case "Version":
					s.version = value
				case "Architecture":
					s.arch = value
				case "Status":
					status = value
				}
			})
			if s.name != "" && strings.HasSuffix(status, " installed") {
				list = append(list, s)
			}
		}
		return list
	}
	for _, s := range installed(c.fs.open(dir + "status").content(maxDatabase)) {
		pkg := c.add(s)
		list := c.fs.open(dir + "info/" + s.name + ":" + s.arch + ".list")
		if list == nil {
			list = c.fs.open(dir + "info/" + s.name + ".list")
		}
		c.ownFiles(pkg, list.content(maxDatabase))
	}
	if n := c.fs.root.find(dir+"status.d", false); n != nil {
		for _, name := range n.names() {
			for _, s := range installed(c.fs.open(dir + "status.d/" + name).content(maxManifest)) {
				pkg := c.add(s)
				lines(c.fs.open(dir+"status.d/"+name+".md5sums").content(maxDatabase), func(line string) {
					if _, file, ok := strings.Cut(line, "  "); ok {
						c.own(pkg, file)
					}
				})
			}
		}
	}
}

// ownFiles gives a list of files, one a line, to a package. Directories are in
// it, too, and what is a link to a directory in the image; they belong to nobody.
func (c *catalog) ownFiles(pkg int, list []byte) {
	lines(list, func(line string) {
		if !strings.HasPrefix(line, "/") {
			return
		}
		if n := c.fs.root.find(cleanPath(line), false); n != nil && n.entry != nil && n.entry.kind == Symlink {
			to := c.fs.root.find(c.fs.resolve(line, true), false)
			if to != nil && (len(to.children) > 0 || to.entry != nil && to.entry.kind == Directory) {
				return
			}
		}
		c.own(pkg, line)
	})
}

// apk reads the database of Alpine's package manager: paragraphs of lines
// "K:value", in which F is a directory and R a file in it.
func (c *catalog) apk() {
	db := c.fs.open("lib/apk/db/installed")
	if db == nil {
		db = c.fs.open("usr/lib/apk/db/installed")
	}
	for b := db.content(maxDatabase); len(b) > 0; {
		s := software{kind: "apk"}
		var files []string
		dir := ""
		b = fields(b, func(key, value string) {
			switch key {
			case "P":
				s.name = value
			case "V":
				s.version = value
			case "A":
				s.arch = value
			case "F":
				dir = value
			case "R":
				files = append(files, path.Join(dir, value))
			}
		})
		if s.name == "" {
			continue
		}
		pkg := c.add(s)
		for _, f := range files {
			c.own(pkg, f)
		}
	}
}

// rpm reads rpm's database, which has been in several places and forms.
func (c *catalog) rpm() {
	for _, dir := range []string{"usr/lib/sysimage/rpm/", "var/lib/rpm/"} {
		for _, name := range []string{"rpmdb.sqlite", "Packages.db", "Packages"} {
			db := c.fs.open(dir + name)
			if db == nil || db.size == 0 {
				continue
			}
			list, err := rpmdb.Read(db.reader(), db.reader().Size())
			if err != nil {
				continue
			}
			for _, p := range list {
				if p.Name == "gpg-pubkey" {
					continue // a key, which rpm keeps among the packages
				}
				pkg := c.add(software{kind: "rpm", name: p.Name, arch: p.Arch, version: p.Version})
				for _, f := range p.Files {
					c.own(pkg, f)
				}
			}
			return
		}
	}
}
