package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/identity"
)

// localDaemon is a daemon at a socket of this host, with a classic store whose
// files are those of docker, and an export.
type localDaemon struct {
	img     *fakeImage
	root    string
	archive []byte // what it exports; nil once the image is removed
	exports int
}

func (d *localDaemon) id() digest.Digest { return digest.FromBytes(d.img.config) }

func (d *localDaemon) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	w.Header().Set("Api-Version", "1.41")
	w.Header().Set("Docker-Experimental", "false")
	answer := func(v any) { _ = json.NewEncoder(w).Encode(v) }
	switch path := strings.TrimPrefix(q.URL.Path, "/v1.41"); {
	case path == "/_ping":
	case path == "/info":
		answer(map[string]string{"ServerVersion": "0", "DockerRootDir": d.root, "Driver": "overlay2"})
	case path == "/images/app:v1/json" || path == "/images/"+d.id().String()+"/json":
		if d.archive == nil {
			http.NotFound(w, q)
			return
		}
		var ids []string
		for _, l := range d.img.layers {
			ids = append(ids, l.DiffID().String())
		}
		answer(map[string]any{"Id": d.id(), "RootFS": map[string]any{"Layers": ids}})
	case path == "/images/get":
		d.exports++
		_, _ = w.Write(d.archive)
	default:
		http.NotFound(w, q)
	}
}

// startLocal lays out the store and serves the socket.
func startLocal(t *testing.T, img *fakeImage) (*localDaemon, Options) {
	t.Helper()
	dir, err := os.MkdirTemp("", "dd") // short: it names a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	d := &localDaemon{img: img, root: filepath.Join(dir, "root")}
	archive := filepath.Join(dir, "export.tar")
	mustWrite(t, archive, img, WriteOptions{})
	if d.archive, err = os.ReadFile(archive); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(d.root, "image/overlay2/imagedb/content/sha256", d.id().Encoded()), img.config)
	var ids []digest.Digest
	for _, l := range img.layers {
		ids = append(ids, l.DiffID())
	}
	for i, chain := range identity.ChainIDs(append([]digest.Digest(nil), ids...)) {
		at := filepath.Join(d.root, "image/overlay2/layerdb/sha256", chain.Encoded())
		writeFile(t, filepath.Join(at, "diff"), []byte(ids[i]))
		writeFile(t, filepath.Join(at, "cache-id"), []byte(ids[i].Encoded()))
		split(t, img.layers[i].(*fakeLayer).tar, filepath.Join(at, "tar-split.json.gz"), filepath.Join(d.root, "overlay2", ids[i].Encoded(), "diff"))
	}
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: d}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { srv.Close() })
	return d, Options{DockerHost: "unix://" + l.Addr().String(), TempDir: t.TempDir(), Debugf: t.Logf}
}

func writeFile(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// split extracts the files of a tar and records the rest as docker does.
func split(t testing.TB, layer []byte, record, files string) {
	t.Helper()
	var out bytes.Buffer
	gz := gzip.NewWriter(&out)
	enc := json.NewEncoder(gz)
	put := func(v map[string]any) {
		if err := enc.Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	src := bytes.NewReader(layer)
	tr, at := tar.NewReader(src), 0
	for {
		h, err := tr.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		begin := len(layer) - src.Len()
		put(map[string]any{"type": 2, "payload": layer[at:begin], "position": 0})
		b, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(files, h.Name), b)
		put(map[string]any{"type": 1, "name": h.Name, "size": len(b), "payload": []byte("checksum"), "position": 1})
		at = begin + len(b)
	}
	put(map[string]any{"type": 2, "payload": layer[at:], "position": 2})
	if err := gz.Close(); err != nil {
		t.Fatal(err)
	}
	writeFile(t, record, out.Bytes())
}

func TestReadClassicStore(t *testing.T) {
	src := fixture{seed: 700, layers: 3}.build(t)
	d, opt := startLocal(t, src)
	opt.ReadStore = ReadStoreAlways
	img := mustOpen(t, "app:v1", opt)
	same(t, src, img, false)
	for i, l := range img.Layers() {
		if want := src.layers[i].(*fakeLayer).size; l.Size() != want {
			t.Errorf("layer %d has size %d, want %d", i, l.Size(), want)
		}
	}
	if d.exports != 0 {
		t.Errorf("%d exports", d.exports)
	}
	opt.ReadStore = ReadStoreNever
	same(t, src, mustOpen(t, "app:v1", opt), false)
	if d.exports != 1 {
		t.Errorf("%d exports where files are not to be read, want 1", d.exports)
	}
}

// file is the place of the only file of a layer.
func (d *localDaemon) file(i int) string {
	l := d.img.layers[i].(*fakeLayer)
	h, err := tar.NewReader(bytes.NewReader(l.tar)).Next()
	if err != nil {
		panic(err)
	}
	return filepath.Join(d.root, "overlay2", l.DiffID().Encoded(), "diff", h.Name)
}

// TestReadStoreFallsBack damages the files before and while they are read.
func TestReadStoreFallsBack(t *testing.T) {
	const big = 300000
	for name, c := range map[string]struct {
		before, during func(t *testing.T, d *localDaemon)
		always         string // the error where the files have to be read
	}{
		"no record": {
			before: func(t *testing.T, d *localDaemon) {
				if err := os.RemoveAll(filepath.Join(d.root, "image/overlay2/layerdb")); err != nil {
					t.Fatal(err)
				}
			}, always: "no such file"},
		"another layer": {
			before: func(t *testing.T, d *localDaemon) {
				dirs, _ := filepath.Glob(filepath.Join(d.root, "image/overlay2/layerdb/sha256/*/diff"))
				for _, f := range dirs {
					writeFile(t, f, []byte(digest.FromString("other")))
				}
			}, always: "in the place of"},
		"another config": {
			before: func(t *testing.T, d *localDaemon) {
				writeFile(t, filepath.Join(d.root, "image/overlay2/imagedb/content/sha256", d.id().Encoded()), []byte("{}"))
			}, always: "the image config is corrupt"},
		"a file is gone": {
			before: func(t *testing.T, d *localDaemon) { os.Remove(d.file(1)) }, always: "no such file"},
		"a link leads out": {
			before: func(t *testing.T, d *localDaemon) {
				f := d.file(1)
				b, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				writeFile(t, filepath.Join(d.root, "outside"), b)
				os.Remove(f)
				if err := os.Symlink(filepath.Join(d.root, "outside"), f); err != nil {
					t.Fatal(err)
				}
			}, always: "escapes"},
		"a file ends early": {
			before: func(t *testing.T, d *localDaemon) { _ = os.Truncate(d.file(1), big/2) }, always: "unexpected EOF"},
		"a file is cut while it is read": {
			during: func(t *testing.T, d *localDaemon) { _ = os.Truncate(d.file(1), 100000) }, always: "unexpected EOF"},
		"the record is cut": {
			before: func(t *testing.T, d *localDaemon) {
				files, _ := filepath.Glob(filepath.Join(d.root, "image/overlay2/layerdb/sha256/*/tar-split.json.gz"))
				for _, f := range files {
					_ = os.Truncate(f, 40)
				}
			}, always: "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, mode := range []ReadStore{ReadStoreAuto, ReadStoreAlways} {
				src := fixture{seed: 710, layers: 3, size: big}.build(t)
				d, opt := startLocal(t, src)
				opt.ReadStore = mode
				if c.before != nil {
					c.before(t, d)
				}
				err := func() error {
					img, err := Open(t.Context(), "app:v1", opt)
					if err != nil {
						return err
					}
					defer img.Close()
					for i, l := range img.Layers() {
						rc, err := l.Plain(t.Context())
						if err != nil {
							return err
						}
						defer rc.Close()
						var head [10000]byte
						if _, err := io.ReadFull(rc, head[:]); err != nil {
							return err
						}
						if i == 1 && c.during != nil {
							c.during(t, d)
						}
						rest, err := io.ReadAll(rc)
						if err != nil {
							return err
						}
						if !bytes.Equal(append(head[:], rest...), src.layers[i].(*fakeLayer).tar) {
							t.Errorf("layer %d differs", i)
						}
					}
					return nil
				}()
				if mode == ReadStoreAlways {
					if err == nil || !strings.Contains(err.Error(), c.always) || d.exports != 0 {
						t.Errorf("error %v after %d exports, want %q", err, d.exports, c.always)
					}
				} else if err != nil || d.exports != 1 {
					t.Errorf("%v after %d exports", err, d.exports)
				}
			}
		})
	}
}

// TestReadStoreOfRemovedImage says that the image is gone.
func TestReadStoreOfRemovedImage(t *testing.T) {
	src := fixture{seed: 720}.build(t)
	d, opt := startLocal(t, src)
	img := mustOpen(t, "app:v1", opt)
	if err := os.RemoveAll(d.root); err != nil {
		t.Fatal(err)
	}
	d.archive = nil
	_, err := img.Layers()[0].Plain(t.Context())
	wantError(t, "removed", err, ErrNotFound, "has no image", "files of the daemon's store")
}

// TestReadStoreOfRealDaemons compares the files with the export, and then takes
// the image away.
func TestReadStoreOfRealDaemons(t *testing.T) {
	if os.Geteuid() != 0 {
		need(t, "the files of docker daemons are root's")
	}
	eachDaemon(t, func(t *testing.T, d testDaemon) {
		for _, compress := range []string{"", "gzip", "zstd"} {
			name := "docker-delta-test/readstore:" + compress + "v1"
			d.cleanup(t, name)
			src := fixture{seed: 730, compress: compress, layers: 3, size: 200000}.build(t)
			opt := Options{DockerHost: d.host, Debugf: t.Logf}
			mustWrite(t, "docker-daemon:"+name, src, WriteOptions{Options: opt})
			exact := d.containerd && compress != ""
			opt.ReadStore = ReadStoreNever
			exported := mustOpen(t, name, opt)
			same(t, src, exported, exact)
			opt.ReadStore = ReadStoreAlways
			img := mustOpen(t, name, opt)
			same(t, src, img, exact)
			for i, l := range img.Layers() {
				if n := l.Size(); n >= 0 && n != exported.Layers()[i].Size() {
					t.Errorf("layer %d has size %d, want %d", i, n, exported.Layers()[i].Size())
				}
			}
			if out, err := d.docker(t, "rmi", "-f", name); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if _, err := Open(t.Context(), name, opt); !errors.Is(err, ErrNotFound) {
				t.Errorf("a removed image: %v", err)
			}
		}
	})
}
