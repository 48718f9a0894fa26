package delta

import (
	"math"
	"testing"
)

// Costs of a delta name the files that changed, and add up to what is there.
func TestCosts(t *testing.T) {
	base := makeImage(t, "a:1", unpacked, files(t, "same", noise(1, 50000), "etc/conf", text(2, 9000), "doc.gz", gzipped(9)(t, text(3, 60000))))
	target := makeImage(t, "a:2", unpacked, files(t, "same", noise(1, 50000), "etc/conf", text(2, 9001), "doc.gz", gzipped(9)(t, edit(4, text(3, 60000))), "new", noise(5, 10000)))
	for _, level := range []Level{Fast, Default} {
		b, made := mustCreate(t, Input{Bases: one(base), Targets: one(target)}, CreateOptions{Resources: resources(t), Level: level})
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
		if byType := CostsByType(c.Contents); byType[0].Type != "other data" || byType[0].Path != "" {
			t.Errorf("the costliest type is %+v", byType[0])
		}
	}
}
