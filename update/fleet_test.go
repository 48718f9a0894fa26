package update

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

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
	opt.Registry.Concurrency = 1 // what came before the cut is whole
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

// sentBytes counts what a registry sends, and how often it is asked.
type sentBytes struct {
	bytes, requests atomic.Int64
}

func (c *sentBytes) wrap(w http.ResponseWriter, q *http.Request, next http.Handler) {
	c.requests.Add(1)
	next.ServeHTTP(&countedWriter{w, &c.bytes}, q)
}

type countedWriter struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (c *countedWriter) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.n.Add(int64(n))
	return n, err
}

// Hosts on different versions, one in twelve on an image of its own, go to the
// newest all at once. Every sixth finds its delta broken. All end on the registry's
// digest, no host asks without end, and what they say they fetched is what
// the registry sent.
func TestFleet(t *testing.T) {
	const versions, mostRequests = 6, 40
	hosts := 200
	if testing.Short() {
		hosts = 48
	}
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
	bases[versions-1] = hold(t, 100)
	last := fmt.Sprint("v", versions)
	r.publish(last, "v1", "v2") // v3 and v4 need a chain
	sent := new(sentBytes)
	r.wrap = sent.wrap
	var fetched, plain atomic.Int64
	var mu sync.Mutex
	ways := map[string]int{}
	amd64 := ocispec.Platform{OS: "linux", Architecture: "amd64"}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute) // for what hangs
	defer cancel()
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range hosts {
		base := bases[i%(versions-1)]
		if i%12 == 0 {
			base = bases[versions-1]
		}
		opt := Options{Registry: r.options(), To: "oci:" + filepath.Join(t.TempDir(), "image"), Bases: []string{base}}
		opt.Registry.Platform = &amd64
		opt.Resources.Concurrency = 1
		wg.Go(func() {
			<-start
			plan, err := Find(ctx, r.name(last), opt)
			if err != nil {
				t.Error(err)
				return
			}
			defer plan.Close()
			if i%6 == 5 { // what this host fetches is damaged
				plan.Steps[0].Manifest.Digest = digest.FromString("damaged")
			}
			res, err := plan.Run(ctx)
			if err != nil || res.Manifest.Digest != newest || !res.Original {
				t.Errorf("host %d: %+v, %v", i, res, err)
				return
			}
			fetched.Add(res.Fetched)
			plain.Add(plan.PlainPull())
			mu.Lock()
			ways[fmt.Sprintf("%s, %d planned", res.Way, len(plan.Steps))]++
			mu.Unlock()
		})
	}
	close(start)
	wg.Wait()
	t.Logf("%d hosts fetched %d bytes in %d requests, where plain pulls take %d: %v", hosts, fetched.Load(), sent.requests.Load(), plain.Load(), ways)
	for way, want := range map[string]int{"full, 0 planned": hosts / 12, "full, 1 planned": 1, "deltas, 1 planned": 1, "deltas, 2 planned": 1} {
		if ways[way] < want {
			t.Errorf("%d hosts went the way %q, want %d: %v", ways[way], way, want, ways)
		}
	}
	if fetched.Load() > plain.Load()*6/10 {
		t.Errorf("fetched %d bytes of %d", fetched.Load(), plain.Load())
	}
	if n := sent.requests.Load(); n > int64(hosts*mostRequests) {
		t.Errorf("%d requests of %d hosts, more than %d each", n, hosts, mostRequests)
	}
	// Bodies of errors and of probes are sent and not reported.
	if got, said := sent.bytes.Load(), fetched.Load(); got < said || got > said+said/20 {
		t.Errorf("the registry sent %d bytes, the hosts report %d", got, said)
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
