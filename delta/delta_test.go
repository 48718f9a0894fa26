package delta

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/image"
)

func resources(t testing.TB) Resources { return Resources{TempDir: t.TempDir()} }

func mustCreate(t testing.TB, in Input, opt CreateOptions) ([]byte, *Created) {
	t.Helper()
	var b bytes.Buffer
	made, err := Create(context.Background(), &b, in, opt)
	if err != nil {
		t.Fatal(err)
	}
	if made.Size != int64(b.Len()) {
		t.Errorf("Size is %d, %d bytes were written", made.Size, b.Len())
	}
	return b.Bytes(), made
}

func mustRead(t testing.TB, b []byte) *Delta {
	t.Helper()
	d, err := Read(context.Background(), bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func one(img image.Image) []image.Image { return []image.Image{img} }

// rebuildAll reads everything that an image has, in the order of calls.
func rebuildAll(d *Delta, base image.Image, opt RebuildOptions, visit func(i int, l image.Layer, plain, blob []byte)) error {
	ctx := context.Background()
	img, err := d.Rebuild(ctx, base, opt)
	if err != nil {
		return err
	}
	defer img.Close()
	for i, l := range img.Layers() {
		var plain, blob []byte
		r, err := l.Plain(ctx)
		if err != nil {
			return err
		}
		if plain, err = io.ReadAll(r); err != nil {
			return err
		}
		r.Close()
		if l.Blob() != nil {
			if r, err = l.Compressed(ctx); err != nil {
				return err
			}
			if blob, err = io.ReadAll(r); err != nil {
				return err
			}
			r.Close()
		}
		visit(i, l, plain, blob)
	}
	return nil
}

// pairs are bases and targets that between them use every way of carrying.
func pairs(t testing.TB) map[string]struct {
	base, target *memImage
	exact        bool
} {
	shared := files(t, "etc/os", text(1, 3000), "bin/tool", noise(2, 50000))
	doc := gzipped(9)(t, text(3, 60000))
	newDoc := gzipped(9)(t, edit(4, text(3, 60000)))
	lib := noise(5, 200000)
	v1 := files(t, "lib/libx.so.1", lib, "doc/a.gz", doc, "conf", text(6, 900))
	v2 := files(t, "lib/libx.so.2", edit(7, lib), "doc/a.gz", newDoc, "conf", edit(8, text(6, 900)), "new", text(9, 5000))
	v3 := files(t, "copy/libx", edit(10, edit(7, lib)), "again", text(9, 5000))
	empty := files(t)
	type pair = struct {
		base, target *memImage
		exact        bool
	}
	return map[string]pair{
		"changed layer":   {makeImage(t, "a:1", unpacked, shared, v1), makeImage(t, "a:2", unpacked, shared, v2), false},
		"same image":      {makeImage(t, "a:1", unpacked, shared), makeImage(t, "a:2", unpacked, shared), false},
		"layers on top":   {makeImage(t, "a:1", unpacked, v1), makeImage(t, "a:2", unpacked, v1, v2, v3, empty, empty), false},
		"gzip":            {makeImage(t, "a:1", gzipped(6), shared, v1), makeImage(t, "a:2", gzipped(6), shared, v2, v3), true},
		"from plain base": {makeImage(t, "a:1", unpacked, shared, v1), makeImage(t, "a:2", gzipped(1), shared, v2), true},
		"other levels":    {makeImage(t, "a:1", gzipped(1), shared, v1), makeImage(t, "a:2", gzipped(9), shared, v2, empty), true},
		"no layers":       {makeImage(t, "a:1", unpacked, v1), makeImage(t, "a:2", unpacked), false},
		"nothing alike":   {makeImage(t, "a:1", unpacked, files(t, "x", noise(20, 100))), makeImage(t, "a:2", gzipped(6), v2), true},
	}
}

func checkRebuilt(t *testing.T, d *Delta, base image.Image, target *memImage, exact bool) {
	t.Helper()
	n := 0
	err := rebuildAll(d, base, RebuildOptions{Resources: resources(t)}, func(i int, l image.Layer, plain, blob []byte) {
		want := target.layers[i].(*memLayer)
		if l.DiffID() != want.id || !bytes.Equal(plain, want.plain) || l.Size() != int64(len(plain)) {
			t.Errorf("layer %d: the tar is another", i)
		}
		if exact && !bytes.Equal(blob, want.blob) {
			t.Errorf("layer %d: the blob is another", i)
		}
		n++
	})
	if err != nil {
		t.Fatal(err)
	}
	if n != len(target.layers) {
		t.Errorf("%d layers of %d came back", n, len(target.layers))
	}
}

func TestRoundTrip(t *testing.T) {
	for name, p := range pairs(t) {
		levels := []Level{Fast, Default, Max}
		if testing.Short() && name != "gzip" {
			levels = levels[:1]
		}
		for _, level := range levels {
			t.Run(name, func(t *testing.T) {
				b, _ := mustCreate(t, Input{Bases: one(p.base), Targets: one(p.target)}, CreateOptions{Resources: resources(t), Level: level})
				d := mustRead(t, b)
				checkRebuilt(t, d, p.base, p.target, p.exact)
				if err := d.Verify(context.Background(), p.base, RebuildOptions{Resources: resources(t)}); err != nil {
					t.Errorf("Verify: %v", err)
				}
				info, err := d.Inspect(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				if info.Targets[0].ID != digest.FromBytes(p.target.config) || info.Targets[0].Exact != p.exact {
					t.Errorf("Inspect: %+v", info.Targets[0])
				}
			})
		}
	}
}

func TestConfigAndManifestComeBack(t *testing.T) {
	p := pairs(t)["gzip"]
	b, _ := mustCreate(t, Input{Bases: one(p.base), Targets: one(p.target)}, CreateOptions{Resources: resources(t), Names: []string{"docker.io/library/b:2"}})
	img, err := mustRead(t, b).Rebuild(context.Background(), p.base, RebuildOptions{Resources: resources(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	manifest, _ := img.Manifest()
	if !bytes.Equal(img.Config(), p.target.config) || !bytes.Equal(manifest, p.target.manifest) {
		t.Error("config or manifest is another")
	}
	if got := img.Names(); len(got) != 1 || got[0] != "docker.io/library/b:2" {
		t.Errorf("names: %v", got)
	}
	if img.Platform().Architecture != "amd64" {
		t.Errorf("platform: %v", img.Platform())
	}
}

func TestNoBase(t *testing.T) {
	p := pairs(t)["gzip"]
	b, _ := mustCreate(t, Input{Targets: one(p.target)}, CreateOptions{Resources: resources(t)})
	checkRebuilt(t, mustRead(t, b), nil, p.target, true)
}

func TestSameInputGivesSameDelta(t *testing.T) {
	for name, p := range pairs(t) {
		if testing.Short() && name != "gzip" {
			continue
		}
		for _, level := range []Level{Fast, Default} {
			var first []byte
			for _, cores := range []int{1, 2, 5} {
				res := resources(t)
				res.Concurrency = cores
				b, _ := mustCreate(t, Input{Bases: one(p.base), Targets: one(p.target)}, CreateOptions{Resources: res, Level: level})
				if first == nil {
					first = b
				}
				if !bytes.Equal(b, first) {
					t.Errorf("%s: level %d: %d cores gave another delta", name, level, cores)
				}
			}
		}
	}
}

func TestDeltasAreSmall(t *testing.T) {
	p := pairs(t)["gzip"]
	b, made := mustCreate(t, Input{Bases: one(p.base), Targets: one(p.target)}, CreateOptions{Resources: resources(t)})
	// 200 kB of noise and 60 kB of text, each edited in five places, and 5 kB of
	// new text stand in 2 layers, the second of which repeats the first.
	if len(b) > 20_000 {
		t.Errorf("%d bytes for a few edits", len(b))
	}
	for _, l := range made.Config.Layers {
		for _, blob := range l.Blobs {
			if blob.Recipe == nil {
				t.Errorf("layer %s has no recipe", l.DiffID)
			}
		}
	}
}

func TestLayersCanBeOpenedInAnyOrder(t *testing.T) {
	p := pairs(t)["layers on top"]
	b, _ := mustCreate(t, Input{Bases: one(p.base), Targets: one(p.target)}, CreateOptions{Resources: resources(t)})
	img, err := mustRead(t, b).Rebuild(context.Background(), p.base, RebuildOptions{Resources: resources(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	for _, i := range []int{2, 0, 2, 1} { // the third copies from the second
		r, err := img.Layers()[i].Plain(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, p.target.layers[i].(*memLayer).plain) {
			t.Errorf("layer %d: %v", i, err)
		}
		r.Close()
	}
}

func TestExactness(t *testing.T) {
	base := makeImage(t, "a:1", unpacked, files(t, "x", noise(1, 9000)))
	target := makeImage(t, "a:2", strange, files(t, "x", noise(2, 90000)))
	in := Input{Bases: one(base), Targets: one(target)}

	b, _ := mustCreate(t, in, CreateOptions{Resources: resources(t), Exact: ExactRequire})
	checkRebuilt(t, mustRead(t, b), base, target, true)

	b, made := mustCreate(t, in, CreateOptions{Resources: resources(t), Exact: ExactOff})
	d := mustRead(t, b)
	checkRebuilt(t, d, base, target, false)
	if len(made.Inexact) > 0 || d.Config().Targets[0].Manifest != nil {
		t.Error("off, and yet blobs were looked at")
	}
}

func TestWrongBase(t *testing.T) {
	p := pairs(t)["changed layer"]
	b, _ := mustCreate(t, Input{Bases: one(p.base), Targets: one(p.target)}, CreateOptions{Resources: resources(t)})
	d := mustRead(t, b)
	other := makeImage(t, "a:1", unpacked, files(t, "x", noise(99, 100)))
	for name, base := range map[string]image.Image{"other": other, "none": nil} {
		if _, err := d.Rebuild(context.Background(), base, RebuildOptions{Resources: resources(t)}); !errors.Is(err, ErrBase) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A base whose bytes are not what its DiffIDs claim, as a source without
// verification would give them, never leads to a wrong image.
func TestDamagedBase(t *testing.T) {
	p := pairs(t)["changed layer"]
	b, _ := mustCreate(t, Input{Bases: one(p.base), Targets: one(p.target)}, CreateOptions{Resources: resources(t)})
	d := mustRead(t, b)
	good := p.base.layers[1].(*memLayer)
	for at := 100; at < len(good.plain); at += 10007 {
		bad := &memLayer{id: good.id, plain: bytes.Clone(good.plain)}
		bad.plain[at] ^= 1
		base := &memImage{config: p.base.config, layers: []image.Layer{p.base.layers[0], bad}}
		err := rebuildAll(d, base, RebuildOptions{Resources: resources(t)}, func(i int, l image.Layer, plain, _ []byte) {
			if digest.FromBytes(plain) != l.DiffID() {
				t.Errorf("byte %d: a wrong layer came out", at)
			}
		})
		if err != nil && !errors.Is(err, ErrVerify) && !errors.Is(err, ErrBase) {
			t.Errorf("byte %d: %v is of no class", at, err)
		}
	}
}

// Every bit of a package matters: whichever is flipped, and wherever it is cut,
// there is an error or the right image. A part of them is tried, of the package as
// it is written and of the tar in it.
func TestFlippedBits(t *testing.T) {
	base := makeImage(t, "a:1", gzipped(6), files(t, "x", text(1, 700)))
	target := makeImage(t, "a:2", gzipped(6), files(t, "x", edit(2, text(1, 700))))
	dir := t.TempDir()
	for level, step := range map[Level]int{Fast: 23, Default: 211} { // odd, so that all bits of a byte have their turn
		if testing.Short() {
			step *= 5
		}
		packed, _ := mustCreate(t, Input{Bases: one(base), Targets: one(target)}, CreateOptions{Resources: resources(t), Level: level})
		for _, b := range [][]byte{packed, gunzip(t, packed)} {
			for bit := 0; bit < len(b)*8; bit += step {
				bad := bytes.Clone(b)
				bad[bit/8] ^= 1 << (bit % 8)
				checkHostile(t, bad, base, target, dir)
			}
			for n := 0; n < len(b); n += step {
				checkHostile(t, b[:n], base, target, dir)
			}
		}
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// checkHostile opens and rebuilds what may be damaged.
func checkHostile(t *testing.T, b []byte, base, target *memImage, dir string) {
	t.Helper()
	d, err := Read(context.Background(), bytes.NewReader(b), int64(len(b)))
	if err == nil {
		err = rebuildAll(d, base, RebuildOptions{Resources: Resources{TempDir: dir}}, func(i int, l image.Layer, plain, blob []byte) {
			want := target.layers[i].(*memLayer)
			if !bytes.Equal(plain, want.plain) || blob != nil && !bytes.Equal(blob, want.blob) {
				t.Fatal("a damaged package gave a wrong image")
			}
		})
	}
	known := errors.Is(err, ErrVerify) || errors.Is(err, ErrBase) || errors.Is(err, format.ErrNotPackage) || errors.Is(err, format.ErrVersion)
	if err != nil && !known {
		t.Fatalf("%v is of no class", err)
	}
}

func TestFiles(t *testing.T) {
	ctx := context.Background()
	old := files(t, "a", text(1, 5000), "b.gz", gzipped(9)(t, text(2, 40000)))
	for name, pair := range map[string][2][]byte{
		"tar":      {old, files(t, "a", edit(3, text(1, 5000)), "b.gz", gzipped(9)(t, edit(4, text(2, 40000))))},
		"gzip":     {gzipped(6)(t, old), gzipped(6)(t, files(t, "a", text(1, 4000)))},
		"text":     {text(5, 100000), edit(6, text(5, 100000))},
		"to empty": {text(5, 1000), nil},
		"of empty": {nil, text(5, 1000)},
		"empty":    {nil, nil},
		"same":     {old, old},
	} {
		t.Run(name, func(t *testing.T) {
			var patch, out bytes.Buffer
			a, b := bytes.NewReader(pair[0]), bytes.NewReader(pair[1])
			if err := CreateFile(ctx, &patch, a, a.Size(), b, b.Size(), FileOptions{Resources: resources(t), Level: Default}); err != nil {
				t.Fatal(err)
			}
			p := bytes.NewReader(patch.Bytes())
			if err := ApplyFile(ctx, &out, a, a.Size(), p, p.Size(), resources(t)); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(out.Bytes(), pair[1]) {
				t.Error("another file came back")
			}
			wrong := bytes.NewReader([]byte("another file altogether"))
			if err := ApplyFile(ctx, io.Discard, wrong, wrong.Size(), p, p.Size(), resources(t)); !errors.Is(err, ErrBase) {
				t.Errorf("wrong old file: %v", err)
			}
			bad := bytes.Clone(patch.Bytes())
			for at := 0; at < len(bad); at += 1 + len(bad)/500 {
				bad[at] ^= 0x10
				p := bytes.NewReader(bad)
				err := ApplyFile(ctx, io.Discard, a, a.Size(), p, p.Size(), resources(t))
				if !errors.Is(err, ErrVerify) && !errors.Is(err, format.ErrNotPackage) && !errors.Is(err, format.ErrVersion) {
					t.Fatalf("byte %d changed: %v", at, err)
				}
				bad[at] ^= 0x10
			}
		})
	}
}

func TestTemporarySpaceIsBounded(t *testing.T) {
	p := pairs(t)["changed layer"]
	res := resources(t)
	res.MaxTemp = 10_000
	_, err := Create(context.Background(), io.Discard, Input{Bases: one(p.base), Targets: one(p.target)}, CreateOptions{Resources: res})
	if err == nil {
		t.Fatal("10 kB of temporary space were enough")
	}
	if left, _ := os.ReadDir(res.TempDir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestCancelled(t *testing.T) {
	p := pairs(t)["gzip"]
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var b bytes.Buffer
	_, err := Create(ctx, &b, Input{Bases: one(p.base), Targets: one(p.target)}, CreateOptions{Resources: resources(t)})
	if !errors.Is(err, context.Canceled) || b.Len() > 0 {
		t.Errorf("create: %v, %d bytes written", err, b.Len())
	}
}

// failingFile is a file on a disk that fails at one of the reads.
type failingFile struct {
	*bytes.Reader
	left *atomic.Int64
}

func (f failingFile) ReadAt(p []byte, off int64) (int, error) {
	if f.left.Add(-1) == 0 {
		return 0, syscall.EIO
	}
	return f.Reader.ReadAt(p, off)
}

// A disk that fails is told of, whichever read it is: what cannot be read must
// not pass for a file that is no sound gzip file and so is left as it is.
func TestReadErrorsAreToldOf(t *testing.T) {
	old := files(t, "a.gz", gzipped(9)(t, text(2, 9000)), "b.gz", gzipped(6)(t, text(3, 9000)))
	new := files(t, "a.gz", gzipped(9)(t, edit(4, text(2, 9000))), "b.gz", gzipped(6)(t, edit(5, text(3, 9000))))
	create := func(fail int64) (patch []byte, reads int64, err error) {
		var left atomic.Int64
		left.Store(fail)
		var b bytes.Buffer
		err = CreateFile(context.Background(), &b, failingFile{bytes.NewReader(old), &left}, int64(len(old)),
			failingFile{bytes.NewReader(new), &left}, int64(len(new)), FileOptions{Resources: resources(t), Level: Fast})
		return b.Bytes(), fail - left.Load(), err
	}
	const never = 1 << 40
	_, reads, err := create(never)
	if err != nil || reads < 20 {
		t.Fatalf("%d reads, %v", reads, err)
	}
	for at := int64(1); at <= reads; at++ {
		if patch, _, err := create(at); !errors.Is(err, syscall.EIO) || len(patch) > 0 {
			t.Fatalf("read %d of %d fails: %v, %d bytes written", at, reads, err, len(patch))
		}
	}
}

// A reader that is given up in the middle, closed or not, holds nothing: who
// makes the layer has ended when the image is closed.
func TestReadersThatAreGivenUp(t *testing.T) {
	p := pairs(t)["gzip"]
	b, _ := mustCreate(t, Input{Bases: one(p.base), Targets: one(p.target)}, CreateOptions{Resources: resources(t), Level: Fast})
	before := runtime.NumGoroutine()
	for n := range 40 {
		img, err := mustRead(t, b).Rebuild(context.Background(), p.base, RebuildOptions{Resources: resources(t)})
		if err != nil {
			t.Fatal(err)
		}
		l := img.Layers()[1]
		open := l.Plain
		if n%2 == 0 {
			open = l.Compressed
		}
		r, err := open(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(io.Discard, r, int64(n*n)); err != nil {
			t.Fatal(err)
		}
		if n%3 == 0 {
			r.Close()
		}
		if err := img.Close(); err != nil {
			t.Error(err)
		}
		if r, err = img.Layers()[1].Plain(context.Background()); err == nil {
			_, err = io.ReadAll(r)
		}
		if err == nil {
			t.Error("a closed image can be read")
		}
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines in place of %d", after, before)
	}
}
