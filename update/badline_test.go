package update

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker-delta/docker-delta/image"
)

// badLine does something to the first answers under each address. It stands
// before real servers.
type badLine struct {
	mu    sync.Mutex
	seen  map[string]int
	times int
	harm  func(w http.ResponseWriter) http.ResponseWriter
	only  func(q *http.Request) bool // nil: all that is fetched
	count int                        // answers that were harmed
}

func (b *badLine) wrap(w http.ResponseWriter, q *http.Request, next http.Handler) {
	if q.Method == http.MethodGet && (b.only == nil || b.only(q)) {
		b.mu.Lock()
		b.seen[q.URL.Path]++
		if b.seen[q.URL.Path] <= b.times {
			b.count++
			w = b.harm(w)
		}
		b.mu.Unlock()
	}
	next.ServeHTTP(w, q)
}

// slow sends piece by piece, with pauses.
type slow struct{ http.ResponseWriter }

func (s *slow) Write(p []byte) (int, error) {
	for sent := 0; sent < len(p); {
		n, err := s.ResponseWriter.Write(p[sent:min(sent+2000, len(p))])
		if sent += n; err != nil {
			return sent, err
		}
		s.ResponseWriter.(http.Flusher).Flush()
		time.Sleep(5 * time.Millisecond)
	}
	return len(p), nil
}

func cutShort(w http.ResponseWriter) http.ResponseWriter { return &cutter{w, 200} }
func corrupt(w http.ResponseWriter) http.ResponseWriter  { return &flipper{w} }
func slowDown(w http.ResponseWriter) http.ResponseWriter { return &slow{w} }

func isBlob(q *http.Request) bool { return strings.Contains(q.URL.Path, "/blobs/") }

// Over a line that cuts, delays or corrupts, before real servers, hosts end on the
// registry's image, by the delta as long as the line lets it through.
func TestBadLine(t *testing.T) {
	for name, c := range map[string]struct {
		times int
		harm  func(http.ResponseWriter) http.ResponseWriter
		only  func(*http.Request) bool
		base  int
		way   Way
	}{
		"cuts the delta":        {2, cutShort, nil, 1, Deltas},
		"delays the delta":      {100, slowDown, nil, 1, Deltas},
		"corrupts the delta":    {1, corrupt, isBlob, 1, Deltas},
		"cuts a plain pull":     {2, cutShort, nil, 100, Full},
		"delays a plain pull":   {100, slowDown, nil, 100, Full},
		"corrupts a plain pull": {1, corrupt, isBlob, 100, Full},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it is mostly waiting
			eachServer(t, func(t *testing.T, r *rig) {
				r.release(1, "v1")
				want := r.release(2, "v2")
				r.publish("v2", "v1")
				line := &badLine{seen: map[string]int{}, times: c.times, harm: c.harm, only: c.only}
				r.wrap = line.wrap
				_, res, warned := r.pull(t, "v2", 2, want, Options{Bases: []string{hold(t, c.base)}})
				if res.Way != c.way || line.count == 0 {
					t.Errorf("%s, %d answers harmed, %q", res.Way, line.count, warned)
				}
				t.Logf("%d answers harmed, %d bytes, %q", line.count, res.Fetched, warned)
			})
		})
	}
}

// A line over which nothing comes as it was sent leaves nothing behind.
func TestHopelessLine(t *testing.T) {
	eachServer(t, func(t *testing.T, r *rig) {
		r.release(1, "v1")
		r.release(2, "v2")
		r.publish("v2", "v1")
		to := filepath.Join(t.TempDir(), "out")
		opt := Options{Registry: r.options(), To: "oci:" + to, Bases: []string{hold(t, 1)}}
		opt.Resources.TempDir = t.TempDir()
		plan, err := Find(t.Context(), r.name("v2"), opt)
		if err != nil {
			t.Fatal(err)
		}
		defer plan.Close()
		line := &badLine{seen: map[string]int{}, times: 1000, harm: corrupt, only: isBlob}
		r.wrap = line.wrap
		var damaged *image.DigestError
		if _, err := plan.Run(t.Context()); !errors.As(err, &damaged) {
			t.Errorf("%v", err)
		}
		for _, dir := range []string{opt.Resources.TempDir, filepath.Dir(to)} {
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		}
	})
}
