package delta

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/docker-delta/docker-delta/diff"
	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/image"
)

// releases are versions of an image that share a lowest layer; of the others, each
// version changes some. The second one has a layer that the third drops.
func releases(t testing.TB) (list []*memImage) {
	system := files(t, "etc/os", text(60, 3000), "bin/tool", noise(61, 30000))
	lib, doc, conf := noise(62, 120000), text(63, 40000), text(64, 900)
	for v := range 4 {
		app := files(t, "lib/x", lib, "doc/a.gz", gzipped(9)(t, doc), "conf", conf)
		tars := [][]byte{system, app}
		if v == 1 {
			tars = append(tars, files(t, "dropped", noise(65, 20000)))
		}
		if v >= 1 {
			tars = append(tars, files(t, "plugin", text(66, 5000+v)))
		}
		list = append(list, makeImage(t, "app:"+string(rune('1'+v)), gzipped(6), tars...))
		lib, doc, conf = edit(70+uint64(v), lib), edit(80+uint64(v), doc), edit(90+uint64(v), conf)
	}
	return list
}

// between makes the delta from one image to another.
func between(t testing.TB, base, target *memImage, level Level) *Delta {
	b, _ := mustCreate(t, Input{Bases: one(base), Targets: one(target)}, CreateOptions{Resources: resources(t), Level: level})
	return mustRead(t, b)
}

func mustCompose(t testing.TB, deltas ...*Delta) []byte {
	t.Helper()
	var b bytes.Buffer
	made, err := Compose(context.Background(), &b, deltas, ComposeOptions{Resources: resources(t)})
	if err != nil {
		t.Fatal(err)
	}
	if made.Size != int64(b.Len()) {
		t.Errorf("Size is %d, %d bytes were written", made.Size, b.Len())
	}
	return b.Bytes()
}

func TestCompose(t *testing.T) {
	v := releases(t)
	ab, bc, cd := between(t, v[0], v[1], Default), between(t, v[1], v[2], Fast), between(t, v[2], v[3], Fast)
	two := mustCompose(t, ab, bc)
	if again := mustCompose(t, ab, bc); !bytes.Equal(two, again) {
		t.Error("the same deltas gave another")
	}
	d := mustRead(t, two)
	checkRebuilt(t, d, v[0], v[2], true)
	checkRebuilt(t, d, v[1], v[2], true) // the step is not needed
	if err := d.Verify(context.Background(), v[0], RebuildOptions{Resources: resources(t)}); err != nil {
		t.Error(err)
	}
	if _, err := d.Rebuild(context.Background(), v[3], RebuildOptions{Resources: resources(t)}); !errors.Is(err, ErrBase) || !strings.Contains(err.Error(), "app:2, or docker.io/library/app:1") {
		t.Errorf("another base: %v", err)
	}
	// All at once, and one by one from either side.
	for name, deltas := range map[string][]*Delta{"at once": {ab, bc, cd}, "from the left": {d, cd}, "from the right": {ab, mustRead(t, mustCompose(t, bc, cd))}} {
		three := mustRead(t, mustCompose(t, deltas...))
		if len(three.Config().Steps) != 2 {
			t.Errorf("%s: %d steps", name, len(three.Config().Steps))
		}
		for _, base := range v[:3] {
			checkRebuilt(t, three, base, v[3], true)
		}
	}
}

// A package that stands alone and a delta to it make one that stands alone.
func TestComposeAlone(t *testing.T) {
	v := releases(t)
	b, _ := mustCreate(t, Input{Targets: one(v[0])}, CreateOptions{Resources: resources(t), Level: Fast})
	ab := between(t, v[0], v[1], Fast)
	d := mustRead(t, mustCompose(t, mustRead(t, b), ab))
	if !d.StandsAlone() || ab.StandsAlone() {
		t.Error("it does not know whether it stands alone")
	}
	checkRebuilt(t, d, nil, v[1], true)
	checkRebuilt(t, d, v[0], v[1], true)
	if err := d.Verify(context.Background(), nil, RebuildOptions{Resources: resources(t)}); err != nil {
		t.Error(err)
	}
}

// What the last version does not need of the one between is not kept, nor is
// what both deltas have kept twice.
func TestComposeDrops(t *testing.T) {
	v := releases(t)
	ab, bc := between(t, v[0], v[1], Fast), between(t, v[1], v[2], Fast)
	b := mustCompose(t, ab, bc)
	if sum := ab.Package().Size() + bc.Package().Size(); int64(len(b)) > sum-20_000 {
		t.Errorf("%d bytes, and the deltas have %d, of which 20000 are not needed", len(b), sum)
	}
	d := mustRead(t, b)
	dropped := v[1].layers[2].DiffID()
	for _, l := range d.Config().Steps[0].Layers {
		if l.DiffID == dropped && l.Carried != format.CarriedNot {
			t.Errorf("the dropped layer is carried: %+v", l)
		}
	}
	checkRebuilt(t, d, v[0], v[2], true)

	// A version that goes back: its layer is in the base, and all of the first
	// delta falls away.
	back := mustRead(t, mustCompose(t, ab, between(t, v[1], v[0], Fast)))
	if len(back.Config().Steps) > 0 && back.Package().Size() > ab.Package().Size() {
		checkRebuilt(t, back, v[0], v[0], true)
	}
	checkRebuilt(t, back, v[0], v[0], true)
}

func TestComposeRefuses(t *testing.T) {
	v := releases(t)
	ab, bc, cd := between(t, v[0], v[1], Fast), between(t, v[1], v[2], Fast), between(t, v[2], v[3], Fast)
	alone, _ := mustCreate(t, Input{Targets: one(v[2])}, CreateOptions{Resources: resources(t), Level: Fast})
	for name, deltas := range map[string][]*Delta{"a gap": {ab, cd}, "the wrong way round": {bc, ab}, "a gap at the end": {ab, bc, ab}, "no base": {ab, mustRead(t, alone)}} {
		var b bytes.Buffer
		_, err := Compose(context.Background(), &b, deltas, ComposeOptions{})
		if !errors.Is(err, ErrBase) || b.Len() > 0 || !strings.Contains(err.Error(), "app:") {
			t.Errorf("%s: %v, %d bytes", name, err, b.Len())
		}
	}
	if _, err := Compose(context.Background(), io.Discard, []*Delta{ab}, ComposeOptions{}); err == nil {
		t.Error("one delta was joined")
	}
}

// A bundle on top of a delta: the layers of one of its bases come from the step.
func TestComposeBundle(t *testing.T) {
	v := releases(t)
	other, newer := makeImage(t, "web:1", gzipped(6), files(t, "w", text(97, 5000))), makeImage(t, "web:2", gzipped(6), files(t, "w", edit(98, text(97, 5000))))
	b, _ := mustCreate(t, Input{Bases: images(v[1]), Targets: images(v[2], newer)}, CreateOptions{Resources: resources(t), Level: Fast})
	d := mustRead(t, mustCompose(t, between(t, v[0], v[1], Fast), mustRead(t, b)))
	set, err := d.RebuildSet(context.Background(), Together(v[0], other), RebuildOptions{Resources: resources(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	checkImage(t, set.Images[0], v[2])
	checkImage(t, set.Images[1], newer)
}

// Steps that do not hang together are damage, or a base that does not fit; never a
// panic, a wrong image, or a layer that is not carried.
func TestHostileSteps(t *testing.T) {
	v := releases(t)
	good := mustRead(t, mustCompose(t, between(t, v[0], v[1], Fast), between(t, v[1], v[2], Fast)))
	for name, change := range map[string]func(c *format.Config){
		"not required":      func(c *format.Config) { c.Requires = nil },
		"part out of range": func(c *format.Config) { c.Steps[0].Streams = 99 },
		"negative part":     func(c *format.Config) { c.Steps[0].Streams = -1 },
		"the wrong part":    func(c *format.Config) { c.Steps[0].Streams = 1 },
		"no reference":      func(c *format.Config) { c.Steps[0].Reference = nil },
		"shorter reference": func(c *format.Config) { c.Steps[0].Reference[0].Size-- },
		"needed, not carried": func(c *format.Config) {
			l := &c.Steps[0].Layers[0]
			l.Carried, l.Data, l.Plain = format.CarriedNot, "", 10
		},
		"huge gap": func(c *format.Config) {
			l := format.Layer{DiffID: c.Metadata, Carried: format.CarriedNot, Plain: 1 << 62}
			c.Steps[0].Layers = slices.Insert(c.Steps[0].Layers, 0, l)
		},
		"a target not carried": func(c *format.Config) { l := &c.Layers[len(c.Layers)-1]; l.Carried, l.Data = format.CarriedNot, "" },
		"a circle": func(c *format.Config) {
			c.Steps = append(c.Steps, c.Steps[0])
			c.Steps[0].Reference = c.Reference
		},
		"too many": func(c *format.Config) { c.Steps = slices.Repeat(c.Steps, format.MaxSteps+1) },
	} {
		t.Run(name, func(t *testing.T) {
			b := repacked(t, good, change)
			if b == nil {
				return // refused when written
			}
			d, err := Read(context.Background(), bytes.NewReader(b), int64(len(b)))
			if err == nil {
				err = rebuildAll(d, v[0], RebuildOptions{Resources: resources(t)}, func(i int, l image.Layer, plain, _ []byte) {
					if !bytes.Equal(plain, v[2].layers[i].(*memLayer).plain) {
						t.Error("a wrong layer came out")
					}
				})
			}
			if !errors.Is(err, ErrVerify) && !errors.Is(err, ErrBase) {
				t.Errorf("%v", err)
			}
		})
	}
}

// repacked writes a package anew with another description; nil if that is refused.
func repacked(t *testing.T, d *Delta, change func(*format.Config)) []byte {
	t.Helper()
	raw, err := d.Package().RawConfig()
	if err != nil {
		t.Fatal(err)
	}
	c, err := format.ParseConfig(raw)
	if err != nil {
		t.Fatal(err)
	}
	change(c)
	var blobs []format.Data
	for _, desc := range d.Package().Manifest.Layers {
		blobs = append(blobs, format.Data{MediaType: desc.MediaType, Digest: desc.Digest, Size: desc.Size, Open: openBlob(d.Package(), desc.Digest)})
	}
	var b bytes.Buffer
	if err := format.Write(&b, c, nil, nil, blobs); err != nil {
		if !errors.Is(err, format.ErrCorrupt) {
			t.Fatal(err)
		}
		return nil
	}
	return b.Bytes()
}

// Why Compose does not merge operations: one byte of the base that is not known
// leaves at level Fast one byte of the target unknown, wherever it lies. At the
// other levels there are bytes of the base, those about a difference at least,
// each of which leaves most of what follows unknown.
func TestCodedBytesDependOnTheBase(t *testing.T) {
	ctx := context.Background()
	base := text(110, 12000)
	target := bytes.Clone(base)
	for i := 500; i < len(base); i += 700 { // some differences, and some literals
		target[i]++
		if i%1400 == 500 {
			target = slices.Insert(target, i+50, noise(uint64(i), 20)...)
		}
	}
	for _, level := range []Level{Fast, Default, Max} {
		var coded bytes.Buffer
		pieces := []diff.Piece{{Len: int64(len(target)), Same: -1, Candidates: []diff.Extent{{Len: int64(len(base))}}}}
		if _, err := diff.Encode(ctx, &coded, bytes.NewReader(target), pieces, bytes.NewReader(base), int64(len(base)), nil, diff.Options{Level: level}); err != nil {
			t.Fatal(err)
		}
		ruinous, tried, most := 0, 0, 0
		for at := 440; at < 1140; at += 20 { // from before a difference to behind the next
			wrong := bytes.Clone(base)
			wrong[at] ^= 0x20
			d, err := diff.Open(bytes.NewReader(coded.Bytes()), int64(coded.Len()), diff.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			out := &history{b: bytes.Clone(wrong)}
			_ = d.Decode(ctx, out, out) // damage may or may not be noticed
			got := out.b[len(wrong):]
			differ := len(target) - min(len(got), len(target))
			for i := range min(len(got), len(target)) {
				if got[i] != target[i] {
					differ++
				}
			}
			tried++
			most = max(most, differ)
			if differ > 1 {
				ruinous++
			}
		}
		t.Logf("level %d: %d of %d single bytes of the base ruin more than themselves, at most %d of %d bytes", level, ruinous, tried, most, len(target))
		if level == Fast && ruinous > 0 || level != Fast && most < len(target)/2 {
			t.Errorf("level %d: that is not what Compose says", level)
		}
	}
}
