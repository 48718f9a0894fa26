package report

import (
	"archive/zip"
	"bytes"
	"io"
	"path"
	"regexp"
	"strings"
)

// isArchive tells whether a file is an archive of Java classes.
func isArchive(e *entry) bool { return e.ftype == "Java archive" }

const (
	// maxNested bounds an archive inside of an archive, which is read into
	// memory, in bytes; maxMembers the number of members that are looked at.
	maxNested  = 64 << 20
	maxMembers = 1 << 17
)

// jar reads what a Java archive says of itself and of the archives in it.
func (c *catalog) jar(p string, e *entry) {
	if e.linked != nil {
		e = e.linked
	}
	r := e.reader()
	z, err := zip.NewReader(r, r.Size())
	if err != nil || len(z.File) > maxMembers {
		return
	}
	c.own(c.add(javaPackage(z, p)), p)
	for _, f := range z.File {
		if path.Ext(f.Name) != ".jar" || f.UncompressedSize64 > maxNested {
			continue
		}
		b := contentOf(f, maxNested)
		inner, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
		if err != nil || len(inner.File) > maxMembers {
			continue
		}
		c.add(javaPackage(inner, p+"!/"+f.Name))
	}
}

// contentOf reads a member, or gives nothing.
func contentOf(f *zip.File, limit int64) []byte {
	r, err := f.Open()
	if err != nil {
		return nil
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, limit))
	if err != nil {
		return nil
	}
	return b
}

// javaPackage names an archive: by Maven's pom.properties if there is one of
// them, by the manifest (of OSGi or not), by its file name.
func javaPackage(z *zip.Reader, where string) software {
	s := software{kind: "java", where: where}
	s.name, s.version = jarName(path.Base(where))
	var poms []*zip.File
	var manifest *zip.File
	for _, f := range z.File {
		switch {
		case f.Name == "META-INF/MANIFEST.MF":
			manifest = f
		case strings.HasPrefix(f.Name, "META-INF/maven/") && path.Base(f.Name) == "pom.properties":
			poms = append(poms, f)
		}
	}
	for _, pom := range poms {
		group, artifact, version := pomProperties(contentOf(pom, maxManifest))
		// An archive that others were put into has several.
		if version != "" && (len(poms) == 1 || artifact == s.name) {
			s.name, s.version = group+":"+artifact, version
			return s
		}
	}
	if manifest == nil {
		return s
	}
	attributes := make(map[string]string)
	fields(contentOf(manifest, maxManifest), func(name, value string) { attributes[name] = value })
	for _, keys := range [][2]string{{"Bundle-SymbolicName", "Bundle-Version"}, {"Implementation-Title", "Implementation-Version"}, {"Specification-Title", "Specification-Version"}} {
		if version := attributes[keys[1]]; version != "" {
			if symbolic, _, _ := strings.Cut(attributes[keys[0]], ";"); symbolic != "" && keys[0] == "Bundle-SymbolicName" {
				s.name = symbolic
			}
			s.version = version
			return s
		}
	}
	return s
}

func pomProperties(b []byte) (group, artifact, version string) {
	lines(b, func(line string) {
		key, value, _ := strings.Cut(line, "=")
		switch strings.TrimSpace(key) {
		case "groupId":
			group = strings.TrimSpace(value)
		case "artifactId":
			artifact = strings.TrimSpace(value)
		case "version":
			version = strings.TrimSpace(value)
		}
	})
	return group, artifact, version
}

var versionInName = regexp.MustCompile(`^(.+?)-(\d[^/]*)$`)

// jarName cuts the name of a file into that of the archive and its version.
func jarName(base string) (name, version string) {
	base = strings.TrimSuffix(base, path.Ext(base))
	if m := versionInName.FindStringSubmatch(base); m != nil {
		return m[1], m[2]
	}
	return base, ""
}
