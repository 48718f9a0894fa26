package delta

import (
	"archive/zip"
	"bytes"
	"context"
	pic "image"
	"image/png"
	"math"
	"os"
	"strings"
	"testing"
)

// Costs of a delta name the files that changed, and add up to what is there.
func TestCosts(t *testing.T) {
	base := makeImage(t, "a:1", unpacked, files(t, "same", noise(1, 50000), "etc/conf", text(2, 9000), "doc.gz", gzipped(9)(t, text(3, 60000))))
	target := makeImage(t, "a:2", unpacked, files(t, "same", noise(1, 50000), "etc/conf", text(2, 9001), "doc.gz", gzipped(9)(t, edit(4, text(3, 60000))), "new", noise(5, 10000)))
	for _, level := range []Level{Fast, Default} {
		b, made := mustCreate(t, Input{Bases: one(base), Targets: one(target)}, CreateOptions{Resources: resources(t), Level: level, Costs: true})
		d := mustRead(t, b)
		if len(made.Costs) != 1 || made.Costs[0].DiffID != target.layers[0].DiffID() {
			t.Fatalf("costs of %d layers", len(made.Costs))
		}
		c := made.Costs[0]
		if c.Bytes != d.Package().BlobSize(d.Config().Layers[0].Data) || c.Rewrap <= 0 {
			t.Errorf("%d bytes, %d for rewrapping", c.Bytes, c.Rewrap)
		}
		sum := float64(c.Rewrap)
		for _, part := range c.Contents {
			sum += part.Bytes
		}
		if math.Abs(sum-float64(c.Bytes)) > 100 {
			t.Errorf("the parts of %d bytes add up to %.0f", c.Bytes, sum)
		}
		byFile := CostsByFile(c.Contents)
		if byFile[0].Path != "new" || byFile[0].Bytes < 9500 || byFile[0].Bytes > 10500 {
			t.Errorf("the costliest file is %+v", byFile[0])
		}
		for _, f := range byFile {
			if f.Path == "same" && f.Bytes > 50 || f.Path == "doc.gz" && (f.Bytes < 20 || f.Type != "text") {
				t.Errorf("%+v", f)
			}
		}
		read, err := d.Costs(context.Background(), base, RebuildOptions{Resources: resources(t)})
		if err != nil {
			t.Fatal(err)
		}
		sameCosts(t, read, made.Costs)
		if byType := CostsByType(c.Contents); byType[0].Type != "other data" || byType[0].Path != "" {
			t.Errorf("the costliest type is %+v", byType[0])
		}
	}
}

// sameCosts compares what was read with what was written.
func sameCosts(t *testing.T, got, want []LayerCosts) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("costs of %d layers, not %d", len(got), len(want))
	}
	for i, w := range want {
		g := got[i]
		if g.DiffID != w.DiffID || g.Bytes != w.Bytes || g.Rewrap != w.Rewrap || len(g.Contents) != len(w.Contents) {
			t.Fatalf("layer %d: %+v, not %+v", i, g, w)
		}
		costs := make(map[Cost]float64)
		for _, c := range w.Contents {
			costs[Cost{Path: c.Path, Type: c.Type, Size: c.Size}] = c.Bytes
		}
		for _, c := range g.Contents {
			if b, ok := costs[Cost{Path: c.Path, Type: c.Type, Size: c.Size}]; !ok || math.Abs(b-c.Bytes) > 4 { // the reader learns earlier that nothing follows
				t.Errorf("layer %d: %+v, not %f bytes", i, c, b)
			}
		}
	}
}

// Costs name what lies in containers, in containers, also when only the package
// and the base are there.
func TestCostsInContainers(t *testing.T) {
	jar := func(seed uint64) []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for name, data := range map[string][]byte{"a/text": text(1, 20000)} {
			w, _ := z.Create(name)
			_, _ = w.Write(data)
		}
		w, _ := z.Create("a/new")
		_, _ = w.Write(text(seed, 9000))
		w, _ = z.CreateHeader(&zip.FileHeader{Name: "inner.tar.gz"})
		_, _ = w.Write(gzipped(6)(t, files(t, "deep", text(seed+1, 7000))))
		z.Close()
		return b.Bytes()
	}
	picture := func(seed uint64) []byte {
		img := pic.NewGray(pic.Rect(0, 0, 100, 90))
		copy(img.Pix, text(seed, len(img.Pix)))
		var b bytes.Buffer
		if err := png.Encode(&b, img); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	program = program[:1<<20] // an ELF file whose sections are out of reach
	base := makeImage(t, "a:1", unpacked, files(t, "lib.jar", jar(10), "pic.png", picture(30), "prog", program))
	target := makeImage(t, "a:2", unpacked, files(t, "lib.jar", jar(20), "pic.png", picture(40), "prog", edit(50, program)))
	b, made := mustCreate(t, Input{Bases: one(base), Targets: one(target)}, CreateOptions{Resources: resources(t), Level: Fast, Costs: true})
	read, err := mustRead(t, b).Costs(context.Background(), base, RebuildOptions{Resources: resources(t)})
	if err != nil {
		t.Fatal(err)
	}
	if len(read) != 1 || len(made.Costs) != 1 {
		t.Fatalf("%d and %d layers", len(read), len(made.Costs))
	}
	at := func(list []Cost, path string) (bytes float64) {
		for _, c := range list {
			if c.Path == path {
				bytes += c.Bytes
			}
		}
		return bytes
	}
	for _, path := range []string{"lib.jar!/a/new", "lib.jar!/inner.tar.gz!/deep", "pic.png!/IDAT", "prog"} {
		if w, r := at(made.Costs[0].Contents, path), at(read[0].Contents, path); w < 20 || math.Abs(w-r) > 1e-6*w {
			t.Errorf("%s: %.0f bytes when written, %.0f when read", path, w, r)
		}
	}
	for _, f := range CostsByFile(read[0].Contents) {
		if strings.Contains(f.Path, "!/") {
			t.Errorf("%s is no file of the layer", f.Path)
		}
	}
}
