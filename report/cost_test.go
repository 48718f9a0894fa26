package report

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/docker-delta/docker-delta/delta"
)

// noise is text that does not compress.
func noise(seed uint64, n int) string {
	r := rand.New(rand.NewPCG(seed, 0))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return string(b)
}

// What a pull fetches is shared by what is in the layers: noise takes its size,
// zeros take next to nothing, and together they take the blob.
func TestPullShares(t *testing.T) {
	tarball := layerTar(t, file("noise", noise(1, 500_000)), file("zeros", strings.Repeat("\x00", 500_000)), file("more", noise(2, 300_000)))
	empty := newImage(t, "x", nil)
	for name, img := range map[string]*testImage{"measured": newImage(t, "y", nil, tarball), "estimated": plainImage(t, "y", tarball)} {
		t.Run(name, func(t *testing.T) {
			r := makeReport(t, empty, img, Options{NoDelta: true})
			total := 0.0
			for _, f := range r.Files {
				total += f.Pull
			}
			if got := r.Layers[0].Pull; math.Abs(total-float64(got)) > 2000 || r.Summary.Pull != float64(got) || got < 800_000 || got > 805_000 {
				t.Errorf("files take %.0f of %d bytes", total, got)
			}
			if r.Summary.PullEstimated != (name == "estimated") || r.Layers[0].BlobEstimated != r.Summary.PullEstimated {
				t.Errorf("estimated: %v", r.Summary.PullEstimated)
			}
			for path, want := range map[string]float64{"/noise": 500_000, "/zeros": 0, "/more": 300_000} {
				// A decoder gives bytes in runs of 32 KiB, an encoder in blocks of a
				// few times that.
				if got := byPath(t, r, path).Pull; math.Abs(got-want) > 130<<10 {
					t.Errorf("%s takes %.0f, want about %.0f", path, got, want)
				}
			}
		})
	}
}

// Every byte of the delta is accounted for, and lands on the file that it is
// for, also inside of containers.
func TestDeltaShares(t *testing.T) {
	layer := func(version int) []byte {
		body := noise(10, 200_000)
		changed := body[:100_000] + noise(uint64(20+version), 20_000) + body[100_000:]
		packed := string(compress(t, []byte(strings.Repeat("all the same\n", 3000)+noise(uint64(30+version), 10_000)+body)))
		return layerTar(t, dir("d"), file("d/same", noise(3, 100_000)), file("./d/changed", changed), file("d/x!/packed.gz", packed))
	}
	r := makeReport(t, newImage(t, "x", nil, layer(1)), newImage(t, "y", nil, layer(2)), Options{Level: delta.Fast})
	d := r.Delta
	if sum := d.Contents + d.Headers + float64(d.Rewrap+d.Carried+d.Metadata+d.Other); math.Abs(sum-float64(d.Bytes)) > 40 {
		t.Errorf("the parts sum to %.1f, the whole is %d: %+v", sum, d.Bytes, d)
	}
	files := 0.0
	for _, f := range r.Files {
		files += f.Delta
	}
	if files > d.Contents+d.Headers || files < d.Contents+d.Headers-200 { // the end of a tar is no file's
		t.Errorf("files take %.0f, contents and headers %.0f", files, d.Contents+d.Headers)
	}
	for path, want := range map[string]float64{"/d/same": 0, "/d/changed": 20_000, "/d/x!/packed.gz": 10_000} {
		if got := byPath(t, r, path).Delta; got < want || got > want+1500 {
			t.Errorf("%s takes %.0f, want about %.0f", path, got, want)
		}
	}
	if l := r.Layers[0]; l.Delta < 30_000 || l.Delta > d.Bytes {
		t.Errorf("the layer takes %d of %d", l.Delta, d.Bytes)
	}
}

func TestCurve(t *testing.T) {
	var c curve
	for _, p := range []point{{0, 0}, {20_000, 100}, {21_000, 110}, {40_000, 110}, {60_000, 1110}} {
		c.add(p.plain, p.compressed)
	}
	for n, want := range map[int64]float64{0: 0, 10_500: 52.5, 21_000: 110, 30_000: 110, 50_000: 610, 60_000: 1110, 70_000: 1110} {
		if got := c.at(n); got != want {
			t.Errorf("at %d: %v, want %v", n, got, want)
		}
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[float64]string{
		0: "0 B", 0.4: "0 B", 999: "999 B", 999.6: "1.00 kB", 9994: "9.99 kB", 9996: "10.0 kB", 99_960: "100 kB", 999_600: "1.00 MB", 12_345_678: "12.3 MB", 5e12: "5.00 TB",
	} {
		if got := Bytes(n); got != want {
			t.Errorf("%v: %s, want %s", n, got, want)
		}
	}
}

func ExamplePercent() {
	fmt.Println(Percent(1, 3), Percent(1, 30), Percent(0, 3), Percent(1, 1e9), Percent(3, 3), Percent(1, 0))
	// Output: 33.3% 3.33% 0.00% <0.01% 100% 0%
}
