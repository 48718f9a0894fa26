package registry

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/image"
)

// cutter breaks the connection after so many bytes of a blob.
type cutter struct {
	http.ResponseWriter
	left int
}

func (c *cutter) Write(p []byte) (int, error) {
	if len(p) > c.left {
		if c.left > 0 {
			_, _ = c.ResponseWriter.Write(p[:c.left])
			c.ResponseWriter.(http.Flusher).Flush()
		}
		panic(http.ErrAbortHandler)
	}
	c.left -= len(p)
	return c.ResponseWriter.Write(p)
}

func noise(n int) []byte {
	b := make([]byte, n)
	src := rand.NewChaCha8([32]byte{1})
	_, _ = src.Read(b)
	return b
}

// A download that breaks off again and again goes on where it stopped.
func TestResume(t *testing.T) {
	for name, ranges := range map[string]bool{"ranges": true, "no ranges": false} {
		t.Run(name, func(t *testing.T) {
			data := noise(100_000)
			inner := handler()
			var blobs, resumed, budget atomic.Int64
			budget.Store(30_000)
			addr := serve(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				if q.Method == http.MethodGet && strings.Contains(q.URL.Path, "/blobs/") {
					blobs.Add(1)
					if !ranges {
						q.Header.Del("Range")
						w = &cutter{w, int(budget.Add(30_000))}
					} else if q.Header.Get("Range") != "" {
						resumed.Add(1)
						w = &cutter{w, 30_000}
					} else {
						w = &cutter{w, 30_000}
					}
				}
				inner.ServeHTTP(w, q)
			}))
			traffic := new(Traffic)
			r := open(t, addr+"/app", Options{Retries: 1, Traffic: traffic})
			p := pack(t, "v1", subject("v2"), data, annotations("v1"))
			mustPush(t, r, p, "")
			before := traffic.Received()
			dir := t.TempDir()
			if err := r.Fetch(t.Context(), p.Descriptor, dir, FetchOptions{}); err != nil {
				t.Fatal(err)
			}
			back, err := format.OpenPath(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer back.Close()
			got, err := back.Blob(p.Config.Layers[0].Data)
			if err != nil || got.Size() != int64(len(data)) {
				t.Errorf("%v", err)
			}
			if ranges && resumed.Load() < 3 {
				t.Errorf("%d requests for blobs, %d of them for the rest of one", blobs.Load(), resumed.Load())
			}
			if n := traffic.Received() - before; ranges && n > p.Size()+1000 {
				t.Errorf("received %d bytes for a package of %d", n, p.Size())
			}
		})
	}
}

// A server that is overloaded, or drops connections, is asked again, and not
// without end.
func TestRetries(t *testing.T) {
	inner := handler()
	var failures, asked atomic.Int64
	addr := serve(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		asked.Add(1)
		switch n := failures.Add(-1); {
		case n >= 0 && (n%2 == 0 || n > 1000):
			w.WriteHeader(http.StatusServiceUnavailable)
		case n >= 0:
			panic(http.ErrAbortHandler)
		default:
			inner.ServeHTTP(w, q)
		}
	}))
	p := pack(t, "v1", subject("v2"), noise(50_000), annotations("v1"))
	r := open(t, addr+"/app", Options{Retries: 3})
	failures.Store(3)
	mustPush(t, r, p, "")
	failures.Store(2)
	if list := deltas(t, r, subject("v2")); len(list) != 1 {
		t.Errorf("%v", list)
	}
	failures.Store(2)
	if err := r.Fetch(t.Context(), p.Descriptor, t.TempDir(), FetchOptions{}); err != nil {
		t.Error(err)
	}
	failures.Store(1 << 30)
	asked.Store(0)
	if _, err := r.Tags(t.Context()); err == nil || asked.Load() != 4 {
		t.Errorf("%v after %d requests", err, asked.Load())
	}
	never := open(t, addr+"/app", Options{})
	asked.Store(0)
	if _, err := never.Tags(t.Context()); err == nil || asked.Load() != 1 {
		t.Errorf("%v after %d requests", err, asked.Load())
	}
}

// A server with too many requests is asked again when it says, and an answer that
// stays so says what to do.
func TestTooManyRequests(t *testing.T) {
	inner := handler()
	var busy atomic.Int64
	var mu sync.Mutex
	var at []time.Time
	asked := func() []time.Time {
		mu.Lock()
		defer mu.Unlock()
		list := at
		at = nil
		return list
	}
	addr := serve(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		mu.Lock()
		at = append(at, time.Now())
		mu.Unlock()
		if busy.Add(-1) >= 0 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		inner.ServeHTTP(w, q)
	}))
	mustPush(t, open(t, addr+"/app", Options{}), pack(t, "v1", subject("v2"), noise(100), annotations("v1")), "v1-v2")
	busy.Store(1)
	asked()
	if tags, err := open(t, addr+"/app", Options{Retries: 1}).Tags(t.Context()); err != nil || len(tags) != 1 {
		t.Errorf("%v, %v", tags, err)
	}
	if at := asked(); len(at) != 2 || at[1].Sub(at[0]) < time.Second {
		t.Errorf("asked at %v", at)
	}
	busy.Store(1 << 30)
	_, err := open(t, addr+"/app", Options{}).Tags(t.Context())
	var hinted *image.Error
	if !errors.As(err, &hinted) || !strings.Contains(hinted.Hint, "try again later") || !strings.Contains(err.Error(), addr+"/app") {
		t.Errorf("%v", err)
	}
}

// A blob that is gone again when the manifest comes is sent once more, and a
// registry that keeps on losing it is not asked without end.
func TestLostBlob(t *testing.T) {
	inner := handler()
	var losses, refused atomic.Int64
	lost := noise(100)
	addr := serve(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Method == http.MethodPut && strings.Contains(q.URL.Path, "/manifests/") {
			if losses.Add(-1) >= 0 {
				refused.Add(1)
				gone := httptest.NewRequest(http.MethodDelete, "/v2/app/blobs/"+digest.FromBytes(lost).String(), nil)
				inner.ServeHTTP(httptest.NewRecorder(), gone)
				w.WriteHeader(http.StatusBadRequest)
				_, _ = io.WriteString(w, `{"errors":[{"code":"DIGEST_INVALID"},{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown to registry"}]}`)
				return
			}
		}
		inner.ServeHTTP(w, q)
	}))
	r := open(t, addr+"/app", Options{})
	p := pack(t, "v1", subject("v2"), lost, annotations("v1"))
	losses.Store(2)
	if done := mustPush(t, r, p, "v1-v2"); done.Sent != 5 || refused.Load() != 2 {
		t.Errorf("%+v, %d refused", done, refused.Load())
	}
	if err := r.Fetch(t.Context(), p.Descriptor, t.TempDir(), FetchOptions{}); err != nil {
		t.Error(err)
	}
	losses.Store(1 << 30)
	refused.Store(0)
	if _, err := r.Push(t.Context(), p, "v1-v2", nil); err == nil || !strings.Contains(err.Error(), "blob unknown to registry") || refused.Load() != 1+blobTries {
		t.Errorf("%v after %d refusals", err, refused.Load())
	}
}

// Where no connection comes about, the message is about that, and not about what was
// to be asked first.
func TestUnreached(t *testing.T) {
	closed := httptest.NewServer(handler())
	closed.Close()
	addr := strings.TrimPrefix(closed.URL, "http://")
	p := pack(t, "v1", subject("v2"), noise(100), annotations("v1"))
	_, err := open(t, addr+"/app", Options{}).Push(t.Context(), p, "", nil)
	if !errors.Is(err, syscall.ECONNREFUSED) || !strings.HasPrefix(err.Error(), addr+"/app: the registry cannot be reached: dial") {
		t.Errorf("closed: %v", err)
	}
	// Neither TLS nor an answer in HTTP.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("hello, who is there?\n"))
			_, _ = io.Copy(io.Discard, c) // until the other side closes, which so has read it
			c.Close()
		}
	}()
	for name, at := range map[string]string{"HTTP": serve(t, handler()), "something else": l.Addr().String()} {
		r, err := Open(t.Context(), at+"/app", Options{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.Push(t.Context(), p, "", nil)
		if err == nil || strings.Contains(err.Error(), "blob") || !strings.Contains(err.Error(), "--plain-http") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Bytes that are not what the digest says are an error, not a package.
func TestCorruptBlob(t *testing.T) {
	inner := handler()
	addr := serve(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Method == http.MethodGet && strings.Contains(q.URL.Path, "/blobs/") {
			w = &flipper{w}
		}
		inner.ServeHTTP(w, q)
	}))
	r := open(t, addr+"/app", Options{Retries: 2})
	p := pack(t, "v1", subject("v2"), noise(50_000), annotations("v1"))
	mustPush(t, r, p, "")
	if err := r.Fetch(t.Context(), p.Descriptor, t.TempDir(), FetchOptions{}); !errors.Is(err, format.ErrCorrupt) {
		t.Errorf("%v", err)
	}
}

type flipper struct{ http.ResponseWriter }

func (f *flipper) Write(p []byte) (int, error) {
	bad := bytes.Clone(p)
	bad[0] ^= 1
	return f.ResponseWriter.Write(bad)
}

// What is damaged on its way, or was by a loss of power, is fetched once more, and
// not again and again.
func TestDamagedOnce(t *testing.T) {
	inner := handler()
	harm, asked := map[string]bool{}, 0
	addr := serve(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Method == http.MethodGet && (strings.Contains(q.URL.Path, "/blobs/") || strings.Contains(q.URL.Path, "/manifests/")) {
			asked++
			if !harm[q.URL.Path] {
				w = &flipper{w}
			}
			harm[q.URL.Path] = true
		}
		inner.ServeHTTP(w, q)
	}))
	r := open(t, addr+"/app", Options{Retries: 3, Concurrency: 1})
	p := pack(t, "v1", subject("v2"), noise(50_000), annotations("v1"))
	mustPush(t, r, p, "")
	dir := t.TempDir()
	fetch := func(want int) {
		t.Helper()
		asked = 0
		if err := r.Fetch(t.Context(), p.Descriptor, dir, FetchOptions{}); err != nil || asked != want {
			t.Errorf("%v after %d requests, want %d", err, asked, want)
		}
	}
	fetch(8) // a manifest and three blobs, twice
	layer := filepath.Join(dir, "blobs", "sha256", p.Config.Layers[0].Data.Encoded())
	if err := os.WriteFile(layer, make([]byte, 30_000), 0o600); err != nil {
		t.Fatal(err)
	}
	fetch(3) // the manifest, the rest of the layer, and all of it
}

// Lists that break off are asked for again.
func TestCutLists(t *testing.T) {
	inner := handler()
	cut := 0
	addr := serve(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if cut > 0 && q.Method == http.MethodGet {
			cut--
			w = &cutter{w, 20}
		}
		inner.ServeHTTP(w, q)
	}))
	r := open(t, addr+"/app", Options{Retries: 2})
	mustPush(t, r, pack(t, "v1", subject("v2"), []byte("x"), annotations("v1")), "a-long-name-of-a-tag")
	cut = 2
	if list := deltas(t, r, subject("v2")); len(list) != 1 || cut != 0 {
		t.Errorf("%v", list)
	}
	cut = 2
	if tags, err := r.Tags(t.Context()); err != nil || len(tags) != 1 || cut != 0 {
		t.Errorf("%v, %v", tags, err)
	}
	cut = 3
	if _, err := r.Tags(t.Context()); err == nil {
		t.Error("it goes on without end")
	}
}
