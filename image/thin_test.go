package image

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
)

// pretender is a daemon that says it has layers, and does not take archives
// without them.
type pretender struct {
	mu       sync.Mutex
	base     *fakeImage
	archives [][]byte
	loaded   string // the image ID it has after a whole archive
	wrongID  bool
}

func (p *pretender) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w.Header().Set("Api-Version", "1.41")
	w.Header().Set("Docker-Experimental", "false")
	answer := func(v any) { _ = json.NewEncoder(w).Encode(v) }
	baseID := digest.FromBytes(p.base.config).String()
	switch path := strings.TrimPrefix(q.URL.Path, "/v1.41"); {
	case path == "/_ping":
	case path == "/info":
		answer(map[string]string{"ServerVersion": "0"})
	case path == "/images/json":
		answer([]map[string]string{{"Id": baseID}})
	case path == "/images/"+baseID+"/json":
		var ids []string
		for _, l := range p.base.layers {
			ids = append(ids, l.DiffID().String())
		}
		answer(map[string]any{"Id": baseID, "RootFS": map[string]any{"Layers": ids}})
	case path == "/images/load":
		b, err := io.ReadAll(q.Body)
		if err != nil {
			return
		}
		p.archives = append(p.archives, b)
		if len(p.archives) == 1 {
			answer(map[string]string{"error": "open layer: no such file or directory"})
			return
		}
		answer(map[string]string{"stream": "Loaded image ID: " + p.loaded})
	case p.loaded != "" && len(p.archives) > 1 && path == "/images/"+p.loaded+"/json" && !p.wrongID:
		answer(map[string]any{"Id": p.loaded})
	default:
		http.NotFound(w, q)
	}
}

// TestThinFallsBack sends all layers when the daemon does not take fewer.
func TestThinFallsBack(t *testing.T) {
	src := fixture{seed: 180, layers: 3}.build(t)
	p := &pretender{base: fixture{seed: 180, layers: 2}.build(t), loaded: digest.FromBytes(src.config).String()}
	srv := httptest.NewServer(p)
	defer srv.Close()
	opt := WriteOptions{Thin: true, Options: Options{DockerHost: srv.URL, Debugf: t.Logf}}
	res, err := Load(t.Context(), src, opt)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.archives) != 2 || len(p.archives[0]) >= len(p.archives[1]) || res.Skipped != 0 {
		t.Errorf("%d archives, %+v", len(p.archives), res)
	}
	same(t, src, mustOpen(t, put(t, "x", p.archives[1]), Options{}), false)
	// A thin archive is no image for anybody else, and says so.
	wantError(t, "thin archive", readAll(put(t, "thin.tar", p.archives[0]), Options{}), ErrNotFound, "layer 1 of 3", "serves only a daemon that has them")
}

// TestLoadIsChecked does not believe a daemon that says it loaded something.
func TestLoadIsChecked(t *testing.T) {
	src := fixture{seed: 181}.build(t)
	p := &pretender{base: fixture{seed: 182}.build(t), wrongID: true, archives: [][]byte{nil}}
	srv := httptest.NewServer(p)
	defer srv.Close()
	res, err := Load(context.Background(), src, WriteOptions{Names: []string{"app:v1"}, Options: Options{DockerHost: srv.URL}})
	if !errors.Is(err, errLoad) || !strings.Contains(err.Error(), "has no image "+digest.FromBytes(src.config).String()) {
		t.Errorf("%+v %v", res, err)
	}
}
