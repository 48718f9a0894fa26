package update

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/registry"
)

func outcomes(list []Published) string {
	var out []string
	for _, p := range list {
		out = append(out, p.From+" "+string(p.Outcome))
	}
	return strings.Join(out, ", ")
}

func TestPublish(t *testing.T) {
	eachRig(t, func(t *testing.T, r *rig) {
		r.release(8, "v1.7")
		r.release(9, "v1.8")
		r.release(10, "v1.9") // the image of v1.10, too
		r.release(100, "v0.9")
		r.release(11, "v1.11")
		r.release(10, "v1.10")
		for _, other := range []string{"latest", "v1.12", "v1.9-rc1", "v1"} {
			r.release(10, other)
		}
		amd64 := ocispec.Platform{OS: "linux", Architecture: "amd64"}
		opt := PublishOptions{Registry: r.options(), Last: 3, Create: delta.CreateOptions{Level: delta.Fast}, DryRun: true}
		opt.Registry.Platform, opt.Create.TempDir, opt.Create.Concurrency = &amd64, t.TempDir(), 1
		publish := func(want string) []Published {
			t.Helper()
			done, err := Publish(t.Context(), r.name("v1.11"), opt)
			if err != nil {
				t.Fatal(err)
			}
			if got := outcomes(done); got != want {
				t.Errorf("%s\nwant %s", got, want)
			}
			return done
		}
		publish("v1.10 would be pushed, v1.9 would be pushed, v1.8 would be pushed")
		opt.DryRun = false
		publish("v1.10 pushed, v1.9 exists, v1.8 pushed")
		publish("v1.10 exists, v1.9 exists, v1.8 exists")
		opt.From, opt.Last = []string{"v0.9", "v1.11"}, 0
		done := publish("v0.9 does not pay, v1.11 same image")
		if done[0].Size < done[0].Pull*8/10 || done[1].Size != 0 {
			t.Errorf("%+v", done)
		}
		found, err := List(t.Context(), r.name("v1.11"), "", true, r.options())
		if err != nil || len(found) != 2 {
			t.Errorf("%d are listed, %v", len(found), err)
		}
		opt.MaxShare = 10
		publish("v0.9 pushed, v1.11 same image")
		opt.From = []string{"v7"}
		if _, err := Publish(t.Context(), r.name("v1.11"), opt); err == nil || !strings.Contains(err.Error(), "v7") {
			t.Errorf("an absent version: %v", err)
		}
		opt.From, opt.Last = nil, 1
		if _, err := Publish(t.Context(), r.name("latest"), opt); err == nil || !strings.Contains(err.Error(), "--from") {
			t.Errorf("a tag without a number: %v", err)
		}
	})
}

// A delta that the registry deleted, while it is still listed, is made again; one
// with a tag stays.
func TestPublishAgain(t *testing.T) {
	eachRig(t, func(t *testing.T, r *rig) {
		r.release(1, "v1")
		r.release(2, "v2")
		first := r.publish("v2", "v1")
		q, err := http.NewRequest(http.MethodDelete, "http://"+r.addr+"/v2/app/manifests/"+first[0].Manifest.String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(q)
		if err != nil || resp.StatusCode != http.StatusAccepted {
			t.Fatal(resp, err)
		}
		resp.Body.Close()
		amd64 := ocispec.Platform{OS: "linux", Architecture: "amd64"}
		opt := PublishOptions{Registry: r.options(), From: []string{"v1"}, Tag: true, Create: delta.CreateOptions{Level: delta.Fast}}
		opt.Registry.Platform, opt.Create.TempDir, opt.Create.Concurrency = &amd64, t.TempDir(), 1
		again, err := Publish(t.Context(), r.name("v2"), opt)
		if err != nil || again[0].Outcome != WasPushed || again[0].Manifest != first[0].Manifest {
			t.Fatalf("%+v, before %+v, %v", again, first, err)
		}
		repo, err := registry.Open(t.Context(), r.name("v2"), r.options())
		if err != nil {
			t.Fatal(err)
		}
		tag := "delta-" + again[0].Manifest.Encoded()[:24]
		if d, err := repo.Resolve(t.Context(), tag); err != nil || d.Digest != again[0].Manifest {
			t.Errorf("%s: %v, %v", tag, d, err)
		}
	})
}

// index stores an index of several platforms under a tag.
func (r *rig) index(version int, tag string, platforms ...string) digest.Digest {
	r.t.Helper()
	ix := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex}
	for _, p := range platforms {
		img := app(version, p)
		res, err := image.Write(r.t.Context(), "docker://"+r.name("build-"+strings.ReplaceAll(p, "/", "-")), img, image.WriteOptions{Options: r.options().Options})
		if err != nil {
			r.t.Fatal(err)
		}
		d := res.Manifest
		d.Platform = &img.platform
		ix.Manifests = append(ix.Manifests, d)
	}
	raw, err := json.Marshal(ix)
	if err != nil {
		r.t.Fatal(err)
	}
	q, err := http.NewRequest(http.MethodPut, "http://"+r.addr+"/v2/app/manifests/"+tag, bytes.NewReader(raw))
	if err != nil {
		r.t.Fatal(err)
	}
	q.Header.Set("Content-Type", ocispec.MediaTypeImageIndex)
	resp, err := http.DefaultClient.Do(q)
	if err != nil {
		r.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		r.t.Fatal(resp.Status)
	}
	for _, m := range ix.Manifests {
		if m.Platform.Architecture == "amd64" {
			return m.Digest
		}
	}
	return ""
}

func TestPlatforms(t *testing.T) {
	eachRig(t, func(t *testing.T, r *rig) {
		r.index(1, "v1", "linux/arm64", "linux/amd64")
		want := r.index(2, "v2", "linux/arm64", "linux/amd64", "linux/riscv64")
		opt := PublishOptions{Registry: r.options(), From: []string{"v1"}, AllPlatforms: true, Create: delta.CreateOptions{Level: delta.Fast}}
		opt.Create.TempDir, opt.Create.Concurrency = t.TempDir(), 1
		done, err := Publish(t.Context(), r.name("v2"), opt)
		if err != nil {
			t.Fatal(err)
		}
		if got := outcomes(done); got != "v1 pushed, v1 pushed, v1 no such platform" {
			t.Errorf("%s", got)
		}
		found, err := List(t.Context(), r.name("v2"), "", true, r.options())
		if err != nil || len(found) != 2 {
			t.Fatalf("%+v, %v", found, err)
		}
		platforms := []string{found[0].Platform, found[1].Platform}
		if slices.Sort(platforms); strings.Join(platforms, " ") != "linux/amd64 linux/arm64" {
			t.Errorf("%v", platforms)
		}
		one := r.options()
		one.Platform = &ocispec.Platform{OS: "linux", Architecture: "arm64"}
		if found, err = List(t.Context(), r.name("v2"), "", false, one); err != nil || len(found) != 1 || found[0].Platform != "linux/arm64" {
			t.Errorf("%+v, %v", found, err)
		}
		if _, res, _ := r.pull(t, "v2", 2, want, Options{Bases: []string{hold(t, 1)}}); res.Way != Deltas {
			t.Errorf("%+v", res)
		}
	})
}

func TestEarlier(t *testing.T) {
	tags := []string{"v1.9", "v1.10", "v1.10-rc1", "v1.11", "v1", "v2.0", "latest", "1.8", "v01.10", "2024.01", "v1.x", "v1.2.3", "release-7", "release-12", "v99999999999999999999.1", "1.8-slim", "1.7-slim"}
	for _, c := range []struct {
		tag  string
		n    int
		want string
	}{
		{"v1.11", 2, "v01.10 v1.10"},
		{"v1.11", 9, "v01.10 v1.10 v1.9"},
		{"v1.10", 9, "v1.9"},
		{"v1.9", 9, ""},
		{"v1.12", 1, "v1.11"}, // a tag need not be listed
		{"release-12", 1, "release-7"},
		{"v99999999999999999999.2", 1, "v99999999999999999999.1"},
		{"1.8-slim", 1, "1.7-slim"},
		{"v2", 1, "v1"},
		{"2024.02", 1, "2024.01"},
	} {
		got, err := Earlier(c.tag, tags, c.n)
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, %v; want %s", c.tag, got, err, c.want)
		}
	}
	for _, tag := range []string{"latest", "", "1a2b3c4", "v1.x", "deadbeef"} {
		if got, err := Earlier(tag, tags, 3); err == nil {
			t.Errorf("%q: %v", tag, got)
		}
	}
}
