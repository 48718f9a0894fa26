package cli

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/docker-delta/docker-delta/internal/testrig"
	"github.com/docker-delta/docker-delta/recipe/golden"
)

// producedImage is what the producers compress: a layer that both versions
// have, longer than a block of pgzip, and one that changes.
func producedImage(version int) testrig.Image {
	text := golden.Text(uint64(version), 20_000)
	return testrig.Image{Name: "docker.io/library/produced:v1", Cmd: []string{"/bin/app"}, Layers: [][]byte{
		testrig.Layer(testrig.File{Name: "lib/system", Data: golden.Tar(3, 1_200_000)}),
		testrig.Layer(
			testrig.File{Name: "bin/app", Mode: 0o755, Data: append(text, golden.ELF(4, 200_000)...)},
			testrig.File{Name: "share/words", Data: golden.Text(5, 90_000)},
		),
	}}
}

// writeLayout writes an image as an OCI layout whose layers compress packs, and
// gives the reference.
func writeLayout(t *testing.T, im testrig.Image, mediaType string, compress func(t *testing.T, plain []byte) []byte) string {
	t.Helper()
	dir := t.TempDir()
	blobs := filepath.Join(dir, "blobs", "sha256")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(path string, b []byte) {
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	add := func(mediaType string, b []byte) map[string]any {
		d := testrig.Digest(b)
		write(filepath.Join(blobs, strings.TrimPrefix(d, "sha256:")), b)
		return map[string]any{"mediaType": mediaType, "digest": d, "size": len(b)}
	}
	addJSON := func(mediaType string, v any) map[string]any {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return add(mediaType, b)
	}
	var layers []any
	for _, plain := range im.Layers {
		layers = append(layers, add(mediaType, compress(t, plain)))
	}
	manifest := addJSON("application/vnd.oci.image.manifest.v1+json", map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
		"config": add("application/vnd.oci.image.config.v1+json", im.Config()), "layers": layers,
	})
	manifest["annotations"] = map[string]string{"org.opencontainers.image.ref.name": "v2"}
	index, err := json.Marshal(map[string]any{"schemaVersion": 2, "manifests": []any{manifest}})
	if err != nil {
		t.Fatal(err)
	}
	write(filepath.Join(dir, "index.json"), index)
	write(filepath.Join(dir, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`))
	return "oci:" + dir + ":v2"
}

const (
	gzipLayer = "application/vnd.oci.image.layer.v1.tar+gzip"
	zstdLayer = "application/vnd.oci.image.layer.v1.tar+zstd"
)

// through is a producer that compresses layers by a program from its standard
// input to its standard output.
func through(mediaType, name string, args ...string) func(t *testing.T) string {
	return func(t *testing.T) string {
		return writeLayout(t, producedImage(2), mediaType, func(t *testing.T, plain []byte) []byte {
			cmd := exec.Command(testrig.Program(t, name), args...)
			cmd.Stdin = bytes.NewReader(plain)
			cmd.Stderr = os.Stderr
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%s %v: %v", name, args, err)
			}
			return out
		})
	}
}

// byGo is a producer that compresses by code.
func byGo(mediaType string, compress func(t *testing.T, plain []byte) []byte) func(t *testing.T) string {
	return func(t *testing.T) string { return writeLayout(t, producedImage(2), mediaType, compress) }
}

func goGzip(t *testing.T, plain []byte, level int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// members cuts a layer as eStargz does: each header and each content is a gzip
// member of its own.
func members(t *testing.T, plain []byte) []byte {
	t.Helper()
	var cuts []int64
	in := &countingReader{r: bytes.NewReader(plain)}
	for r := tar.NewReader(in); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for size := h.Size; ; size -= 100_000 { // long files are cut again
			cuts = append(cuts, in.n+h.Size-size)
			if size <= 100_000 {
				break
			}
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			t.Fatal(err)
		}
	}
	var out []byte
	from := int64(0)
	for _, to := range append(cuts, int64(len(plain))) {
		out = append(out, goGzip(t, plain[from:to], gzip.BestCompression)...)
		from = to
	}
	return out
}

type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}

// unpacked puts the layers of an image into a directory, one for each.
func unpacked(t *testing.T, im testrig.Image) []string {
	t.Helper()
	var dirs []string
	for _, l := range im.Layers {
		dir := t.TempDir()
		for r := tar.NewReader(bytes.NewReader(l)); ; {
			h, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, h.Name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		dirs = append(dirs, dir)
	}
	return dirs
}

// ownStorage gives the flags that keep podman and buildah away from the
// machine's own images.
func ownStorage(dir string) []string {
	return []string{"--root", filepath.Join(dir, "root"), "--runroot", filepath.Join(dir, "run"), "--storage-driver", "vfs"}
}

// buildContext gives a directory to build an image in, with a layer for each of
// the image's.
func buildContext(t *testing.T, file string) string {
	dir := t.TempDir()
	text := "FROM scratch\n"
	for i, d := range unpacked(t, producedImage(2)) {
		name := "layer" + string(rune('0'+i))
		if err := os.Rename(d, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		text += "COPY " + name + " /\n"
	}
	if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// builtByPodman lets podman build an image and compress it into an archive.
func builtByPodman(t *testing.T) string {
	testrig.Program(t, "podman")
	dir := t.TempDir()
	podman := func(args ...string) { testrig.Run(t, "podman", append(ownStorage(dir), args...)...) }
	podman("build", "-q", "--isolation", "chroot", "-t", "localhost/produced:v2", buildContext(t, "Containerfile"))
	out := filepath.Join(dir, "out.tar")
	podman("push", "-q", "localhost/produced:v2", "oci-archive:"+out+":v2")
	podman("rmi", "-f", "localhost/produced:v2")
	return "oci-archive:" + out
}

// builtByBuildKit builds in a daemon that keeps what BuildKit compressed, and
// pushes it as it is. Docker's client up to version 20.10 needs no plugin for that.
func builtByBuildKit(t *testing.T) string {
	d := testrig.DockerContainerd(t)
	dir := buildContext(t, "Dockerfile")
	name := testrig.Registry(t) + "/produced:v2"
	d.Remove(t, name)
	var out []byte
	var err error
	for _, client := range []string{"docker", "/usr/bin/docker"} {
		cmd := exec.Command(client, "--host", d.Host, "build", "-t", name, dir)
		cmd.Env = append(os.Environ(), "DOCKER_BUILDKIT=1")
		if out, err = cmd.CombinedOutput(); err == nil {
			break
		}
	}
	if bytes.Contains(out, []byte("buildx")) || errors.Is(err, fs.ErrNotExist) {
		t.Skip("no client of Docker here can speak to BuildKit")
	}
	if err != nil {
		t.Fatalf("docker build: %v\n%s", err, out)
	}
	d.Command(t, "push", "-q", name)
	return "docker://" + name
}

func builtByBuildah(t *testing.T) string {
	testrig.Program(t, "buildah")
	dir := t.TempDir()
	buildah := func(args ...string) string {
		return testrig.Run(t, "buildah", append(ownStorage(dir), args...)...)
	}
	c := buildah("from", "scratch")
	for _, d := range unpacked(t, producedImage(2)) {
		buildah("copy", c, d, "/")
	}
	out := filepath.Join(dir, "out.tar")
	buildah("commit", "-q", "--disable-compression=false", c, "oci-archive:"+out+":v2")
	buildah("rm", c)
	return "oci-archive:" + out
}

func builtByUmoci(t *testing.T) string {
	testrig.Program(t, "umoci")
	dir := filepath.Join(t.TempDir(), "layout")
	testrig.Run(t, "umoci", "init", "--layout", dir)
	testrig.Run(t, "umoci", "new", "--image", dir+":v2")
	for _, d := range unpacked(t, producedImage(2)) {
		testrig.Run(t, "umoci", "insert", "--rootless", "--image", dir+":v2", d, "/")
	}
	return "oci:" + dir + ":v2"
}

// writtenByGGCR compresses by go-containerregistry, as ko and kaniko do.
func writtenByGGCR(t *testing.T) string {
	dir := t.TempDir()
	im := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	for _, plain := range producedImage(2).Layers {
		l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(plain)), nil }, tarball.WithMediaType(types.OCILayer))
		if err != nil {
			t.Fatal(err)
		}
		if im, err = mutate.AppendLayers(im, l); err != nil {
			t.Fatal(err)
		}
	}
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := path.AppendImage(im, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": "v2"})); err != nil {
		t.Fatal(err)
	}
	return "oci:" + dir + ":v2"
}

const pythonGzip = "import gzip,sys; sys.stdout.buffer.write(gzip.compress(sys.stdin.buffer.read()))"

// TestProducers: an image's manifest digest comes back, whatever program
// compressed the layers, from a base that has no compressed layers.
func TestProducers(t *testing.T) {
	for _, p := range []struct {
		name, encoder string // encoder is part of what inspect says
		produce       func(t *testing.T) string
		most          int // bytes of a recipe, 100 if it is 0
	}{
		{"podman", "pgzip blocks of 1024 KiB", builtByPodman, 0},
		{"buildkit", "Go compress/flate 1.8-1.26 level 6", builtByBuildKit, 0},
		{"buildah", "klauspost flate", builtByBuildah, 0},
		{"umoci", "pgzip blocks of", builtByUmoci, 0},
		{"ggcr", "Go compress/flate 1.8-1.26 level 1", writtenByGGCR, 0},
		{"gzip-9", "GNU gzip 1.2-1.14 level 9", through(gzipLayer, "gzip", "-9n"), 0},
		{"gzip", "GNU gzip 1.2-1.14 level 6", through(gzipLayer, "gzip"), 0},
		{"pigz-best", "pigz 2.x level 9 in pieces of 128 KiB", through(gzipLayer, "pigz", "--best"), 0},
		{"busybox", "level 6", through(gzipLayer, "busybox", "gzip", "-c"), 0},
		{"python", "zlib 1.2-1.3 level 9", through(gzipLayer, "python3", "-c", pythonGzip), 0},
		{"go-9", "Go compress/flate 1.8-1.26 level 9", byGo(gzipLayer, func(t *testing.T, plain []byte) []byte {
			return goGzip(t, plain, gzip.BestCompression)
		}), 0},
		{"members", "members", byGo(gzipLayer, members), 300},
	} {
		t.Run(p.name, func(t *testing.T) { comesBack(t, p.produce(t), p.encoder, p.most) })
	}
}

// comesBack makes a delta from an archive without compressed layers and
// applies it to an archive and to a registry; skopeo must find the target's
// manifest digest in both. It gives the rebuilt archive's reference.
func comesBack(t *testing.T, ref, encoder string, most int, flags ...string) (archive string) {
	t.Helper()
	testrig.Program(t, "skopeo")
	registry := testrig.Registry(t)
	dir := t.TempDir()
	base, packed := filepath.Join(dir, "base.tar"), filepath.Join(dir, "d")
	producedImage(1).SaveDockerArchive(t, base)
	want := manifestDigest(t, ref)
	code, _, errs := run(t, append([]string{"create", "--level", "fast", "--tls-verify=false", "docker-archive:" + base, ref, "-o", packed}, flags...)...)
	if code != ExitOK || strings.Contains(errs, "warning") {
		t.Fatalf("create: exit code %d\n%s", code, errs)
	}
	archive = "oci-archive:" + filepath.Join(dir, "rebuilt")
	again := "docker://" + registry + "/again:v2"
	mustRun(t, "apply", packed, "--base", base, "--to", archive)
	mustRun(t, "apply", "--tls-verify=false", packed, "--base", base, "--to", again)
	for _, to := range []string{archive, again} {
		if got := manifestDigest(t, to); got != want {
			t.Errorf("%s: %s, want %s", to, got, want)
		}
	}
	for _, b := range layerBlobs(t, packed) {
		t.Logf("%d of %d bytes: %s", b.Recipe, b.Size, b.Encoder)
		if !strings.Contains(b.Encoder, encoder) {
			t.Errorf("taken for %q, want %q", b.Encoder, encoder)
		}
		if limit := max(most, 100); encoder != "" && (b.Recipe == 0 || b.Recipe > limit) {
			t.Errorf("a recipe of %d bytes, want at most %d", b.Recipe, limit)
		}
	}
	return archive
}

type blobInfo struct {
	Encoder      string
	Recipe, Size int
}

// layerBlobs asks inspect how the compressed layers come back.
func layerBlobs(t *testing.T, packed string) []blobInfo {
	t.Helper()
	var info struct {
		Layers []struct{ Blobs []blobInfo }
	}
	if err := json.Unmarshal([]byte(mustRun(t, "inspect", "--format", "json", packed)), &info); err != nil {
		t.Fatal(err)
	}
	var all []blobInfo
	for _, l := range info.Layers {
		if len(l.Blobs) != 1 {
			t.Errorf("a layer with %d compressed forms", len(l.Blobs))
		}
		all = append(all, l.Blobs...)
	}
	return all
}

// TestUnknownEncoders: what no encoder here writes comes back by corrections,
// or whole where that is required; otherwise there is a warning.
func TestUnknownEncoders(t *testing.T) {
	stored := func(t *testing.T, plain []byte) []byte {
		b := []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}
		sum, size := crc32.ChecksumIEEE(plain), uint32(len(plain))
		for n := 777; len(plain) > 0; n = n*5%60_000 + 1 {
			n = min(n, len(plain))
			last := byte(0)
			if n == len(plain) {
				last = 1
			}
			b = append(b, last) // stored block: RFC 1951, 3.2.4
			b = binary.LittleEndian.AppendUint16(b, uint16(n))
			b = binary.LittleEndian.AppendUint16(b, ^uint16(n))
			b, plain = append(b, plain[:n]...), plain[n:]
		}
		return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(b, sum), size)
	}
	for _, p := range []struct {
		name    string
		produce func(t *testing.T) string
	}{
		{"stored", byGo(gzipLayer, stored)},
		{"libdeflate", through(gzipLayer, "sh", "-c", "exec "+testrig.Program(t, "libdeflate-gzip")+" -6 -c")},
		{"zopfli", through(gzipLayer, "sh", "-c", "f=$(mktemp); cat >$f; "+testrig.Program(t, "zopfli")+" --i1 -c $f; rm $f")},
	} {
		t.Run(p.name, func(t *testing.T) { comesBack(t, p.produce(t), "corrections", 60_000) })
	}
}
