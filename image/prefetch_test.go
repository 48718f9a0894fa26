package image

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestPrefetch lets three layers travel at once, and reads what came.
func TestPrefetch(t *testing.T) {
	src := fixture{seed: 800, layers: 5, compress: "gzip"}.build(t)
	var size int64
	for _, l := range src.layers {
		size += l.Blob().Size
	}
	var mu sync.Mutex
	var in, most int
	var watching, broken atomic.Bool
	three := make(chan struct{})
	reg := memoryRegistry(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			blob := q.Method == http.MethodGet && strings.Contains(q.URL.Path, "/blobs/")
			if !blob || !watching.Load() {
				next.ServeHTTP(w, q)
				return
			}
			if strings.HasSuffix(q.URL.Path, src.layers[3].Blob().Digest.Encoded()) && broken.Swap(false) {
				http.Error(w, "not now", http.StatusForbidden)
				return
			}
			mu.Lock()
			in++
			if most = max(most, in); in == 3 {
				select {
				case <-three:
				default:
					close(three)
				}
			}
			mu.Unlock()
			select {
			case <-three:
			case <-time.After(20 * time.Second):
				t.Error("no three layers are fetched at once")
			}
			next.ServeHTTP(w, q)
			mu.Lock()
			in--
			mu.Unlock()
		})
	})
	ref := "docker://" + reg.addr + "/app:v1"
	mustWrite(t, ref, src, WriteOptions{Options: reg.opt})
	var count atomic.Int64
	img := mustOpen(t, ref, reg.opt)
	watching.Store(true)
	broken.Store(true) // a layer that cannot be fetched ahead is fetched when it is opened
	Prefetch(img, []int{0, 1, 3, 4}, 3, reg.opt, func(n int) { count.Add(int64(n)) })
	for i, l := range img.Layers() {
		if got := readLayer(t, l); got != string(src.layers[i].(*fakeLayer).tar) {
			t.Errorf("layer %d differs", i)
		}
	}
	if most != 3 {
		t.Errorf("%d layers were fetched at once, want 3", most)
	}
	if count.Load() != size {
		t.Errorf("counted %d bytes, want %d", count.Load(), size)
	}
	same(t, src, img, true) // a second time, as when a destination has failed
	// Closed while layers are under way, nothing hangs and nothing stays.
	img = mustOpen(t, ref, reg.opt)
	Prefetch(img, []int{0, 1, 2, 3, 4}, 3, reg.opt, nil)
	rc, err := img.Layers()[0].Plain(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	rc.Close()
}

func readLayer(t *testing.T, l Layer) string {
	t.Helper()
	rc, err := l.Plain(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	b, err := io.ReadAll(rc)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
