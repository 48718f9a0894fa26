package update

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/image"
)

func TestWays(t *testing.T) {
	eachRig(t, func(t *testing.T, r *rig) {
		tags := map[int]digest.Digest{}
		for v := 1; v <= 4; v++ {
			tags[v] = r.release(v, fmt.Sprint("v", v))
		}
		far := r.release(100, "v100")
		r.publish("v2", "v1")
		r.publish("v3", "v2", "v1")
		r.publish("v4", "v3")
		t.Run("one delta", func(t *testing.T) {
			plan, res, warned := r.pull(t, "v3", 3, tags[3], Options{Bases: []string{hold(t, 2)}})
			if res.Way != Deltas || len(plan.Steps) != 1 || len(warned) > 0 || res.FellBack != nil {
				t.Errorf("%+v, %+v, %v", plan.Steps, res, warned)
			}
			if res.Fetched > 8_000 || plan.PlainPull() < appSize {
				t.Errorf("fetched %d bytes, planned %d; a plain pull takes %d", res.Fetched, plan.Cost, plan.PlainPull())
			}
		})
		t.Run("two steps or one", func(t *testing.T) {
			// From version 1 there is a delta to 3, and a chain over 2: one step is
			// the smaller way here.
			plan, res, _ := r.pull(t, "v3", 3, tags[3], Options{Bases: []string{hold(t, 1)}})
			if res.Way != Deltas || len(plan.Steps) != 1 || plan.Steps[0].BaseName != r.name("v1") {
				t.Errorf("%+v", plan.Steps)
			}
		})
		t.Run("chain", func(t *testing.T) {
			plan, res, _ := r.pull(t, "v4", 4, tags[4], Options{Bases: []string{hold(t, 1)}})
			if res.Way != Deltas || len(plan.Steps) != 2 || plan.Steps[1].BaseName != r.name("v3") || res.Fetched > 16_000 {
				t.Errorf("%d bytes, %+v", res.Fetched, plan.Steps)
			}
		})
		t.Run("nearest base", func(t *testing.T) {
			plan, res, _ := r.pull(t, "v4", 4, tags[4], Options{Bases: []string{hold(t, 1), hold(t, 100), hold(t, 3)}})
			if res.Way != Deltas || len(plan.Steps) != 1 || plan.Steps[0].BaseName != r.name("v3") {
				t.Errorf("%+v", plan.Steps)
			}
		})
		t.Run("no delta from this base", func(t *testing.T) {
			plan, res, warned := r.pull(t, "v3", 3, tags[3], Options{Bases: []string{hold(t, 100)}})
			if res.Way != Full || plan.Way != Full || res.FellBack != nil || len(warned) > 0 || res.Fetched < plan.Whole {
				t.Errorf("%s of %d bytes, fetched %d, %v", plan.Way, plan.Cost, res.Fetched, warned)
			}
		})
		t.Run("no deltas at all", func(t *testing.T) {
			if _, res, _ := r.pull(t, "v100", 100, far, Options{Bases: []string{hold(t, 1)}}); res.Way != Full {
				t.Errorf("%+v", res)
			}
		})
		t.Run("no base", func(t *testing.T) {
			_, res, warned := r.pull(t, "v3", 3, tags[3], Options{})
			if res.Way != Full || len(warned) != 1 || !strings.Contains(warned[0], "--base") {
				t.Errorf("%s, %q", res.Way, warned)
			}
		})
		t.Run("base that is not there", func(t *testing.T) {
			absent := filepath.Join(t.TempDir(), "absent.tar")
			_, res, warned := r.pull(t, "v3", 3, tags[3], Options{Bases: []string{absent, hold(t, 2)}})
			if res.Way != Deltas || len(warned) != 1 || !strings.Contains(warned[0], absent) {
				t.Errorf("%s, %q", res.Way, warned)
			}
			_, res, warned = r.pull(t, "v3", 3, tags[3], Options{Bases: []string{"docker://" + r.name("v77")}})
			if res.Way != Full || len(warned) != 1 || !strings.Contains(warned[0], "v77") {
				t.Errorf("%s, %q", res.Way, warned)
			}
			opt := Options{Registry: r.options(), To: "oci:" + filepath.Join(t.TempDir(), "out"), Bases: []string{absent}, NoFallback: true}
			if _, err := Find(t.Context(), r.name("v3"), opt); err == nil || !strings.Contains(err.Error(), absent) {
				t.Errorf("without fallback: %v", err)
			}
		})
		t.Run("by digest", func(t *testing.T) {
			opt := Options{Registry: r.options(), To: "oci:" + filepath.Join(t.TempDir(), "out"), Bases: []string{hold(t, 2)}}
			plan, err := Find(t.Context(), r.addr+"/app@"+tags[3].String(), opt)
			if err != nil {
				t.Fatal(err)
			}
			defer plan.Close()
			if res, err := plan.Run(t.Context()); err != nil || res.Way != Deltas || res.Manifest.Digest != tags[3] || len(plan.names()) != 0 {
				t.Errorf("%+v, %v", res, err)
			}
		})
		t.Run("into a registry", func(t *testing.T) {
			opt := Options{Registry: r.options(), To: "docker://" + r.addr + "/copy:v3", Bases: []string{hold(t, 2)}}
			for i, way := range []Way{Deltas, Nothing} {
				plan, err := Find(t.Context(), r.name("v3"), opt)
				if err != nil {
					t.Fatal(err)
				}
				if res, err := plan.Run(t.Context()); err != nil || res.Way != way || res.Manifest.Digest != tags[3] {
					t.Errorf("%d: %+v, %v", i, res, err)
				}
				plan.Close()
			}
		})
		t.Run("shared layers", func(t *testing.T) {
			// A host whose image has the same blobs fetches the others only.
			exact := filepath.Join(t.TempDir(), "v1")
			src, err := image.Open(t.Context(), "docker://"+r.name("v1"), r.options().Options)
			if err != nil {
				t.Fatal(err)
			}
			defer src.Close()
			if _, err := image.Write(t.Context(), "oci:"+exact, src, image.WriteOptions{}); err != nil {
				t.Fatal(err)
			}
			plan, res, _ := r.pull(t, "v100", 100, far, Options{Bases: []string{exact}})
			if res.Way != Full || plan.FullCost > plan.Whole-systemSize || res.Fetched > plan.FullCost+3000 {
				t.Errorf("%d of %d bytes planned, %d fetched", plan.FullCost, plan.Whole, res.Fetched)
			}
		})
		t.Run("list", func(t *testing.T) {
			found, err := List(t.Context(), r.name("v3"), "", true, r.options())
			if err != nil || len(found) != 2 {
				t.Fatalf("%+v, %v", found, err)
			}
			for _, l := range found {
				if l.Saving() < 0.9 || l.BaseManifest == "" || l.Platform != "linux/amd64" {
					t.Errorf("%+v", l)
				}
			}
		})
	})
}

// The name moves between plan and execution: what comes is what was planned.
func TestPinned(t *testing.T) {
	r := newRig(t)
	r.release(1, "v1")
	want := r.release(2, "latest")
	r.publish("latest", "v1")
	opt := Options{Registry: r.options(), To: "oci:" + filepath.Join(t.TempDir(), "out"), Bases: []string{hold(t, 1)}}
	plan, err := Find(t.Context(), r.name("latest"), opt)
	if err != nil {
		t.Fatal(err)
	}
	defer plan.Close()
	r.release(3, "latest")
	res, err := plan.Run(t.Context())
	if err != nil || res.Manifest.Digest != want || res.Way != Deltas {
		t.Errorf("%+v, %v", res, err)
	}
}

// Whatever is wrong with a delta, the image comes, with a warning that says why.
func TestBrokenDelta(t *testing.T) {
	isDelta := func(q *http.Request, blobs []string) bool {
		return q.Method == http.MethodGet && slices.ContainsFunc(blobs, func(b string) bool { return strings.HasSuffix(q.URL.Path, b) })
	}
	for name, c := range map[string]struct {
		breakIt func(w http.ResponseWriter, q *http.Request, next http.Handler)
		err     error
		text    string
	}{
		"gone":         {func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { w.WriteHeader(http.StatusNotFound) }, image.ErrNotFound, "has no blob"},
		"no answer":    {func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }, nil, "EOF"},
		"server error": {func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { w.WriteHeader(http.StatusBadGateway) }, nil, "502"},
		"other bytes": {func(w http.ResponseWriter, q *http.Request, next http.Handler) {
			next.ServeHTTP(&flipper{w}, q)
		}, nil, "do not match"},
		"too long": {func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			_, _ = w.Write(make([]byte, 1<<20))
		}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.release(1, "v1")
			want := r.release(2, "v2")
			r.publish("v2", "v1")
			found, err := List(t.Context(), r.name("v2"), "", true, r.options())
			if err != nil || len(found) != 1 {
				t.Fatal(found, err)
			}
			blobs := blobsOf(t, r, found[0])
			var hits atomic.Int64
			r.wrap = func(w http.ResponseWriter, q *http.Request, next http.Handler) {
				if isDelta(q, blobs) {
					hits.Add(1)
					c.breakIt(w, q, next)
					return
				}
				next.ServeHTTP(w, q)
			}
			base := hold(t, 1)
			plan, res, warned := r.pull(t, "v2", 2, want, Options{Bases: []string{base}})
			if plan.Way != Deltas || res.Way != Full || res.FellBack == nil || len(warned) != 1 || hits.Load() == 0 {
				t.Fatalf("%s, %s, %v, %q", plan.Way, res.Way, res.FellBack, warned)
			}
			if !strings.Contains(warned[0], c.text) || !strings.Contains(warned[0], found[0].Manifest.Digest.String()) {
				t.Errorf("%q does not say %q", warned[0], c.text)
			}
			to := filepath.Join(t.TempDir(), "out")
			opt := Options{Registry: r.options(), To: "oci:" + to, Bases: []string{base}, NoFallback: true}
			opt.Resources.TempDir = t.TempDir()
			plan, err = Find(t.Context(), r.name("v2"), opt)
			if err != nil {
				t.Fatal(err)
			}
			defer plan.Close()
			if _, err := plan.Run(t.Context()); err == nil || c.err != nil && !errors.Is(err, c.err) {
				t.Errorf("without fallback: %v", err)
			}
			if _, err := os.Stat(to); !errors.Is(err, os.ErrNotExist) {
				t.Error("a failure left something behind")
			}
			if left, _ := os.ReadDir(opt.Resources.TempDir); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// A delta that is sound and lies: it refers to one image and rebuilds another.
func TestLyingDelta(t *testing.T) {
	r := newRig(t)
	r.release(1, "v1")
	want := r.release(2, "v2")
	r.release(3, "v3")
	r.publish("v3", "v1")
	found, err := List(t.Context(), r.name("v3"), "", true, r.options())
	if err != nil {
		t.Fatal(err)
	}
	lie := found[0]
	plan, err := Find(t.Context(), r.name("v2"), Options{Registry: r.options(), To: "oci:" + filepath.Join(t.TempDir(), "out"), Bases: []string{hold(t, 1)}})
	if err != nil {
		t.Fatal(err)
	}
	defer plan.Close()
	plan.Way, plan.Steps, plan.step0 = Deltas, []registryEntry{lie.Entry}, plan.host.images[0]
	var warned warnings
	plan.opt.Warnf = warned.warnf
	res, err := plan.Run(t.Context())
	if err != nil || res.Way != Full || !errors.Is(res.FellBack, errOther) || res.Manifest.Digest != want {
		t.Errorf("%+v, %v", res, err)
	}
}

// A list that cannot be had is no reason to have no image.
func TestNoList(t *testing.T) {
	r := newRig(t)
	r.release(1, "v1")
	want := r.release(2, "v2")
	r.wrap = func(w http.ResponseWriter, q *http.Request, next http.Handler) {
		if strings.Contains(q.URL.Path, "/referrers/") {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, q)
	}
	_, res, warned := r.pull(t, "v2", 2, want, Options{Bases: []string{hold(t, 1)}})
	if res.Way != Full || len(warned) != 1 {
		t.Errorf("%s, %q", res.Way, warned)
	}
}

// A registry that now and then drops a connection costs requests, not the update.
func TestFlakyRegistry(t *testing.T) {
	r := newRig(t)
	r.release(1, "v1")
	want := r.release(2, "v2")
	r.publish("v2", "v1")
	var n atomic.Int64
	r.wrap = func(w http.ResponseWriter, q *http.Request, next http.Handler) {
		if n.Add(1)%3 == 0 {
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(w, q)
	}
	if _, res, warned := r.pull(t, "v2", 2, want, Options{Bases: []string{hold(t, 1)}}); res.Way != Deltas {
		t.Errorf("%s, %q", res.Way, warned)
	}
	r.wrap = func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }
	if _, err := Find(t.Context(), r.name("v2"), Options{Registry: r.options(), To: filepath.Join(t.TempDir(), "x")}); err == nil || !strings.Contains(err.Error(), r.addr) {
		t.Errorf("a dead registry: %v", err)
	}
}

// An image whose layers cannot be rebuilt bit for bit comes by a full pull where
// the destination keeps the manifest, and by the delta where it does not.
func TestInexact(t *testing.T) {
	r := newRig(t)
	r.release(1, "v1")
	want := r.release(2, "v2")
	d := createDelta(t, r, "v1", "v2", "/app", delta.ExactOff)
	base := hold(t, 1)
	plan, err := Find(t.Context(), r.name("v2"), Options{Registry: r.options(), To: "oci:" + filepath.Join(t.TempDir(), "out"), Bases: []string{base}})
	if err != nil {
		t.Fatal(err)
	}
	defer plan.Close()
	plan.Way, plan.Steps, plan.step0 = Deltas, []registryEntry{d}, plan.host.images[0]
	if res, err := plan.Run(t.Context()); err != nil || res.Way != Full || res.Manifest.Digest != want {
		t.Errorf("exact: %+v, %v", res, err)
	}
	plan, err = Find(t.Context(), r.name("v2"), Options{Registry: r.options(), To: filepath.Join(t.TempDir(), "out.tar"), Bases: []string{base}})
	if err != nil {
		t.Fatal(err)
	}
	defer plan.Close()
	plan.Way, plan.Steps, plan.step0 = Deltas, []registryEntry{d}, plan.host.images[0]
	if res, err := plan.Run(t.Context()); err != nil || res.Way != Deltas {
		t.Errorf("plain: %+v, %v", res, err)
	}
}

// Deltas may lie in a repository of their own.
func TestOtherRepository(t *testing.T) {
	eachRig(t, func(t *testing.T, r *rig) {
		r.release(1, "v1")
		want := r.release(2, "v2")
		d := createDelta(t, r, "v1", "v2", "/some/deltas", delta.ExactAuto)
		bases := []string{hold(t, 1)}
		if _, res, _ := r.pull(t, "v2", 2, want, Options{Bases: bases}); res.Way != Full {
			t.Errorf("beside the image: %s", res.Way)
		}
		plan, res, warned := r.pull(t, "v2", 2, want, Options{Bases: bases, Deltas: r.addr + "/some/deltas"})
		if res.Way != Deltas || plan.Steps[0].Manifest.Digest != d.Manifest.Digest {
			t.Errorf("%s, %q", res.Way, warned)
		}
		found, err := List(t.Context(), r.name("v2"), r.addr+"/some/deltas", true, r.options())
		if err != nil || len(found) != 1 || found[0].Whole < appSize {
			t.Errorf("%+v, %v", found, err)
		}
	})
}
