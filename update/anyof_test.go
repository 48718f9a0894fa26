package update

import (
	"bytes"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/registry"
)

// A package for any one of several bases, and one joined from several, serve hosts
// with each of these.
func TestAnyOf(t *testing.T) {
	for name, make := range map[string]func(t *testing.T, v []image.Image) []byte{
		"several bases": func(t *testing.T, v []image.Image) []byte {
			return created(t, delta.Input{AnyOf: v[:3], Targets: v[3:]})
		},
		"joined": func(t *testing.T, v []image.Image) []byte {
			var steps []*delta.Delta
			for i := range v[1:] {
				b := created(t, delta.Input{Bases: v[i : i+1], Targets: v[i+1 : i+2]})
				d, err := delta.Read(t.Context(), bytes.NewReader(b), int64(len(b)))
				if err != nil {
					t.Fatal(err)
				}
				defer d.Close()
				steps = append(steps, d)
			}
			var out bytes.Buffer
			if _, err := delta.Compose(t.Context(), &out, steps, delta.ComposeOptions{Level: delta.Fast}); err != nil {
				t.Fatal(err)
			}
			return out.Bytes()
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			amd64 := ocispec.Platform{OS: "linux", Architecture: "amd64"}
			var versions []image.Image
			for v, tag := range []string{"v1", "v2", "v3", "v4"} {
				r.release(v+1, tag)
				opt := r.options().Options
				opt.Platform = &amd64
				src, err := image.Open(t.Context(), "docker://"+r.name(tag), opt)
				if err != nil {
					t.Fatal(err)
				}
				defer src.Close()
				versions = append(versions, src)
			}
			want := r.release(4, "v4")
			b := make(t, versions)
			p, err := format.Open(bytes.NewReader(b), int64(len(b)))
			if err != nil {
				t.Fatal(err)
			}
			repo, err := registry.Open(t.Context(), r.name("v4"), r.options())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := repo.Push(t.Context(), p, "", nil); err != nil {
				t.Fatal(err)
			}
			for v := 1; v <= 3; v++ {
				plan, res, warned := r.pull(t, "v4", 4, want, Options{Bases: []string{hold(t, v)}, NoFallback: true})
				if res.Way != Deltas || len(plan.Steps) != 1 || res.Fetched > 20_000 {
					t.Errorf("from version %d: %s, %d bytes, %q", v, res.Way, res.Fetched, warned)
				}
			}
			if _, res, _ := r.pull(t, "v4", 4, want, Options{Bases: []string{hold(t, 100)}}); res.Way != Full {
				t.Errorf("from another image: %s", res.Way)
			}
		})
	}
}

func created(t *testing.T, in delta.Input) []byte {
	t.Helper()
	var b bytes.Buffer
	opt := delta.CreateOptions{Level: delta.Fast}
	opt.TempDir, opt.Concurrency = t.TempDir(), 1
	if _, err := delta.Create(t.Context(), &b, in, opt); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
