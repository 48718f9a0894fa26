package registry

import (
	"bytes"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker-delta/docker-delta/format"
)

// gate holds requests for blobs back until so many are there at once, and counts.
type gate struct {
	next http.Handler
	want int

	mu        sync.Mutex
	in, most  int
	open      chan struct{}
	isOpen    bool
	timedOut  bool
	forBlobOf func(*http.Request) bool
}

func newGate(next http.Handler, want int, of func(*http.Request) bool) *gate {
	return &gate{next: next, want: want, open: make(chan struct{}), forBlobOf: of}
}

func (g *gate) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if !g.forBlobOf(q) {
		g.next.ServeHTTP(w, q)
		return
	}
	g.mu.Lock()
	g.in++
	g.most = max(g.most, g.in)
	if g.in >= g.want && !g.isOpen {
		g.isOpen = true
		close(g.open)
	}
	g.mu.Unlock()
	select {
	case <-g.open:
	case <-time.After(20 * time.Second):
		g.mu.Lock()
		g.timedOut = true
		g.mu.Unlock()
	}
	g.next.ServeHTTP(w, q)
	g.mu.Lock()
	g.in--
	g.mu.Unlock()
}

func TestConcurrency(t *testing.T) {
	for _, n := range []int{1, 2, 3} {
		p := pack(t, "v1", subject("v2"), noise(200_000), annotations("v1"))
		var size int64 = p.Manifest.Config.Size
		for _, l := range p.Manifest.Layers {
			size += l.Size
		}
		inner := handler()
		up := newGate(inner, n, func(q *http.Request) bool {
			return q.Method == http.MethodPut && strings.Contains(q.URL.Path, "/blobs/")
		})
		down := newGate(up, n, func(q *http.Request) bool {
			return q.Method == http.MethodGet && strings.Contains(q.URL.Path, "/blobs/")
		})
		r := open(t, serve(t, down)+"/app", Options{Concurrency: n})
		var last, times int64
		meter := func(done, total int64) {
			if done < last || total != size {
				t.Errorf("%d at once: %d of %d bytes after %d", n, done, total, last)
			}
			last = done
			times++
		}
		if _, err := r.Push(t.Context(), p, "", meter); err != nil {
			t.Fatal(err)
		}
		if last != size || times < 5 {
			t.Errorf("%d at once: told of %d bytes in %d steps, want %d", n, last, times, size)
		}
		last = 0
		dir := t.TempDir()
		if err := r.Fetch(t.Context(), p.Descriptor, dir, FetchOptions{Meter: meter}); err != nil {
			t.Fatal(err)
		}
		if last != size {
			t.Errorf("%d at once: told of %d bytes, want %d", n, last, size)
		}
		for what, g := range map[string]*gate{"sent": up, "fetched": down} {
			if g.most != n || g.timedOut {
				t.Errorf("%d blobs were %s at once, want %d", g.most, what, n)
			}
		}
		back, err := format.OpenPath(dir)
		if err != nil {
			t.Fatal(err)
		}
		got, err := back.Blob(p.Config.Layers[0].Data)
		if err != nil || got.Size() != 200_000 {
			t.Errorf("%v", err)
		}
		back.Close()
		// What is there is neither fetched nor sent again.
		last = 0
		down.forBlobOf = func(q *http.Request) bool {
			if q.Method != http.MethodHead && strings.Contains(q.URL.Path, "/blobs/") {
				t.Errorf("%s %s", q.Method, q.URL)
			}
			return false
		}
		if err := r.Fetch(t.Context(), p.Descriptor, dir, FetchOptions{Meter: meter}); err != nil || last != size {
			t.Errorf("again: %v, told of %d bytes", err, last)
		}
		last = 0
		if done, err := r.Push(t.Context(), p, "", meter); err != nil || done.Skipped != 3 || last != size {
			t.Errorf("again: %+v %v, told of %d bytes", done, err, last)
		}
	}
}

// TestFirstErrorStops ends all transfers when one fails, and keeps what came.
func TestFirstErrorStops(t *testing.T) {
	p := pack(t, "v1", subject("v2"), noise(50_000), annotations("v1"))
	inner, bad := handler(), p.Config.Layers[0].Data.Encoded()
	r := open(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Method == http.MethodGet && strings.HasSuffix(q.URL.Path, bad) {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		inner.ServeHTTP(w, q)
	}))+"/app", Options{})
	mustPush(t, r, p, "")
	err := r.Fetch(t.Context(), p.Descriptor, t.TempDir(), FetchOptions{})
	if err == nil || !strings.Contains(err.Error(), bad) || bytes.Contains([]byte(err.Error()), []byte("canceled")) {
		t.Errorf("%v", err)
	}
}
