package update

import (
	"encoding/json"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/registry"
)

// The frontier gives what a search of the whole list would, in few comparisons.
func TestFrontier(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	var f frontier
	const n = maxOpen + 1000
	for i := range n {
		s := &step{n: 1 + r.IntN(3)}
		s.Size = int64(i)
		f.add(node{cost: r.Int64N(1000), step: s})
	}
	if f.Len() != maxOpen {
		t.Fatalf("%d nodes are kept", f.Len())
	}
	for last := f.cheapest(); f.Len() > 0; {
		next := f.cheapest()
		less := next.cost < last.cost || next.cost == last.cost && (next.step.n < last.step.n || next.step.n == last.step.n && next.step.Size < last.step.Size)
		if less {
			t.Fatalf("%+v comes after %+v", next, last)
		}
		last = next
	}
	if most := 3 * n * bits.Len(n); f.compared > most {
		t.Errorf("%d comparisons for %d nodes", f.compared, n)
	}
}

// A registry that lists ever more deltas, each from bases that nobody has, or a chain
// without end, costs a bounded number of requests, and then the image comes without
// deltas.
func TestHostileLists(t *testing.T) {
	if n := hostileLists(t, 120); n > maxLookups+1 || n < maxLookups {
		t.Errorf("%d lists", n)
	}
	if n := hostileLists(t, 1); n != maxSteps {
		t.Errorf("%d lists of a chain", n)
	}
}

// hostileLists pulls from a registry with so many deltas to anything, and gives the
// number of lists that it was asked for.
func hostileLists(t *testing.T, deltas int) int64 {
	r := newRig(t)
	r.release(1, "v1")
	want := r.release(2, "v2")
	var lists atomic.Int64
	r.wrap = func(w http.ResponseWriter, q *http.Request, next http.Handler) {
		if !strings.Contains(q.URL.Path, "/referrers/") {
			next.ServeHTTP(w, q)
			return
		}
		n := lists.Add(1)
		id := func(what string, i int) digest.Digest { return digest.FromString(fmt.Sprint(what, n, i)) }
		var ix ocispec.Index
		for i := range deltas {
			var others []format.Alternative
			for k := range 64 {
				others = append(others, format.Alternative{ID: id("other", i*64+k), Chain: id("chain", k)})
			}
			ix.Manifests = append(ix.Manifests, ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, ArtifactType: format.ArtifactType, Digest: id("delta", i), Size: 1,
				Annotations: map[string]string{format.AnnotationSize: "0", format.AnnotationTarget: id("target", i).String(), format.AnnotationBase: id("base", i).String(),
					format.AnnotationBaseChain: id("chain", i).String(), format.AnnotationBaseManifest: id("manifest", i).String()}})
			if i%2 == 0 {
				ix.Manifests[i].Annotations[format.AnnotationOtherBases] = format.FormatAlternatives(others)
			}
		}
		w.Header().Set("Content-Type", ocispec.MediaTypeImageIndex)
		_ = json.NewEncoder(w).Encode(ix)
	}
	_, res, _ := r.pull(t, "v2", 2, want, Options{Bases: []string{hold(t, 1)}})
	if res.Way != Full {
		t.Errorf("%s after %d lists", res.Way, lists.Load())
	}
	return lists.Load()
}

// Of deltas without a signature only so many are looked at.
func TestHostileUnsigned(t *testing.T) {
	p := &Plan{Name: "registry.example/app:v1", checked: map[digest.Digest]error{}}
	for i := range maxChecks {
		p.checked[digest.FromString(fmt.Sprint(i))] = nil
	}
	var e registry.Entry
	e.Manifest.Digest = digest.FromString("0")
	if err := p.mayStep(t.Context(), e); err != nil {
		t.Errorf("one that was looked at: %v", err)
	}
	e.Manifest.Digest = digest.FromString("another")
	if err := p.mayStep(t.Context(), e); err == nil || !strings.Contains(err.Error(), "too many") {
		t.Errorf("one more: %v", err)
	}
}
