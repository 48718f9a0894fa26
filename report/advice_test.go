package report

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-delta/docker-delta/delta"
)

func adviceOf(r *Report, id string) *Advice {
	for i := range r.Advice {
		if r.Advice[i].ID == id {
			return &r.Advice[i]
		}
	}
	return nil
}

func ids(r *Report) (list []string) {
	for _, a := range r.Advice {
		list = append(list, a.ID)
	}
	slices.Sort(list)
	return list
}

func TestAdviceOnTimes(t *testing.T) {
	lib, app := file("lib", noise(1, 50_000)), file("app", noise(2, 9_000))
	one := func(m ...tarMember) []byte { return layerTar(t, m...) }
	for name, c := range map[string]struct {
		old, now [][]byte
		want     []string
		layers   []int
	}{
		"only times":       {[][]byte{one(lib, app)}, [][]byte{one(lib.later(), app.later())}, []string{"only-times"}, []int{1}},
		"above a change":   {[][]byte{one(app), one(lib)}, [][]byte{one(file("app", noise(3, 9_000))), one(lib.later())}, []string{"layer-order"}, []int{2}},
		"below a change":   {[][]byte{one(lib), one(app)}, [][]byte{one(lib.later()), one(file("app", noise(3, 9_000)))}, []string{"only-times"}, []int{1}},
		"mixed":            {[][]byte{one(lib, app)}, [][]byte{one(lib.later(), file("app", noise(3, 9_000)))}, []string{"mixed-layer"}, []int{1}},
		"nothing but news": {nil, [][]byte{one(lib, app)}, nil, nil},
		"nothing":          {[][]byte{one(lib)}, [][]byte{one(lib)}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := makeReport(t, newImage(t, "x", nil, c.old...), newImage(t, "y", nil, c.now...), Options{NoDelta: true})
			if got := ids(r); !slices.Equal(got, c.want) {
				t.Fatalf("%q, want %q", got, c.want)
			}
			if len(c.want) == 0 {
				return
			}
			a := r.Advice[0]
			if !slices.Equal(a.Layers, c.layers) {
				t.Errorf("layers %v", a.Layers)
			}
			want := float64(r.Layers[c.layers[0]-1].Pull)
			if a.ID == "mixed-layer" {
				want = math.Round(byPath(t, r, "/lib").Pull)
			}
			if a.Pull != want {
				t.Errorf("pull %v, want %v", a.Pull, want)
			}
		})
	}
}

// Many changed times cost something in the delta, in layers that change anyway.
func TestAdviceOnTimesInTheDelta(t *testing.T) {
	var old, now []tarMember
	for i := range 300 {
		f := file(strings.Repeat("d/", i%7)+"f"+string(rune('a'+i%26))+strings.Repeat("x", i), noise(uint64(i), 50))
		old = append(old, f)
		f.ModTime = f.ModTime.Add(1e9 * 3600 * 11 * 13)
		now = append(now, f)
	}
	now = append(now, file("new", noise(1000, 2000)))
	r := makeReport(t, newImage(t, "x", nil, layerTar(t, old...)), newImage(t, "y", nil, layerTar(t, now...)), Options{Level: delta.Fast})
	a := adviceOf(r, "times")
	if a == nil || a.Files != 300 || a.Pull != 0 || a.Delta <= 0 || len(a.Examples) != maxExamples {
		t.Errorf("%+v of %+v", a, r.Advice)
	}
}

// Directories are not counted as files.
func TestFilesAndDirectories(t *testing.T) {
	f, d := &File{Kind: Regular}, &File{Kind: Directory}
	for want, files := range map[string][]*File{"1 file": {f}, "2 files and 1 directory": {f, d, f}, "1 directory": {d}, "2 directories": {d, d}} {
		if got := filesAndDirectories(files); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestAdviceOnChurn(t *testing.T) {
	layer := func(seed uint64) []byte {
		return layerTar(t, file("app", noise(1, 50_000)), file("var/lib/apt/lists/debian_dists", noise(seed, 3000)), file("var/log/dpkg.log", noise(seed+1, 2000)),
			file("root/.cache/pip/x", noise(seed+2, 1000)), file("usr/lib/__pycache__/a.cpython-311.pyc", "\xa7\x0d\r\n"+noise(seed+3, 12)+noise(4, 5000)),
			file("home/me/.npm/_cacache/x", noise(seed+5, 900)), file("usr/share/tmp/no", noise(seed+6, 900)))
	}
	r := makeReport(t, newImage(t, "x", nil, layer(10)), newImage(t, "y", nil, layer(20)), Options{NoDelta: true})
	got := make(map[string]float64)
	for _, a := range r.Advice {
		if a.ID == "churn" {
			got[a.Examples[0]] = a.Pull
		}
	}
	want := []string{"/home/me/.npm/_cacache/x", "/root/.cache/pip/x", "/usr/lib/__pycache__/a.cpython-311.pyc", "/var/lib/apt/lists/debian_dists", "/var/log/dpkg.log"}
	if len(got) != len(want) {
		t.Errorf("%v, want %v", got, want)
	}
	for _, path := range want {
		if f := byPath(t, r, path); got[path] != math.Round(f.Pull) || f.Pull == 0 {
			t.Errorf("%s: %v, want %v", path, got[path], f.Pull)
		}
	}
}

func TestAdviceOnCopies(t *testing.T) {
	a, b := file("a", noise(1, 20_000)), file("b", noise(2, 10_000))
	owned := a
	owned.Uid = 7
	r := makeReport(t, newImage(t, "x", nil), newImage(t, "y", nil,
		layerTar(t, a, b, file("gone", noise(3, 5_000)), file("replaced", noise(4, 5_000))),
		layerTar(t, owned, file("copy-of-b", noise(2, 10_000)), file(".wh.gone", ""), file("replaced", noise(5, 5_000))),
	), Options{NoDelta: true})
	for id, want := range map[string]string{"copied-up": "/a", "duplicates": "/copy-of-b", "hidden": "/gone /replaced"} {
		if got := adviceOf(r, id); got == nil || strings.Join(got.Examples, " ") != want || got.Pull < 9_000 || got.Pull > 21_000 {
			t.Errorf("%s: %+v", id, got)
		}
	}
}

// What no known program has compressed is lost, carried or corrected, and the
// advice says so.
func TestAdviceOnEncoders(t *testing.T) {
	plain := layerTar(t, file("a", noise(1, 30_000)), file("b", strings.Repeat("words and words\n", 3000)))
	for name, c := range map[string]struct {
		exact delta.Exactness
		media string
		blob  []byte
		want  Encoding
	}{
		"lost":      {delta.ExactAuto, ocispec.MediaTypeImageLayerZstd, oddZstd(plain), EncodingLost},
		"carried":   {delta.ExactRequire, ocispec.MediaTypeImageLayerZstd, oddZstd(plain), EncodingCarried},
		"corrected": {delta.ExactAuto, ocispec.MediaTypeImageLayerGzip, oddGzip(plain), EncodingCorrected},
	} {
		t.Run(name, func(t *testing.T) {
			img := newImage(t, "y", nil, plain)
			size := int64(len(c.blob))
			img.layers[0] = &testLayer{plain: plain, blob: c.blob, desc: &ocispec.Descriptor{MediaType: c.media, Digest: digest.FromBytes(c.blob), Size: size}}
			r := makeReport(t, newImage(t, "x", nil), img, Options{Level: delta.Fast, Exact: c.exact})
			a := adviceOf(r, "encoder")
			if r.Layers[0].Encoding != c.want || a == nil || !slices.Equal(a.Layers, []int{1}) {
				t.Fatalf("%+v, %+v", r.Layers[0], a)
			}
			switch c.want {
			case EncodingLost:
				if a.Delta != 0 || len(r.Delta.Inexact) != 1 {
					t.Errorf("%+v, %+v", a, r.Delta)
				}
			case EncodingCarried:
				if a.Delta != float64(size) || r.Delta.Carried != size || r.Layers[0].Delta != size {
					t.Errorf("%+v, %+v, %+v", a, r.Delta, r.Layers[0])
				}
			case EncodingCorrected:
				if a.Delta < 23 || a.Delta > float64(size)/8 || a.Delta != float64(r.Layers[0].Recipe) {
					t.Errorf("%+v", a)
				}
			}
			// Both compressions keep all bytes as they are.
			if f := byPath(t, r, "/b"); math.Abs(f.Pull-49_000) > 2000 {
				t.Errorf("a file of 48 kB takes %v of the pull", f.Pull)
			}
		})
	}
}

// oddZstd is a frame of raw blocks of an odd length (RFC 8878).
func oddZstd(b []byte) []byte {
	le := binary.LittleEndian
	out := append([]byte("\x28\xb5\x2f\xfd\xa0"), le.AppendUint32(nil, uint32(len(b)))...)
	for len(b) > 0 {
		n := min(len(b), 1009)
		head := uint32(n) << 3
		if n == len(b) {
			head |= 1
		}
		out = append(out, byte(head), byte(head>>8), byte(head>>16))
		out = append(out, b[:n]...)
		b = b[n:]
	}
	return out
}

// oddGzip is a member of stored blocks of an odd length (RFC 1951, 1952).
func oddGzip(b []byte) []byte {
	le := binary.LittleEndian
	sum, size := crc32.ChecksumIEEE(b), len(b)
	out := []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff")
	for len(b) > 0 {
		n := min(len(b), 5003)
		head := byte(0)
		if n == len(b) {
			head = 1
		}
		out = append(out, head)
		out = le.AppendUint16(out, uint16(n))
		out = le.AppendUint16(out, ^uint16(n))
		out = append(out, b[:n]...)
		b = b[n:]
	}
	out = le.AppendUint32(out, sum)
	return le.AppendUint32(out, uint32(size))
}

func TestAdviceOnWrappedFiles(t *testing.T) {
	layer := func(seed uint64) []byte {
		return layerTar(t, file("odd.gz", string(oddZip(t, noise(seed, 30_000)))), file("x.xz", "\xfd7zXZ\x00"+noise(seed+1, 5_000)))
	}
	r := makeReport(t, newImage(t, "x", nil, layer(1)), newImage(t, "y", nil, layer(2)), Options{Level: delta.Fast})
	for id, want := range map[string]string{"wrapped": "/odd.gz", "opaque": "/x.xz"} {
		if a := adviceOf(r, id); a == nil || !slices.Equal(a.Examples, []string{want}) || a.Delta < 5_000 || a.Pull != 0 {
			t.Errorf("%s: %+v", id, a)
		}
	}
}

// oddZip is gzip data that even corrections cannot give back in little room:
// stored blocks of single bytes.
func oddZip(t testing.TB, body string) []byte {
	t.Helper()
	le := binary.LittleEndian
	out := []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff")
	for i := range len(body) {
		head := byte(0)
		if i == len(body)-1 {
			head = 1
		}
		out = append(out, head|byte(i*i%31)<<3, 1, 0, 0xfe, 0xff, body[i]) // with bits that mean nothing
	}
	out = le.AppendUint32(out, crc32.ChecksumIEEE([]byte(body)))
	return le.AppendUint32(out, uint32(len(body)))
}
