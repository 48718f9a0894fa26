package update

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/pkg/sysregistriesv2"

	"github.com/docker-delta/docker-delta/image"
)

// A base that is damaged spoils the delta and the layers that could be taken
// from it; the image comes from the registry then.
func TestDamagedBase(t *testing.T) {
	r := newRig(t)
	r.release(1, "v1")
	want := r.release(2, "v2")
	r.publish("v2", "v1")
	dir := filepath.Join(t.TempDir(), "v1")
	src, err := image.Open(t.Context(), "docker://"+r.name("v1"), r.options().Options)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	if _, err := image.Write(t.Context(), "oci:"+dir, src, image.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, l := range src.Layers() {
		path := filepath.Join(dir, "blobs", "sha256", l.Blob().Digest.Encoded())
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b[len(b)/2] ^= 1
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, res, warned := r.pull(t, "v2", 2, want, Options{Bases: []string{dir}})
	if res.Way != Full || len(warned) != 2 || !strings.Contains(warned[1], "fetching all") {
		t.Errorf("%s, %q", res.Way, warned)
	}
}

// A pull that dies goes on where it stopped, in another process.
func TestDownloads(t *testing.T) {
	r := newRig(t)
	r.release(1, "v1")
	want := r.release(2, "v2")
	r.publish("v2", "v1")
	found, err := List(t.Context(), r.name("v2"), "", true, r.options())
	if err != nil {
		t.Fatal(err)
	}
	blobs := blobsOf(t, r, found[0])
	var served []string
	stop := true
	r.wrap = func(w http.ResponseWriter, q *http.Request, next http.Handler) {
		if i := strings.LastIndexByte(q.URL.Path, '/'); q.Method == http.MethodGet && slices.Contains(blobs, q.URL.Path[i+1:]) {
			served = append(served, q.URL.Path[i+1:]+q.Header.Get("Range"))
			if stop && len(served) > 1 {
				w = &cutter{w, 100}
			}
		}
		next.ServeHTTP(w, q)
	}
	dir := filepath.Join(t.TempDir(), "downloads")
	opt := Options{Registry: r.options(), To: "oci:" + filepath.Join(t.TempDir(), "out"), Bases: []string{hold(t, 1)}, Downloads: dir, NoFallback: true}
	opt.Registry.Retries = 0
	plan, err := Find(t.Context(), r.name("v2"), opt)
	if err != nil {
		t.Fatal(err)
	}
	defer plan.Close()
	if _, err := plan.Run(t.Context()); err == nil {
		t.Fatal("a cut connection went unnoticed")
	}
	served, stop = nil, false
	_, res, _ := r.pull(t, "v2", 2, want, Options{Bases: opt.Bases, Downloads: dir, NoFallback: true})
	if res.Way != Deltas || len(served) != 1 || !strings.Contains(served[0], "bytes=100-") {
		t.Errorf("%s, served %q", res.Way, served)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left in the directory: %v, %v", left, err)
	}
}

// Fifty hosts on different versions go to the newest at once. Every third finds
// its delta broken.
func TestFleet(t *testing.T) {
	const hosts, versions = 50, 6
	r := newRig(t)
	var newest digest.Digest
	bases := make([]string, versions)
	for v := 1; v <= versions; v++ {
		tag := fmt.Sprint("v", v)
		newest = r.release(v, tag)
		bases[v-1] = hold(t, v)
		if v > 1 {
			r.publish(tag, fmt.Sprint("v", v-1))
		}
	}
	last := fmt.Sprint("v", versions)
	r.publish(last, "v1", "v2") // v3 and v4 need a chain
	var fetched, plain atomic.Int64
	var mu sync.Mutex
	ways := map[string]int{}
	hostsLeft := make(chan int, hosts)
	for i := range hosts {
		hostsLeft <- i
	}
	close(hostsLeft)
	amd64 := ocispec.Platform{OS: "linux", Architecture: "amd64"}
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for i := range hostsLeft {
				opt := Options{Registry: r.options(), To: "oci:" + filepath.Join(t.TempDir(), fmt.Sprint("host", i)), Bases: []string{bases[i%(versions-1)]}}
				opt.Registry.Platform = &amd64
				opt.Resources.Concurrency = 1
				plan, err := Find(t.Context(), r.name(last), opt)
				if err != nil {
					t.Error(err)
					continue
				}
				if i%3 == 2 { // what this host fetches is damaged
					plan.Steps[0].Manifest.Digest = digest.FromString("damaged")
				}
				res, err := plan.Run(t.Context())
				plan.Close()
				if err != nil || res.Manifest.Digest != newest || !res.Original {
					t.Errorf("host %d: %+v, %v", i, res, err)
					continue
				}
				fetched.Add(res.Fetched)
				plain.Add(plan.PlainPull())
				mu.Lock()
				ways[fmt.Sprintf("%s, %d planned", res.Way, len(plan.Steps))]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	t.Logf("%d hosts fetched %d bytes, where plain pulls take %d: %v", hosts, fetched.Load(), plain.Load(), ways)
	if ways["deltas, 1 planned"] == 0 || ways["deltas, 2 planned"] == 0 || ways["full, 1 planned"] == 0 {
		t.Errorf("not all ways were gone: %v", ways)
	}
	if fetched.Load() > plain.Load()*6/10 {
		t.Errorf("fetched %d bytes of %d", fetched.Load(), plain.Load())
	}
}

// A mirror that has the deltas serves them; one that has none, or is not there,
// is passed over.
func TestMirrors(t *testing.T) {
	origin, mirror := newRig(t), newRig(t)
	for _, r := range []*rig{origin, mirror} {
		r.release(1, "v1")
	}
	want := origin.release(2, "v2")
	mirror.release(2, "v2")
	origin.publish("v2", "v1")
	conf := filepath.Join(t.TempDir(), "registries.conf")
	text := fmt.Sprintf("[[registry]]\nlocation = %q\ninsecure = true\n", origin.addr)
	for _, m := range []string{"127.0.0.1:1", mirror.addr} {
		text += fmt.Sprintf("[[registry.mirror]]\nlocation = %q\ninsecure = true\n", m)
	}
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CONTAINERS_REGISTRIES_CONF", conf)
	sysregistriesv2.InvalidateCache()
	t.Cleanup(sysregistriesv2.InvalidateCache)
	bases := []string{hold(t, 1)}
	if _, res, warned := origin.pull(t, "v2", 2, want, Options{Bases: bases}); res.Way != Deltas {
		t.Errorf("%s, %q", res.Way, warned)
	}
	// Now the mirror has it, and the origin is gone.
	mirror.publish("v2", "v1")
	origin.wrap = func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }
	if _, res, warned := origin.pull(t, "v2", 2, want, Options{Bases: bases}); res.Way != Deltas {
		t.Errorf("%s, %q", res.Way, warned)
	}
}
