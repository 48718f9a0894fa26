package registry

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/internal/limit"
)

// answering serves one answer to each request, and counts them.
func answering(t *testing.T, answer func(w http.ResponseWriter, q *http.Request)) (r *Repository, requests *atomic.Int64) {
	requests = new(atomic.Int64)
	addr := serve(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		requests.Add(1)
		answer(w, q)
	}))
	return open(t, addr+"/app", Options{}), requests
}

func listed(n int, annotation string) string {
	item := fmt.Sprintf(`{"mediaType":%q,"artifactType":%q,"digest":%q,"size":%d,"annotations":{"x":%q}}`,
		ocispec.MediaTypeImageManifest, format.ArtifactType, digest.FromString("x"), format.MaxManifest, annotation)
	return `{"manifests":[` + strings.TrimSuffix(strings.Repeat(item+",", n), ",") + `]}`
}

// Lists are bounded by their pages, bytes, values and entries.
func TestHostileLists(t *testing.T) {
	next := func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Link", fmt.Sprintf("<%s?last=%s>; rel=\"next\"", q.URL.Path, strings.Repeat("x", len(q.URL.RawQuery)%100)))
	}
	for name, c := range map[string]struct {
		list string
		more bool // pages without end
		want string
		asks int64 // requests, at most
	}{
		"pages":      {`{"manifests":[]}`, true, "64 pages", maxPages + 1},
		"entries":    {listed(1000, ""), true, "over 4096 artifacts", 6},
		"bytes":      {listed(800, strings.Repeat("x", 4600)), true, "over 16777216 bytes", 6},
		"values":     {`{"manifests":[` + strings.Repeat("{},", limit.MaxJSONValues/2) + `{}]}`, false, "values", 2},
		"a big page": {listed(1, strings.Repeat("x", format.MaxManifest)), false, "over 4194304 bytes", 2},
	} {
		r, requests := answering(t, func(w http.ResponseWriter, q *http.Request) {
			w.Header().Set("Content-Type", ocispec.MediaTypeImageIndex)
			if c.more {
				next(w, q)
			}
			_, _ = io.WriteString(w, c.list)
		})
		if _, err := r.Deltas(t.Context(), diffID); err == nil || !strings.Contains(err.Error(), c.want) || requests.Load() > c.asks {
			t.Errorf("%s: %v after %d requests", name, err, requests.Load())
		}
	}
	r, requests := answering(t, func(w http.ResponseWriter, q *http.Request) {
		next(w, q)
		_, _ = io.WriteString(w, `{"tags":["`+strings.Repeat("a", 1<<20)+`"]}`)
	})
	if _, err := r.Tags(t.Context()); err == nil || !strings.Contains(err.Error(), "over 16777216 bytes") || requests.Load() > 20 {
		t.Errorf("tags: %v after %d requests", err, requests.Load())
	}
}

// Packages that say nothing in a list are looked at only up to so many bytes.
func TestHostileSilence(t *testing.T) {
	manifests := 0
	r, _ := answering(t, func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Content-Type", ocispec.MediaTypeImageIndex)
		if strings.Contains(q.URL.Path, "/manifests/") {
			manifests++
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = io.WriteString(w, listed(maxList, ""))
	})
	if list, err := r.Deltas(t.Context(), diffID); err != nil || len(list) != 0 || manifests == 0 || manifests > maxLooked/format.MaxManifest {
		t.Errorf("%v, %v, and %d manifests were asked for", list, err, manifests)
	}
}

// A manifest or a blob that is longer than it should be is not read to its end.
func TestHostileLengths(t *testing.T) {
	var sent atomic.Int64 // of the last answer; the handler may still be at it when the client has gone
	r, _ := answering(t, func(w http.ResponseWriter, q *http.Request) {
		sent.Store(0)
		for b := make([]byte, 64<<10); sent.Load() < 64<<20; sent.Add(int64(len(b))) {
			if _, err := w.Write(b); err != nil {
				return
			}
		}
	})
	desc := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString("x"), Size: 100}
	if _, err := r.manifest(t.Context(), desc); err == nil || sent.Load() > 32<<20 {
		t.Errorf("manifest: %v, %d bytes were sent", err, sent.Load())
	}
	path := filepath.Join(t.TempDir(), "blob")
	err := r.fetchBlob(t.Context(), desc, path, newTransfer(nil, []ocispec.Descriptor{desc}))
	if st, serr := os.Stat(path); err == nil || serr == nil && st.Size() > desc.Size {
		t.Errorf("blob: %v, a file of %v", err, st)
	}
}

// Redirections come to an end, and what they lead to gets no credentials.
func TestHostileRedirects(t *testing.T) {
	desc := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString("x"), Size: 100}
	r, requests := answering(t, func(w http.ResponseWriter, q *http.Request) {
		http.Redirect(w, q, q.URL.Path, http.StatusTemporaryRedirect)
	})
	if _, err := r.blob(t.Context(), desc, 0); err == nil || requests.Load() > 11 {
		t.Errorf("in a circle: %v after %d requests", err, requests.Load())
	}

	var elsewhere, secrets atomic.Int64
	_, port, _ := strings.Cut(serve(t, http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		elsewhere.Add(1)
		if q.Header.Get("Authorization") != "" {
			secrets.Add(1)
		}
	})), ":")
	loggedIn(t, func(w http.ResponseWriter, q *http.Request) {
		http.Redirect(w, q, "http://localhost:"+port+"/", http.StatusTemporaryRedirect)
	}, func(r *Repository) {
		for _, from := range []int64{0, 50} {
			if rc, err := r.blob(t.Context(), desc, from); err == nil {
				rc.Close()
			}
		}
	})
	if elsewhere.Load() == 0 || secrets.Load() != 0 {
		t.Errorf("another host was asked %d times, %d times with credentials", elsewhere.Load(), secrets.Load())
	}
}

// loggedIn serves answers to those who have a token, and opens a repository with
// what is needed to get one.
func loggedIn(t *testing.T, answer http.HandlerFunc, use func(*Repository)) {
	t.Helper()
	addr := tokens(t, answer)
	file := filepath.Join(t.TempDir(), "auth.json")
	if err := os.WriteFile(file, []byte(`{"auths":{"`+addr+`":{"auth":"dXNlcjpzZWNyZXQ="}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	var opt Options
	opt.Authfile = file
	use(open(t, addr+"/app", opt))
}

// A token that does not end is not taken, nor one that is none.
func TestHostileTokens(t *testing.T) {
	sent := 0
	var addr string
	addr = serve(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path != "/token" {
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="test"`, addr))
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, `{"token":"`)
		for b := []byte(strings.Repeat("a", 64<<10)); sent < 64<<20; sent += len(b) {
			if _, err := w.Write(b); err != nil {
				return
			}
		}
	}))
	r := open(t, addr+"/app", Options{})
	if _, err := r.Deltas(t.Context(), diffID); err == nil || errors.Is(err, format.ErrCorrupt) || sent > 32<<20 {
		t.Errorf("%v, %d bytes of a token were sent", err, sent)
	}
}
