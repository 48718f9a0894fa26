package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

// twoImages share their lowest layer.
func twoImages(t testing.TB, seed uint64) (app, web *fakeImage) {
	app, web = fixture{seed: seed, compress: "gzip"}.build(t), fixture{seed: seed + 1, compress: "gzip"}.build(t)
	return app, rebased(t, web, app)
}

// rebased gives img the lowest layer of on.
func rebased(t testing.TB, img, on *fakeImage) *fakeImage {
	var m, other map[string]any
	fromJSON(t, img.manifest, &m)
	fromJSON(t, on.manifest, &other)
	m["layers"].([]any)[0] = other["layers"].([]any)[0]
	var c map[string]any
	fromJSON(t, img.config, &c)
	c["rootfs"].(map[string]any)["diff_ids"].([]any)[0] = on.layers[0].DiffID()
	img.config = mustJSON(t, c)
	config := m["config"].(map[string]any)
	config["digest"], config["size"] = digest.FromBytes(img.config), len(img.config)
	img.manifest = mustJSON(t, m)
	img.layers[0] = on.layers[0]
	return img
}

func mustWriteSet(t testing.TB, dest string, set Images, opt WriteOptions) []Result {
	t.Helper()
	res, err := WriteSet(t.Context(), dest, set, opt)
	if err != nil {
		t.Fatalf("%s: %v", dest, err)
	}
	return res
}

func TestWriteSetToFiles(t *testing.T) {
	for _, d := range fileDestinations {
		if d.prefix == "dir:" {
			continue
		}
		app, web := twoImages(t, 300)
		path := filepath.Join(t.TempDir(), "out")
		res := mustWriteSet(t, d.prefix+path, Images{Images: []Named{{Image: app, Names: []string{"app:v1", "app:latest"}}, {Image: web, Names: []string{"web:v1"}}}}, WriteOptions{})
		if len(res) != 2 || len(res[0].Names) != 2 || res[1].Names[0] != "docker.io/library/web:v1" || res[0].Original != d.exact || res[1].Original != d.exact {
			t.Errorf("%s: %+v", d.prefix, res)
		}
		if len(web.opened) != 2 || len(app.opened) != 3 {
			t.Errorf("%s: the common layer was not written once: %v %v", d.prefix, app.opened, web.opened)
		}
		for name, want := range map[string]*fakeImage{"app:v1": app, "app:latest": app, "web:v1": web} {
			same(t, want, mustOpen(t, path+":"+name, Options{}), d.exact)
		}
	}
}

// Several images are refused where they cannot be, and leave nothing.
func TestWriteSetRefuses(t *testing.T) {
	app, web := twoImages(t, 302)
	both := Images{Images: []Named{{Image: app, Names: []string{"app:v1"}}, {Image: web, Names: []string{"web:v1"}}}}
	clash := Images{Images: []Named{{Image: app, Names: []string{"app:v1"}}, {Image: web, Names: []string{"docker.io/library/app:v1"}}}}
	for what, c := range map[string]struct {
		dest string
		set  Images
		says string
	}{
		"dir":            {"dir:", both, "holds one image"},
		"one name":       {"oci:NAME", both, "one name"},
		"the same names": {"oci:", clash, "two images are to be named app:v1"},
		"none":           {"oci:", Images{}, "no image"},
	} {
		dir := t.TempDir()
		dest := c.dest + filepath.Join(dir, "out")
		if c.dest == "oci:NAME" {
			dest = "oci:" + filepath.Join(dir, "out") + ":v1"
		}
		_, err := WriteSet(t.Context(), dest, c.set, WriteOptions{})
		wantError(t, what, err, nil, c.says)
		isEmpty(t, dir)
	}
}

// The second of two images breaks; the first is not there either.
func TestWriteSetFailsWhole(t *testing.T) {
	broken := errors.New("the source broke")
	for _, d := range fileDestinations {
		if d.prefix == "dir:" {
			continue
		}
		dir := t.TempDir()
		dest := d.prefix + filepath.Join(dir, "out")
		mustWrite(t, dest, fixture{seed: 304, compress: "gzip"}.build(t), WriteOptions{})
		was := snapshot(t, dir)
		app, web := twoImages(t, 305)
		web.layers[2].(*fakeLayer).after = func() error { return broken }
		_, err := WriteSet(t.Context(), dest, Images{Images: []Named{{Image: app, Names: []string{"app:v1"}}, {Image: web, Names: []string{"web:v1"}}}}, WriteOptions{})
		wantError(t, d.prefix, err, broken, "web:v1")
		if now := snapshot(t, dir); !maps.Equal(was, now) {
			t.Errorf("%s: it was %v and is %v", d.prefix, was, now)
		}
	}
}

func TestWriteSetToDaemon(t *testing.T) {
	eachDaemon(t, func(t *testing.T, d testDaemon) {
		app, web := twoImages(t, 307)
		names := []string{"docker-delta-test/set-app:v1", "docker-delta-test/set-app:again", "docker-delta-test/set-web:v1"}
		d.cleanup(t, names...)
		opt := WriteOptions{Options: Options{DockerHost: d.host, Debugf: t.Logf}, Thin: true}
		set := Images{Images: []Named{{Image: app, Names: names[:2]}, {Image: web, Names: names[2:]}}}
		for range 2 { // the second time, all of it is there
			res, err := LoadSet(t.Context(), set, opt)
			if err != nil {
				t.Fatal(err)
			}
			if res[0].Original != d.containerd && res[0].Blobs > 0 {
				t.Errorf("%+v", res[0])
			}
		}
		for i, n := range names {
			want := app
			if i == 2 {
				want = web
			}
			same(t, want, mustOpen(t, n, opt.Options), d.containerd)
		}

		// A third that shares layers with what is there goes thin.
		other := rebased(t, fixture{seed: 309, compress: "gzip"}.build(t), app)
		more := []string{"docker-delta-test/set-other:v1", "docker-delta-test/set-fresh:v1"}
		d.cleanup(t, more...)
		fresh := fixture{seed: 310, compress: "gzip"}.build(t)
		res, err := LoadSet(t.Context(), Images{Images: []Named{{Image: other, Names: more[:1]}, {Image: fresh, Names: more[1:]}}}, opt)
		if err != nil {
			t.Fatal(err)
		}
		if !d.containerd && res[0].Skipped != 1 {
			t.Errorf("not thin: %+v", res[0])
		}
		same(t, other, mustOpen(t, more[0], opt.Options), d.containerd)
		same(t, fresh, mustOpen(t, more[1], opt.Options), d.containerd)

		// One of two breaks: neither has a name.
		bad := fixture{seed: 311, compress: "gzip"}.build(t)
		bad.layers[1].(*fakeLayer).after = func() error { return io.ErrNoProgress }
		gone := []string{"docker-delta-test/set-gone:v1", "docker-delta-test/set-bad:v1"}
		d.cleanup(t, gone...)
		good := fixture{seed: 312, compress: "gzip"}.build(t)
		_, err = LoadSet(t.Context(), Images{Images: []Named{{Image: good, Names: gone[:1]}, {Image: bad, Names: gone[1:]}}}, opt)
		wantError(t, "a broken image", err, io.ErrNoProgress, "set-bad:v1")
		for _, n := range gone {
			if _, err := Open(t.Context(), "docker-daemon:"+n, opt.Options); !errors.Is(err, ErrNotFound) {
				t.Errorf("%s: %v", n, err)
			}
		}
	})
}

func TestWriteSetToRegistry(t *testing.T) {
	eachRegistry(t, func(t *testing.T, r *testRegistry) {
		app, web := twoImages(t, 313)
		set := Images{Images: []Named{{Image: app, Names: []string{"app:v1", "app:latest"}}, {Image: web, Names: []string{"quay.io/org/web:v1"}}}}
		opt := WriteOptions{Options: r.opt}
		res := mustWriteSet(t, "docker://"+r.addr+"/site", set, opt)
		if len(res[0].Names) != 2 || res[1].Names[0] != r.addr+"/site/org/web:v1" {
			t.Errorf("%+v", res)
		}
		for name, want := range map[string]*fakeImage{"app:v1": app, "app:latest": app, "org/web:v1": web} {
			same(t, want, mustOpen(t, "docker://"+r.addr+"/site/"+name, r.opt), true)
		}
		_, err := WriteSet(t.Context(), "docker://"+r.addr+"/site:v1", set, opt)
		wantError(t, "a tag for two images", err, nil, "one name for 2 images")
		set.Images[0].Names = nil
		_, err = WriteSet(t.Context(), "docker://"+r.addr+"/site", set, opt)
		wantError(t, "an image without a name", err, nil, "no name")
	})
}

// Docker itself and Skopeo read an archive of several images.
func TestOthersReadSets(t *testing.T) {
	app, web := twoImages(t, 315)
	dir := t.TempDir()
	for _, prefix := range []string{"docker-archive:", "oci-archive:"} {
		path := filepath.Join(dir, prefix[:3])
		names := []string{"docker-delta-test/several-app:v1", "docker-delta-test/several-web:v1"}
		mustWriteSet(t, prefix+path, Images{Images: []Named{{Image: app, Names: names[:1]}, {Image: web, Names: names[1:]}}}, WriteOptions{})
		for i, img := range []*fakeImage{app, web} {
			ref := prefix + path + ":docker.io/" + names[i]
			if out, err := run(t, "skopeo", "inspect", "--config", "--raw", ref); err != nil || digest.FromString(out) != digest.FromBytes(img.config) {
				t.Errorf("skopeo, %s: %v\n%s", ref, err, out)
			}
		}
		if prefix == "docker-archive:" {
			d := classicDaemon(t)
			d.cleanup(t, names...)
			if out, err := d.docker(t, "load", "-i", path); err != nil {
				t.Fatalf("docker load: %v\n%s", err, out)
			}
			same(t, web, mustOpen(t, names[1], Options{DockerHost: d.host}), false)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

func fromJSON(t testing.TB, raw []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(raw, v); err != nil {
		t.Fatal(err)
	}
}

// wholeSet is a multi-platform image with attestations, as OpenAll reads it, in
// the form that WriteSet takes.
func wholeSet(t testing.TB, fixture string, names ...string) (Images, *Set) {
	t.Helper()
	_, trees, _ := formats(t)
	set, err := OpenAll(t.Context(), put(t, "x", trees[fixture].tar(t)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { set.Close() })
	return toWrite(t, set, names), set
}

func toWrite(t testing.TB, set *Set, names []string) (out Images) {
	t.Helper()
	if err := set.CheckComplete(); err != nil {
		t.Fatal(err)
	}
	artifacts, err := set.Artifacts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, img := range set.Images {
		out.Images = append(out.Images, Named{Image: img})
	}
	for _, img := range artifacts {
		out.Images = append(out.Images, Named{Image: img})
	}
	for i := len(set.Indexes) - 1; i >= 0; i-- {
		ix := NamedIndex{Index: set.Indexes[i]}
		if i == 0 {
			ix.Names = names
		}
		out.Indexes = append(out.Indexes, ix)
	}
	return out
}

// sameSet compares everything under a reference with a set.
func sameSet(t testing.TB, want *Set, ref string, opt Options) {
	t.Helper()
	got, err := OpenAll(t.Context(), ref, opt)
	if err != nil {
		t.Fatalf("%s: %v", ref, err)
	}
	defer got.Close()
	if len(got.Missing) > 0 || len(got.Extra) != len(want.Extra) || len(got.Images) != len(want.Images) || len(got.Indexes) != len(want.Indexes) {
		t.Fatalf("%s: %d images, %d indexes, %d extra, missing %v", ref, len(got.Images), len(got.Indexes), len(got.Extra), got.Missing)
	}
	for i, ix := range want.Indexes {
		if got.Indexes[i].Descriptor.Digest != ix.Descriptor.Digest || digest.FromBytes(got.Indexes[i].Raw) != ix.Descriptor.Digest {
			t.Errorf("%s: index %d is %s", ref, i, got.Indexes[i].Descriptor.Digest)
		}
	}
	for i, img := range want.Images {
		same(t, img, got.Images[i], true)
	}
	wantArtifacts, err := want.Artifacts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	artifacts, err := got.Artifacts(t.Context())
	if err != nil || len(artifacts) != len(wantArtifacts) {
		t.Fatalf("%s: %d artifacts, %v", ref, len(artifacts), err)
	}
	for i, a := range wantArtifacts {
		same(t, a, artifacts[i], true)
	}
}

func TestWriteIndexToFiles(t *testing.T) {
	for _, fixture := range []string{"nested index", "index in an index"} {
		for _, prefix := range []string{"oci:", "oci-archive:"} {
			set, want := wholeSet(t, fixture, "app:v1")
			path := filepath.Join(t.TempDir(), "out")
			mustWriteSet(t, prefix+path, set, WriteOptions{})
			sameSet(t, want, path+":app:v1", Options{})
			// Beside another image.
			other := filepath.Join(t.TempDir(), "both")
			set.Images = append(set.Images, Named{Image: fixtures["gzip"].build(t), Names: []string{"web:v1"}})
			mustWriteSet(t, prefix+other, set, WriteOptions{})
			sameSet(t, want, other+":app:v1", Options{})
			same(t, fixtures["gzip"].build(t), mustOpen(t, other+":web:v1", Options{}), true)
			mustWriteSet(t, prefix+path+":v1", Images{Images: set.Images[:len(set.Images)-1], Indexes: set.Indexes}, WriteOptions{})
			sameSet(t, want, path+":v1", Options{})
		}
	}
}

func TestWriteIndexRefuses(t *testing.T) {
	whole, _ := wholeSet(t, "nested index", "app:v1")
	part := Images{Images: whole.Images[1:], Indexes: whole.Indexes}
	for what, c := range map[string]struct {
		dest string
		set  Images
		form Form
		says string
	}{
		"a platform is missing": {"oci:", part, AutoForm, "linux/s390x"},
		"docker-archive":        {"docker-archive:", whole, AutoForm, "no index"},
		"dir":                   {"dir:", whole, AutoForm, "holds one image"},
		"plain layers":          {"oci:", whole, Plain, "not kept in this form"},
	} {
		dir := t.TempDir()
		_, err := WriteSet(t.Context(), c.dest+filepath.Join(dir, "out"), c.set, WriteOptions{Form: c.form})
		wantError(t, what, err, nil, c.says)
		isEmpty(t, dir)
	}
	_, err := LoadSet(t.Context(), whole, WriteOptions{Options: Options{DockerHost: classicDaemon(t).host}})
	wantError(t, "classic store", err, nil, "no index")
}

func TestWriteIndexToRegistry(t *testing.T) {
	eachRegistry(t, func(t *testing.T, r *testRegistry) {
		for i, fixture := range []string{"nested index", "index in an index"} {
			set, want := wholeSet(t, fixture, "app:v1")
			opt := WriteOptions{Options: r.opt}
			ref := fmt.Sprintf("docker://%s/multi%d:v1", r.addr, i)
			res := mustWriteSet(t, ref, set, opt)
			if !res[0].Original {
				t.Errorf("%+v", res[0])
			}
			sameSet(t, want, ref, r.opt)
			// Below a repository, beside another image.
			set.Images = append(set.Images, Named{Image: fixtures["gzip"].build(t), Names: []string{"web:v1"}})
			mustWriteSet(t, fmt.Sprintf("docker://%s/site%d", r.addr, i), set, opt)
			sameSet(t, want, fmt.Sprintf("docker://%s/site%d/app:v1", r.addr, i), r.opt)
			same(t, fixtures["gzip"].build(t), mustOpen(t, fmt.Sprintf("docker://%s/site%d/web:v1", r.addr, i), r.opt), true)
		}
	})
}

// The containerd store keeps an index with all that it names.
func TestWriteIndexToContainerd(t *testing.T) {
	d := containerdDaemon(t)
	name := "docker-delta-test/set-multi:v1"
	d.cleanup(t, name)
	set, want := wholeSet(t, "nested index", name)
	opt := WriteOptions{Options: Options{DockerHost: d.host, Debugf: t.Logf}}
	if _, err := LoadSet(t.Context(), set, opt); err != nil {
		t.Fatal(err)
	}
	out, err := d.docker(t, "image", "inspect", "--format", "{{.Id}}", name)
	if err != nil || strings.TrimSpace(out) != want.Indexes[0].Descriptor.Digest.String() {
		t.Errorf("docker has %s, %v", out, err)
	}
	sameSet(t, want, "docker-daemon:"+name, opt.Options)
}
