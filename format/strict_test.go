package format

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

// Every bit of a package as Write makes it, and every byte it may be cut at:
// each is an error of a class.
func TestEveryBit(t *testing.T) {
	everyBit(t, vectors(t)["good.delta"], 1)
	step := 1
	if testing.Short() {
		step = 7
	}
	everyBit(t, vectors(t)["not-compressed.delta"], step)
}

func everyBit(t *testing.T, b []byte, step int) {
	t.Helper()
	for bit := 0; bit < 8*len(b); bit += step {
		bad := bytes.Clone(b)
		bad[bit/8] ^= 1 << (bit % 8)
		if err := readAll(bad); !classified(err) {
			t.Fatalf("bit %d of byte %d: %v", bit%8, bit/8, err)
		}
	}
	for n := 0; n < len(b); n += step {
		if err := readAll(b[:n]); !classified(err) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
}

func classified(err error) bool {
	return errors.Is(err, ErrCorrupt) || errors.Is(err, ErrNotPackage) || errors.Is(err, ErrVersion)
}

// readAll opens a package and verifies all that is in it.
func readAll(b []byte) error {
	p, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return err
	}
	for _, d := range p.Manifest.Layers {
		if _, err := p.Blob(d.Digest); err != nil {
			return err
		}
	}
	return nil
}

// repack writes a package as another program might, with index.json and
// oci-layout changed.
func repack(t *testing.T, b []byte, dirs bool, change func(name, body string) string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	if dirs {
		for _, d := range []string{"blobs/", "blobs/sha256/"} {
			if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: d, Mode: 0o755}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for r := tar.NewReader(bytes.NewReader(b)); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(h.Name, "blobs/") {
			body = []byte(change(h.Name, string(body)))
		}
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "./" + h.Name, Size: int64(len(body)), Uname: "somebody"}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Other programs may write the same package in their own ways.
func TestRepacked(t *testing.T) {
	b := vectors(t)["not-compressed.delta"]
	for name, b := range map[string][]byte{
		"directories": repack(t, b, true, func(_, body string) string { return body }),
		"spaces":      repack(t, b, false, func(_, body string) string { return strings.ReplaceAll(body, ",", " ,\n") + "\n" }),
		"annotations": repack(t, b, false, func(name, body string) string {
			if name != "index.json" {
				return body
			}
			return strings.Replace(strings.Replace(body, `"mediaType":"application/vnd.oci.image.index.v1+json",`, "", 1),
				`"artifactType":"`+ArtifactType+`"`, `"annotations":{"org.opencontainers.image.ref.name":"v1"}`, 1)
		}),
		"more zeros": append(bytes.Clone(b), make([]byte, 7*512)...),
	} {
		if err := readAll(b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAmbiguousPackages(t *testing.T) {
	b := vectors(t)["not-compressed.delta"]
	edit := func(file, old, new string) []byte {
		return repack(t, b, false, func(name, body string) string {
			if name == file && !strings.Contains(body, old) {
				t.Fatalf("%s has no %s", name, old)
			}
			if name == file {
				body = strings.Replace(body, old, new, 1)
			}
			return body
		})
	}
	const index, layout = "index.json", "oci-layout"
	for name, b := range map[string][]byte{
		"twice":             edit(index, `"manifests":`, `"manifests":[],"manifests":`),
		"twice, in capital": edit(index, `"manifests":`, `"Manifests":[],"manifests":`),
		"in capitals only":  edit(index, `"manifests":`, `"MANIFESTS":`),
		"twice inside":      edit(index, `"size":`, `"size":1,"size":`),
		"unknown member":    edit(index, `"schemaVersion":2`, `"schemaVersion":2,"more":1`),
		"unknown inside":    edit(index, `"size":`, `"more":1,"size":`),
		"schema version":    edit(index, `"schemaVersion":2`, `"schemaVersion":3`),
		"artifact type":     edit(index, ArtifactType, "application/vnd.docker-delta.v2"),
		"layout version":    edit(layout, "1.0.0", "1.0.1"),
		"layout member":     edit(layout, "imageLayoutVersion", "imagelayoutVersion"),
		"two documents":     edit(layout, "}", "}{}"),
		"deep":              edit(index, `"schemaVersion":2`, `"schemaVersion":2,"annotations":`+strings.Repeat("[", 100)+strings.Repeat("]", 100)),
		"behind the end":    append(bytes.Clone(b), 'x'),
	} {
		if err := readAll(b); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := unmarshalOnce([]byte(`{"a":[{"x":1},{"x":2}],"b":"a","c":{"a":{}}}`), new(any)); err != nil {
		t.Errorf("the same names in different objects: %v", err)
	}
}
