package report

import "testing"

// FuzzLanguagePackages has an image whose packages of Python, Node, Ruby and Java say
// anything: each that is found has a name, and a report comes of it.
func FuzzLanguagePackages(f *testing.F) {
	f.Add("Name: one\nVersion: 1\n\ntext", "one/x.py,sha256=x,1\n../../y,,\n", `{"name":"a","version":"1"}`, "  s.name = \"g\"\n  s.version = '2'\n", "Implementation-Title: t\nImplementation-Version: 3\n", "groupId=g\nartifactId=a\nversion=1\n")
	f.Add("Name:\n", "\"", `{"name":{}}`, "s.name = ''", "\r\n : \n", "=\n")
	f.Fuzz(func(t *testing.T, metadata, record, node, gem, manifest, pom string) {
		r := makeReport(t, newImage(t, "x", nil), newImage(t, "y", nil, layerTar(t,
			file("lib/one-1.dist-info/METADATA", metadata), file("lib/one-1.dist-info/RECORD", record), file("lib/one/x.py", "x"),
			file("app/node_modules/a/package.json", node), file("gems/specifications/g-2.gemspec", gem),
			file("app/x.jar", zipOf(t, "META-INF/MANIFEST.MF", manifest, "META-INF/maven/g/a/pom.properties", pom)),
		)), Options{NoDelta: true})
		for _, p := range r.Packages {
			if p.Name == "" {
				t.Errorf("%+v", p)
			}
		}
	})
}
