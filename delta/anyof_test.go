package delta

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/image"
)

// One delta for whoever has any one of several versions: smaller than a delta for
// each, whatever the order in which they are given.
func TestAnyOf(t *testing.T) {
	v := releases(t)
	bases, target := v[:3], v[3]
	sum := 0
	for _, base := range bases {
		b, _ := mustCreate(t, Input{Bases: one(base), Targets: one(target)}, CreateOptions{Resources: resources(t)})
		sum += len(b)
	}
	in := Input{AnyOf: images(bases...), Targets: one(target)}
	b, made := mustCreate(t, in, CreateOptions{Resources: resources(t)})
	if len(b)*3 > sum*2 {
		t.Errorf("%d bytes, a delta for each has %d in all", len(b), sum)
	}
	if !slices.Equal(made.Config.Requires, []string{format.FeatureSteps}) {
		t.Errorf("requires %v", made.Config.Requires)
	}
	d := mustRead(t, b)
	for _, base := range bases {
		checkRebuilt(t, d, base, target, true)
		if err := d.Verify(context.Background(), base, RebuildOptions{Resources: resources(t)}); err != nil {
			t.Error(err)
		}
	}
	other := makeImage(t, "other:1", gzipped(6), files(t, "x", noise(99, 100)))
	for _, base := range []image.Image{other, nil} {
		if _, err := d.Rebuild(context.Background(), base, RebuildOptions{Resources: resources(t)}); !errors.Is(err, ErrBase) {
			t.Errorf("none of the bases: %v", err)
		}
	}
	if again, _ := mustCreate(t, in, CreateOptions{Resources: resources(t)}); !bytes.Equal(again, b) {
		t.Error("the same bases gave another delta")
	}
	slices.Reverse(in.AnyOf)
	reversed, _ := mustCreate(t, in, CreateOptions{Resources: resources(t)})
	checkRebuilt(t, mustRead(t, reversed), bases[0], target, true)
	if n := len(reversed); n > len(b)+len(b)/20 {
		t.Errorf("%d bytes the other way round, %d before", n, len(b))
	}
}

// A base that has nothing to do with the others is led to the target itself.
func TestAnyOfUnlike(t *testing.T) {
	v := releases(t)
	app := text(100, 50000)
	unlike := makeImage(t, "app:slim", gzipped(6), files(t, "slim/os", noise(101, 150000)), files(t, "opt/app", app))
	target := makeImage(t, "app:2", gzipped(6), files(t, "etc/os", text(60, 3000), "bin/tool", noise(61, 30000)), files(t, "opt/app", edit(102, app)))
	b, _ := mustCreate(t, Input{AnyOf: images(v[0], unlike, v[1]), Targets: one(target)}, CreateOptions{Resources: resources(t)})
	d := mustRead(t, b)
	for _, base := range []*memImage{v[0], v[1], unlike} {
		checkRebuilt(t, d, base, target, true)
	}
	// 30 kB of noise, which the slim image lacks, and 50 kB of text, which the others
	// do; nothing of the 270 kB that tell the bases apart.
	if len(b) > 60_000 {
		t.Errorf("%d bytes: bases were led to each other that are not alike", len(b))
	}
}

// Bases that are the same in layers, or the target itself, need no step.
func TestAnyOfTheSame(t *testing.T) {
	v := releases(t)
	renamed := &memImage{names: []string{"docker.io/library/app:latest"}, config: append([]byte(" "), v[0].config...), layers: v[0].layers}
	b, made := mustCreate(t, Input{AnyOf: images(v[0], renamed, v[3]), Targets: one(v[3])}, CreateOptions{Resources: resources(t), Level: Fast})
	d := mustRead(t, b)
	for _, base := range []*memImage{v[0], renamed, v[3]} {
		checkRebuilt(t, d, base, v[3], true)
	}
	if len(made.Config.Steps) > 1 {
		t.Errorf("%d steps", len(made.Config.Steps))
	}
	// One is as good as none of the rest.
	plain, _ := mustCreate(t, Input{Bases: one(v[0]), Targets: one(v[3])}, CreateOptions{Resources: resources(t), Level: Fast})
	single, _ := mustCreate(t, Input{AnyOf: one(v[0]), Targets: one(v[3])}, CreateOptions{Resources: resources(t), Level: Fast})
	if !bytes.Equal(plain, single) {
		t.Error("any of one base gave another delta than the base")
	}
}

// A delta for any of several versions can be joined with the one after it.
func TestComposeAnyOf(t *testing.T) {
	v := releases(t)
	b, _ := mustCreate(t, Input{AnyOf: images(v[0], v[1]), Targets: one(v[2])}, CreateOptions{Resources: resources(t), Level: Fast})
	d := mustRead(t, mustCompose(t, mustRead(t, b), between(t, v[2], v[3], Fast)))
	for _, base := range v[:3] {
		checkRebuilt(t, d, base, v[3], true)
	}
}
