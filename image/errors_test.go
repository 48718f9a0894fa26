package image

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// readAll opens an image and reads all its layers; it gives the first error.
func readAll(ref string, opt Options) error {
	img, err := Open(context.Background(), ref, opt)
	if err != nil {
		return err
	}
	defer img.Close()
	for _, l := range img.Layers() {
		rc, err := l.Plain(context.Background())
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, rc)
		if err := firstError(err, rc.Close()); err != nil {
			return err
		}
	}
	return nil
}

func wantError(t *testing.T, what string, err error, is error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error", what)
		return
	}
	if is != nil && !errors.Is(err, is) {
		t.Errorf("%s: %v is not %v", what, err, is)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("%s: %q is not in: %v", what, p, err)
		}
	}
}

func TestNotAnImage(t *testing.T) {
	rootfs := tarOf(t, map[string][]byte{"bin/sh": {1}, "etc/passwd": {2}})
	for what, c := range map[string]struct {
		content []byte
		parts   []string
	}{
		"empty":          {nil, []string{"an empty file", "expected a tar archive"}},
		"program":        {[]byte("\x7fELF\x02\x01\x01\x00\x00\x00"), []string{"an executable program"}},
		"zip":            {[]byte("PK\x03\x04\x14\x00\x00\x00\x00\x00"), []string{"a zip archive"}},
		"text":           {[]byte("hello, world\n"), []string{"text (13 bytes"}},
		"binary":         {[]byte{1, 2, 3, 4, 5}, []string{"binary data (5 bytes"}},
		"root tar":       {rootfs, []string{"no index.json or manifest.json", "bin/sh", "docker save"}},
		"root tar.gz":    {pack(t, "gzip", rootfs), []string{"no index.json or manifest.json"}},
		"text.gz":        {pack(t, "gzip", []byte("hello, world\n")), []string{"text (13 bytes"}},
		"other JSON":     {[]byte(`{"name":"package"}`), []string{"other JSON"}},
		"wrong JSON":     {[]byte(`{"manifests":`), []string{"wrong JSON"}},
		"wrong type":     {[]byte(`{"manifests":{}}`), []string{"an index: "}},
		"array":          {[]byte(`[1,2]`), []string{"wrong JSON"}},
		"array of other": {[]byte(`[{"a":1}]`), []string{"docker's manifest.json"}},
		"empty array":    {[]byte(`[]`), []string{"lists no image"}},
		"empty index":    {[]byte(`{"manifests":[]}`), []string{"names no image"}},
		"both":           {[]byte(`{"manifests":[],"layers":[]}`), []string{"both manifests and layers"}},
		"schema 1":       {[]byte(`{"schemaVersion":1,"fsLayers":[]}`), []string{"schema 1"}},
		"index in tar":   {files{"index.json": []byte(`{"a":`)}.tar(t), []string{"index.json in", "wrong JSON"}},
		"other in tar":   {files{"manifest.json": []byte(`{"a":1}`)}.tar(t), []string{"is other JSON", "expected"}},
		"before 1.10":    {files{"repositories": []byte("{}"), "ab/layer.tar": nil}.tar(t), []string{"older than 1.10"}},
		"artifact": {[]byte(`{"schemaVersion":2,"artifactType":"application/vnd.example.sbom","config":{"digest":"sha256:` + strings.Repeat("0", 64) + `","size":2},"layers":[]}`),
			[]string{"artifact of type", "vnd.example.sbom"}},
	} {
		err := readAll(put(t, "image.tar", c.content), Options{})
		is := ErrNotImage
		if strings.Contains(what, "wrong") || what == "array" || what == "index in tar" {
			is = nil
		}
		wantError(t, what, err, is, append(c.parts, "image.tar")...)
	}
	wantError(t, "directory", readAll(t.TempDir(), Options{}), ErrNotImage, "found nothing")
	t.Chdir(files{"redis/x": nil}.dir(t, t.TempDir()))
	wantError(t, "directory with the name of an image", readAll("redis", Options{}), ErrNotImage, "docker-daemon:redis")
}

func TestAbsentParts(t *testing.T) {
	want, trees, _ := formats(t)
	desc := want.layers[1].Blob()

	f := trees["old docker"]
	name := parseOrPanic(f["manifest.json"]).docker[0].Layers[1]
	delete(f, name)
	file := put(t, "save.tar", f.tar(t))
	wantError(t, "docker layer", readAll(file, Options{}), ErrNotFound, "save.tar lacks layer 2 of 3", name, "save the image again")
	img := mustOpen(t, file, Options{AllowMissing: true}) // the others can be read
	for i, l := range img.Layers() {
		_, err := l.Plain(t.Context())
		if (err != nil) != (i == 1) {
			t.Errorf("layer %d: %v", i, err)
		}
	}

	f = trees["oci"]
	delete(f, blobPath(desc.Digest))
	wantError(t, "oci layer", readAll(put(t, "oci.tar", f.tar(t)), Options{}), ErrNotFound, "oci.tar lacks layer 2 of 3", desc.Digest.String())
	wantError(t, "oci layer in a directory", readAll(f.dir(t, t.TempDir()), Options{}), ErrNotFound, "layer 2 of 3")

	f = trees["dir"]
	delete(f, want.configHex())
	wantError(t, "config", readAll(put(t, "x.tar", f.tar(t)), Options{}), ErrNotFound, "lacks the image config")

	// What docker save leaves behind with moby#49473: the index is there, the
	// manifest of this platform is not.
	f = trees["nested index"]
	delete(f, blobPath(want.descriptor().Digest))
	wantError(t, "manifest", readAll(put(t, "x.tar", f.tar(t)), Options{}), ErrNotFound, "lacks the manifest for "+FormatPlatform(host()), "docker pull")
}

func TestCorrupt(t *testing.T) {
	want, trees, _ := formats(t)
	flip := func(b []byte, at int) []byte {
		b = bytes.Clone(b)
		b[at] ^= 1
		return b
	}
	corrupt := func(what string, f files, name string, at int, parts ...string) {
		t.Helper()
		f[name] = flip(f[name], at)
		err := readAll(put(t, "x.tar", f.tar(t)), Options{})
		wantError(t, what, err, nil, parts...)
	}
	de := (*DigestError)(nil)
	f := trees["old docker"]
	e := parseOrPanic(f["manifest.json"]).docker[0]
	corrupt("plain layer", f, e.Layers[1], 700, "layer 2 of 3 is corrupt", want.layers[1].DiffID().String())
	if err := readAll(put(t, "x.tar", f.tar(t)), Options{}); !errors.As(err, &de) {
		t.Errorf("%v", err)
	}
	corrupt("config of docker", f, e.Config, 5, "the image config is corrupt")
	f = trees["oci"]
	corrupt("manifest", f, blobPath(want.descriptor().Digest), 3, "the manifest is corrupt")
	f = trees["index in an index"]
	corrupt("config", f, blobPath(digest.FromBytes(want.config)), 5, "the image config is corrupt")
	f = trees["dir"]
	corrupt("gzip layer", f, want.layers[0].Blob().Digest.Encoded(), 100, "layer 1 of 3")
	// A blob of another size is known at once.
	name := want.layers[2].Blob().Digest.Encoded()
	f[name] = f[name][:len(f[name])-1]
	wantError(t, "short blob", readAll(put(t, "x.tar", f.tar(t)), Options{}), nil, "layer 3 of 3 is truncated")
	f[name] = append(f[name], 0, 0)
	wantError(t, "long blob", readAll(put(t, "x.tar", f.tar(t)), Options{}), nil, "layer 3 of 3 is longer")
}

// TestTruncated cuts archives everywhere: opening and reading must fail or give
// the whole image, and the error must say that something is missing.
func TestTruncated(t *testing.T) {
	want, trees, _ := formats(t)
	for _, name := range []string{"old docker", "nested index", "docker 25", "dir"} {
		raw := trees[name].tar(t)
		for _, packing := range []string{"", "gzip", "zstd"} {
			b := raw
			if packing != "" {
				b = pack(t, packing, raw)
			}
			for i := range 64 {
				cut := b[:len(b)*i/64]
				path := put(t, "x", cut)
				err := readAll(path, Options{})
				if err == nil {
					same(t, want, mustOpen(t, path, Options{}), false)
				} else if s := err.Error(); !strings.Contains(s, "truncated") && !strings.Contains(s, "lacks") && !strings.Contains(s, "no index.json") && !strings.Contains(s, "empty") && !strings.Contains(s, "not an image") {
					t.Errorf("%s %s cut at %d of %d: %v", name, packing, len(cut), len(b), err)
				}
			}
		}
	}
}

func TestHostileDocuments(t *testing.T) {
	zero := "sha256:" + strings.Repeat("0", 64)
	layers := func(n int, digest string) string {
		one := `{"digest":"` + digest + `","size":1}`
		return `{"config":` + one + `,"layers":[` + strings.TrimSuffix(strings.Repeat(one+",", n), ",") + `]}`
	}
	for what, doc := range map[string]string{
		"path as a digest":  layers(1, "sha256:../../../../etc/passwd"),
		"short digest":      layers(1, "sha256:00"),
		"no algorithm":      layers(1, strings.Repeat("0", 64)),
		"unknown algorithm": layers(1, "md5:"+strings.Repeat("0", 32)),
		"negative size":     `{"config":{"digest":"` + zero + `","size":-1},"layers":[]}`,
		"too many layers":   layers(maxLayers+1, zero),
		"too many images":   `[` + strings.TrimSuffix(strings.Repeat(`{"Config":"a"},`, maxManifests+1), ",") + `]`,
		"too many names":    `[{"Config":"a","RepoTags":[` + strings.TrimSuffix(strings.Repeat(`"a:b",`, maxNames+1), ",") + `]}]`,
		"deep JSON":         strings.Repeat(`{"manifests":[`, 20000),
		"index of nothing":  `{"manifests":[{"digest":"","size":1}]}`,
	} {
		if _, err := parseDocument([]byte(doc)); err == nil {
			t.Errorf("%s is accepted", what)
		}
	}
	for what, doc := range map[string]string{
		"images": `[` + strings.TrimSuffix(strings.Repeat(`{"Config":"a","RepoTags":["a:b"]},`, maxNames), ",") + `]`,
		"layers": layers(maxLayers, zero),
	} {
		if _, err := parseDocument([]byte(doc)); err != nil {
			t.Errorf("as many %s as may be: %v", what, err)
		}
	}
	big := put(t, "x", append([]byte(`{"layers":[],"a":"`), make([]byte, maxJSON)...))
	wantError(t, "large JSON", readAll(big, Options{}), ErrNotImage, "limit")
	img := fixture{seed: 40, compress: "gzip"}.build(t)
	f := files{}
	d := f.addImage(img)
	for range maxDepth + 2 {
		d = f.addIndex(t, d)
	}
	ociFiles(t, f, d)
	wantError(t, "deep index", readAll(put(t, "x", f.tar(t)), Options{}), nil, "nested more than")

	// The config lists other layers than the manifest.
	img.config = bytes.Replace(img.config, []byte(`"diff_ids":[`), []byte(`"diff_ids":["`+zero+`",`), 1)
	m := parseOrPanic(img.manifest).manifest
	m.Config = ocispec.Descriptor{Digest: digest.FromBytes(img.config), Size: int64(len(img.config))}
	img.manifest = mustJSON(t, m)
	f = files{}
	ociFiles(t, f, f.addImage(img))
	wantError(t, "other number of layers", readAll(put(t, "x", f.tar(t)), Options{}), ErrNotImage, "the config lists 4 layers")

	// Names in docker's manifest.json that leave the archive find nothing.
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, img.config, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"../secret", secret, "a/../../secret"} {
		f := files{"manifest.json": mustJSON(t, []dockerEntry{{Config: name}})}
		wantError(t, name, readAll(f.dir(t, filepath.Join(dir, "layout"+digest.FromString(name).Encoded()[:5])), Options{}), ErrNotFound, "lacks the image config")
		f["link"] = []byte("-> " + name)
		f["manifest.json"] = mustJSON(t, []dockerEntry{{Config: "link"}})
		wantError(t, name, readAll(put(t, "x.tar", f.tar(t)), Options{}), ErrNotFound, "lacks the image config")
	}
	loop := files{"a": []byte("-> b"), "b": []byte("-> a"), "manifest.json": mustJSON(t, []dockerEntry{{Config: "a"}})}
	wantError(t, "links in a circle", readAll(put(t, "x.tar", loop.tar(t)), Options{}), ErrNotFound)
}

func TestUnreadable(t *testing.T) {
	wantError(t, "absent", readAll("docker-archive:/absent/x.tar", Options{}), ErrNotFound, "docker-archive:/absent/x.tar: no such file or directory; check the name")
	// A directory where a file should be, which also root cannot read as one.
	f := oldDockerFiles(t, nil, fixture{seed: 50}.build(t))
	name := parseOrPanic(f["manifest.json"]).docker[0].Layers[0]
	delete(f, name)
	f[name+"/x"] = nil
	wantError(t, "directory as a layer", readAll(f.dir(t, t.TempDir()), Options{}), nil, "not a regular file")
	if runtime.GOOS == "windows" || os.Geteuid() == 0 {
		t.Log("as root every file can be read: not tried")
		return
	}
	path := put(t, "x", []byte("{}"))
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	wantError(t, "no permission", readAll(path, Options{}), os.ErrPermission)
}

func TestOpenCancelled(t *testing.T) {
	_, trees, _ := formats(t)
	ctx, cancel := context.WithCancel(t.Context())
	img := mustOpen(t, put(t, "x", trees["oci"].tar(t)), Options{})
	rc, err := img.Layers()[0].Plain(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	if _, err := rc.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := io.ReadAll(rc); !errors.Is(err, context.Canceled) {
		t.Errorf("reading: %v", err)
	}
	if _, err := img.Layers()[1].Plain(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("opening a layer: %v", err)
	}
	tmp := t.TempDir()
	if _, err := Open(ctx, put(t, "x", pack(t, "gzip", trees["oci"].tar(t))), Options{TempDir: tmp}); !errors.Is(err, context.Canceled) {
		t.Errorf("decompressing: %v", err)
	}
	isEmpty(t, tmp)
}

func isEmpty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		t.Errorf("left behind: %s", filepath.Join(dir, e.Name()))
	}
}
