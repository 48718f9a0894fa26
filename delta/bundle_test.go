package delta

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/image"
)

// site is what an air-gapped site has and shall have: two images that change on
// a system layer of their own each, and one that is new. news is the same in
// all three.
func site(t testing.TB) (bases, targets []*memImage, news []byte) {
	news = noise(40, 30000)
	app, web := noise(41, 60000), noise(42, 60000)
	bases = []*memImage{
		makeImage(t, "app:1", gzipped(6), files(t, "etc/os", text(1, 3000)), files(t, "srv/bin", app)),
		makeImage(t, "web:1", gzipped(6), files(t, "etc/os", text(2, 3000)), files(t, "srv/bin", web)),
	}
	targets = []*memImage{
		makeImage(t, "app:2", gzipped(6), files(t, "etc/os", text(1, 3000)), files(t, "srv/bin", edit(43, app), "news", news)),
		makeImage(t, "web:2", gzipped(6), files(t, "etc/os", text(2, 3000)), files(t, "srv/bin", edit(44, web), "news", news)),
		makeImage(t, "new:1", gzipped(1), files(t, "etc/os", text(1, 3000), "news", news), files(t, "x", text(45, 200))),
	}
	return bases, targets, news
}

func images(list ...*memImage) (out []image.Image) {
	for _, m := range list {
		out = append(out, m)
	}
	return out
}

// checkImage compares a rebuilt image with the target.
func checkImage(t *testing.T, got image.Image, want *memImage) {
	t.Helper()
	if manifest, _ := got.Manifest(); !bytes.Equal(manifest, want.manifest) || !bytes.Equal(got.Config(), want.config) {
		t.Errorf("%v: config or manifest is another", want.names)
	}
	for i, l := range got.Layers() {
		r, err := l.Compressed(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(b, want.layers[i].(*memLayer).blob) {
			t.Errorf("%v: layer %d is another: %v", want.names, i, err)
		}
		r.Close()
	}
}

func TestBundle(t *testing.T) {
	bases, targets, news := site(t)
	in := Input{Bases: images(bases...), Targets: images(targets...)}
	b, made := mustCreate(t, in, CreateOptions{Resources: resources(t)})
	if n := len(b); n > len(news)+20_000 {
		t.Errorf("%d bytes: what the images share is stored more than once", n)
	}
	if !slices.Contains(made.Config.Requires, format.FeatureBundle) {
		t.Error("a reader that chooses by platform would take it")
	}
	d := mustRead(t, b)
	ctx := context.Background()
	set, err := d.RebuildSet(ctx, Together(in.Bases...), RebuildOptions{Resources: resources(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	if len(set.Images) != len(targets) {
		t.Fatalf("%d images", len(set.Images))
	}
	for _, i := range []int{2, 0, 1} { // the last is copied from the first
		checkImage(t, set.Images[i], targets[i])
	}
	if err := d.Verify(ctx, Together(in.Bases...), RebuildOptions{Resources: resources(t)}); err != nil {
		t.Error(err)
	}
	if _, err := d.Rebuild(ctx, Together(in.Bases...), RebuildOptions{Resources: resources(t)}); err == nil || !strings.Contains(err.Error(), "web:2") {
		t.Errorf("one of several without a choice: %v", err)
	}
}

// A chosen image takes the bases that it copies from, and no other.
func TestBundleChoice(t *testing.T) {
	bases, targets, _ := site(t)
	b, _ := mustCreate(t, Input{Bases: images(bases...), Targets: images(targets...)}, CreateOptions{Resources: resources(t)})
	d := mustRead(t, b)
	ctx := context.Background()
	for _, name := range []string{"app:2", "docker.io/library/app:2", d.Config().Targets[0].Config.Digest.String(), d.Config().Targets[0].Config.Digest.Encoded()[:12]} {
		opt := RebuildOptions{Resources: resources(t), Images: []string{name}}
		img, err := d.Rebuild(ctx, bases[0], opt)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		checkImage(t, img, targets[0])
		img.Close()
		if _, err := d.Rebuild(ctx, bases[1], opt); !errors.Is(err, ErrBase) || !strings.Contains(err.Error(), "app:1") {
			t.Errorf("%s from the base of another: %v", name, err)
		}
	}
	if _, err := d.Rebuild(ctx, bases[0], RebuildOptions{Images: []string{"app:3"}}); err == nil || !strings.Contains(err.Error(), "app:2") {
		t.Errorf("an image that is not there: %v", err)
	}
	for i, opt := range []RebuildOptions{{Images: []string{"app:2"}}, {Images: []string{"app:2", "web:2"}}} {
		needs, err := d.Needs(ctx, opt)
		if err != nil {
			t.Fatal(err)
		}
		for k, base := range bases {
			for _, l := range base.layers {
				if slices.Contains(needs, l.DiffID()) != (k <= i) {
					t.Errorf("%v: layers of base %d: %v", opt.Images, k, needs)
				}
			}
		}
	}
}

// The order of the bases is of no account to which of them a target copies from.
func TestTargetsCopyFromTheirOwnBase(t *testing.T) {
	bases, targets, _ := site(t)
	slices.Reverse(bases)
	b, _ := mustCreate(t, Input{Bases: images(bases...), Targets: images(targets...)}, CreateOptions{Resources: resources(t)})
	img, err := mustRead(t, b).Rebuild(context.Background(), bases[1], RebuildOptions{Resources: resources(t), Images: []string{"app:2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	checkImage(t, img, targets[0])
}

// onArch is an image for another architecture.
type onArch struct {
	*memImage
	arch string
}

func (o *onArch) Platform() ocispec.Platform {
	return ocispec.Platform{OS: "linux", Architecture: o.arch}
}

// indexOf names images by their manifests.
func indexOf(t testing.TB, list ...image.Image) image.NamedIndex {
	t.Helper()
	doc := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex}
	for _, img := range list {
		raw, mediaType := img.Manifest()
		p := img.Platform()
		doc.Manifests = append(doc.Manifests, ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw)), Platform: &p})
	}
	raw, err := json.MarshalIndent(doc, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	ix, err := image.ParseIndex(raw, doc.MediaType)
	if err != nil {
		t.Fatal(err)
	}
	return image.NamedIndex{Index: ix, Names: []string{"docker.io/library/app:2"}}
}

// All platforms, an attestation, and an index that names another.
func TestIndex(t *testing.T) {
	_, targets, _ := site(t)
	one, two := &onArch{targets[0], "amd64"}, &onArch{targets[1], "arm64"}
	statement := makeImage(t, "", func(_ testing.TB, b []byte) []byte { return b }, text(50, 700))
	inner := indexOf(t, one)
	outer := indexOf(t, two, statement)
	outer.Manifests = append(outer.Manifests, inner.Descriptor)
	doc := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: outer.Manifests}
	raw, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	if outer.Index, err = image.ParseIndex(raw, doc.MediaType); err != nil {
		t.Fatal(err)
	}
	in := Input{Targets: []image.Image{one, two}, Artifacts: images(statement), Indexes: []image.NamedIndex{inner, outer}}
	b, made := mustCreate(t, in, CreateOptions{Resources: resources(t), Level: Fast})
	if !slices.Equal(made.Config.Requires, []string{format.FeatureIndex}) {
		t.Errorf("requires %v", made.Config.Requires)
	}
	d := mustRead(t, b)
	if s := d.Package().Manifest.Subject; s == nil || s.Digest != outer.Descriptor.Digest {
		t.Errorf("the subject is %v, not the outer index", s)
	}
	ctx := context.Background()
	set, err := d.RebuildSet(ctx, nil, RebuildOptions{Resources: resources(t), Indexes: true})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	if err := set.CheckExact(); err != nil {
		t.Error(err)
	}
	checkImage(t, set.Images[0], targets[0])
	checkImage(t, set.Images[1], targets[1])
	checkImage(t, set.Artifacts[0], statement)
	for i, ix := range in.Indexes {
		if !bytes.Equal(set.Indexes[i].Raw, ix.Raw) || !slices.Equal(set.Indexes[i].Names, ix.Names) {
			t.Errorf("index %d is another", i)
		}
	}
	if err := d.Verify(ctx, nil, RebuildOptions{Resources: resources(t), Indexes: true}); err != nil {
		t.Error(err)
	}

	// One platform: the index that names it alone, and no other.
	part, err := d.RebuildSet(ctx, nil, RebuildOptions{Resources: resources(t), Platform: "linux/amd64", Indexes: true})
	if err != nil {
		t.Fatal(err)
	}
	defer part.Close()
	if len(part.Images) != 1 || len(part.Indexes) != 1 || len(part.Artifacts) != 0 {
		t.Errorf("%d images, %d indexes, %d artifacts", len(part.Images), len(part.Indexes), len(part.Artifacts))
	}
}
