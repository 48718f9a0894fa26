package report

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// zipOf makes an archive of names and contents, in turn.
func zipOf(t testing.TB, namesAndContents ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for pair := range slices.Chunk(namesAndContents, 2) {
		f, err := w.Create(pair[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, pair[1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// software in the forms in which images have it. n is a version.
func packagesLayer(t testing.TB, n int) []byte {
	v := fmt.Sprintf("1.%d", n)
	pom := func(artifact string) []string {
		return []string{"META-INF/maven/org.example/" + artifact + "/pom.properties", "groupId=org.example\nartifactId=" + artifact + "\nversion=" + v + "\n"}
	}
	inner := zipOf(t, append(pom("inner"), "Inner.class", "\xca\xfe\xba\xbe"+v)...)
	return layerTar(t,
		symlink("lib", "usr/lib"),
		file("var/lib/dpkg/status", "Package: libfoo\nStatus: install ok installed\nArchitecture: amd64\nVersion: "+v+"-1\nDescription: foo\n more\n\n"+
			"Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n"),
		file("var/lib/dpkg/info/libfoo:amd64.list", "/.\n/lib\n/lib/libfoo.so\n/usr/share/doc/libfoo\n"),
		file("usr/lib/libfoo.so", "foo "+v),
		file("var/lib/dpkg/status.d/tiny", "Package: tiny\nArchitecture: all\nVersion: "+v+"\n"),
		file("var/lib/dpkg/status.d/tiny.md5sums", "0123  usr/bin/tiny\n"),
		file("usr/bin/tiny", "tiny "+v),
		file("usr/lib/apk/db/installed", "C:Q1\nP:musl\nV:"+v+"-r0\nA:x86_64\nF:usr/lib\nR:ld-musl.so\na:0:0:755\n\nP:same\nV:1\nF:etc\nR:same.conf\n"),
		file("usr/lib/ld-musl.so", "musl "+v),
		file("opt/venv/lib/python3/site-packages/Foo_bar-"+v+".dist-info/METADATA", "Metadata-Version: 2.1\nName: Foo-bar\nVersion: "+v+"\n\nName: no\n"),
		file("opt/venv/lib/python3/site-packages/Foo_bar-"+v+".dist-info/RECORD", "foo/__init__.py,sha256=x,3\n../../../bin/foo,,\n"),
		file("opt/venv/lib/python3/site-packages/foo/__init__.py", "v = "+v),
		file("opt/venv/lib/python3/site-packages/foo/__pycache__/__init__.cpython-311.pyc", "\xa7\x0d\r\n............"+v),
		file("opt/venv/bin/foo", "#!/bin/sh\n"+v),
		file("usr/lib/python3/site-packages/old.egg-info/PKG-INFO", "Name: old\nVersion: "+v+"\n"),
		file("usr/lib/python3/site-packages/old.egg-info/installed-files.txt", "../old.py\n"),
		file("usr/lib/python3/site-packages/old.py", "old = "+v),
		file("app/node_modules/left/package.json", `{"name": "left", "version": "`+v+`"}`),
		file("app/node_modules/left/lib/index.js", "// "+v),
		file("app/node_modules/left/node_modules/@scope/right/package.json", `{"name": "@scope/right", "version": "`+v+`"}`),
		file("app/node_modules/left/node_modules/@scope/right/index.js", "// right "+v),
		file("app/package.json", `{"name": "app", "version": "`+v+`"}`),
		file("usr/lib/ruby/gems/3/specifications/rake-"+v+".gemspec", "Gem::Specification.new do |s|\n  s.name = \"rake\".freeze\n  s.version = \""+v+"\".freeze\nend\n"),
		file("usr/lib/ruby/gems/3/gems/rake-"+v+"/rake.rb", "# "+v),
		file("app/outer-"+v+".jar", zipOf(t, append(pom("outer"), "BOOT-INF/lib/inner-"+v+".jar", inner)...)),
		file("app/osgi.jar", zipOf(t, "META-INF/MANIFEST.MF", "Manifest-Version: 1.0\r\nBundle-SymbolicName: org.osgi;singleton:=true\r\nBundle-Version: "+v+"\r\n\r\n")),
		file("app/plain-"+v+".jar", zipOf(t, "A.class", v)),
	)
}

func TestPackages(t *testing.T) {
	r := makeReport(t, newImage(t, "x", nil, packagesLayer(t, 1)), newImage(t, "y", nil, packagesLayer(t, 2)), Options{NoDelta: true})
	files := make(map[int][]string)
	for _, f := range r.Files {
		files[f.Package] = append(files[f.Package], f.Path)
	}
	var got []string
	for i, p := range r.Packages {
		s := fmt.Sprintf("%s %s %s→%s %s", p.Kind, p.Name, p.BaseVersion, p.Version, strings.Join(files[i], " "))
		got = append(got, strings.ReplaceAll(s, "/opt/venv/lib/python3/site-packages/", "…/"))
	}
	slices.Sort(got)
	want := []string{
		"apk musl 1.1-r0→1.2-r0 /usr/lib/ld-musl.so",
		"deb libfoo 1.1-1→1.2-1 /usr/lib/libfoo.so",
		"deb tiny 1.1→1.2 /usr/bin/tiny",
		"gem rake 1.1→1.2 /usr/lib/ruby/gems/3/gems/rake-1.2/rake.rb /usr/lib/ruby/gems/3/specifications/rake-1.2.gemspec",
		"java org.example:inner 1.1→1.2 ",
		"java org.example:outer 1.1→1.2 /app/outer-1.2.jar",
		"java org.osgi 1.1→1.2 /app/osgi.jar",
		"java plain 1.1→1.2 /app/plain-1.2.jar",
		"npm @scope/right 1.1→1.2 /app/node_modules/left/node_modules/@scope/right/index.js /app/node_modules/left/node_modules/@scope/right/package.json",
		"npm left 1.1→1.2 /app/node_modules/left/lib/index.js /app/node_modules/left/package.json",
		"python Foo-bar 1.1→1.2 /opt/venv/bin/foo …/Foo_bar-1.2.dist-info/METADATA …/Foo_bar-1.2.dist-info/RECORD …/foo/__init__.py …/foo/__pycache__/__init__.cpython-311.pyc",
		"python old 1.1→1.2 /usr/lib/python3/site-packages/old.egg-info/PKG-INFO /usr/lib/python3/site-packages/old.egg-info/installed-files.txt /usr/lib/python3/site-packages/old.py",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// An archive in an archive has its share of what the outer one takes.
func TestNestedPackageCost(t *testing.T) {
	boot := func(seed uint64) []byte {
		inner := zipOf(t, "META-INF/maven/g/lib/pom.properties", "groupId=g\nartifactId=lib\nversion=1\n", "A.class", noise(seed, 20_000))
		return layerTar(t, file("boot.jar", zipOf(t, "BOOT-INF/lib/lib.jar", inner, "B.class", noise(seed+1, 1000), "C.class", noise(1, 50_000))))
	}
	r := makeReport(t, newImage(t, "x", nil, boot(10)), newImage(t, "y", nil, boot(20)), Options{})
	for _, p := range r.Packages {
		if p.Name == "g:lib" {
			if p.Where != "/boot.jar!/BOOT-INF/lib/lib.jar" || p.Delta < 20_000 || p.Delta > 21_000 {
				t.Errorf("%+v", p)
			}
			return
		}
	}
	t.Errorf("no package: %+v", r.Packages)
}

func TestRPMPackages(t *testing.T) {
	f, err := os.Open(filepath.Join("internal", "rpmdb", "testdata", "rpmdb.sqlite.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	gz, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	db, err := io.ReadAll(gz)
	if err != nil {
		t.Fatal(err)
	}
	img := newImage(t, "y", nil, layerTar(t, file("usr/lib/sysimage/rpm/rpmdb.sqlite", string(db)), file("usr/share/one/file", "one"), file("usr/share/three", "three")))
	r := makeReport(t, newImage(t, "x", nil), img, Options{NoDelta: true})
	if p := r.Packages[byPath(t, r, "/usr/share/one/file").Package]; p.Kind != "rpm" || p.Name != "docker-delta-one" || p.Version != "2:1.0-3" || p.Status != Added {
		t.Errorf("%+v", p)
	}
	if f := byPath(t, r, "/usr/share/three"); f.Package != -1 {
		t.Errorf("%+v", f)
	}
}

func TestGoProgram(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module example.org/hello\n\ngo 1.26\n", "main.go": "package main\n\nfunc main() {}\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("go", "build", "-ldflags=-s -w", "-o", "hello", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS=linux", "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	program, err := os.ReadFile(filepath.Join(dir, "hello"))
	if err != nil {
		t.Fatal(err)
	}
	r := makeReport(t, newImage(t, "x", nil), newImage(t, "y", nil, layerTar(t, file("hello", string(program)), file("broken", "\x7fELF\x02\x01\x01"+noise(1, 400)))), Options{NoDelta: true})
	var got []string
	for _, p := range r.Packages {
		got = append(got, p.Kind+" "+p.Name)
	}
	if !slices.Equal(got, []string{"go example.org/hello", "go module stdlib"}) || !strings.HasPrefix(r.Packages[1].Version, "go1.") {
		t.Errorf("%+v", r.Packages)
	}
}

// What describes packages comes from outside, too: nothing in it may do harm.
func TestHostilePackages(t *testing.T) {
	bomb := zipOf(t, "META-INF/MANIFEST.MF", strings.Repeat("A: b\n", 1_000_000))
	r := makeReport(t, newImage(t, "x", nil), newImage(t, "y", nil, layerTar(t,
		symlink("loop", "loop"), symlink("lib", "lib/lib"), symlink("var/lib/dpkg/status", "../../../../../../etc/passwd"), file("etc/passwd", "Package: x\nStatus: install ok installed\n"),
		file("var/lib/dpkg/info/x.list", "/loop/a\n/../../x\n\n/\n"), file("a/node_modules/b/package.json", strings.Repeat("[", 100_000)),
		file("c.jar", bomb), file("d.jar", "PK\x03\x04 no archive"), file("usr/lib/sysimage/rpm/rpmdb.sqlite", "SQLite format 3\x00"+noise(3, 4096)),
		file("p/x.dist-info/METADATA", "Name: x\nVersion: \x1b[2J\n"), file("p/x.dist-info/RECORD", "\"\n../../../../../../etc/shadow,,\n"),
	)), Options{NoDelta: true})
	if len(r.Packages) == 0 {
		t.Error("nothing was understood")
	}
	textOf(t, r, TextOptions{})
}

// FuzzSystemPackages has an image with databases of dpkg and apk that say
// anything: each package that is found has a name, and a report comes of it.
func FuzzSystemPackages(f *testing.F) {
	f.Add([]byte("Package: one\nVersion: 1\nArchitecture: all\nStatus: install ok installed\n\nPackage: two\n"), []byte("/.\n/usr/bin/one\n/../../x\n"), []byte("P:three\nV:2\nF:usr/bin\nR:one\n\nP:\nR:x\n"))
	f.Add([]byte("Package: ../x\n"), []byte("/link/one"), []byte("F:/link\nR:..\nP:x\n"))
	f.Fuzz(func(t *testing.T, status, list, installed []byte) {
		r := makeReport(t, newImage(t, "x", nil), newImage(t, "y", nil, layerTar(t,
			file("usr/bin/one", "1"), symlink("link", "usr/bin"), file("var/lib/dpkg/status", string(status)),
			file("var/lib/dpkg/info/one.list", string(list)), file("lib/apk/db/installed", string(installed)),
		)), Options{NoDelta: true})
		for _, p := range r.Packages {
			if p.Name == "" {
				t.Errorf("%+v", p)
			}
		}
	})
}
