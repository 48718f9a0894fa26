package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/internal/testrig"
)

// forPlatform is a demo image with another architecture in its config, without
// the lowest layers.
type forPlatform struct {
	image.Image
	drop             int
	config, manifest []byte
}

func (f *forPlatform) Config() []byte        { return f.config }
func (f *forPlatform) Layers() []image.Layer { return f.Image.Layers()[f.drop:] }
func (f *forPlatform) Manifest() ([]byte, string) {
	return f.manifest, ocispec.MediaTypeImageManifest
}

func onPlatform(t *testing.T, img image.Image, arch string, drop int) (image.Image, ocispec.Descriptor) {
	t.Helper()
	var c ocispec.Image
	raw, _ := img.Manifest()
	var m ocispec.Manifest
	for _, err := range []error{json.Unmarshal(img.Config(), &c), json.Unmarshal(raw, &m)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	c.Architecture, c.RootFS.DiffIDs, c.History = arch, c.RootFS.DiffIDs[drop:], nil
	m.Layers = m.Layers[drop:]
	out := &forPlatform{Image: img, drop: drop}
	out.config = testJSON(t, c)
	m.Config.Digest, m.Config.Size = digest.FromBytes(out.config), int64(len(out.config))
	out.manifest = testJSON(t, m)
	return out, ocispec.Descriptor{MediaType: m.MediaType, Digest: digest.FromBytes(out.manifest), Size: int64(len(out.manifest)),
		Platform: &ocispec.Platform{OS: "linux", Architecture: arch}}
}

func testJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// multiPlatform writes a version of the demo image for two platforms, of which the
// first lacks the lowest layer.
func multiPlatform(t *testing.T, dest string, version int, name string) (index digest.Digest) {
	t.Helper()
	dir := t.TempDir()
	var set image.Images
	var list []ocispec.Descriptor
	for i, arch := range []string{"arm64", "amd64"} {
		src, err := image.Open(t.Context(), demoFile(t, dir, version), image.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer src.Close()
		img, desc := onPlatform(t, src, arch, 1-i)
		set.Images = append(set.Images, image.Named{Image: img})
		list = append(list, desc)
	}
	raw := testJSON(t, ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: list,
		Annotations: map[string]string{"version": string(rune('0' + version))}})
	ix, err := image.ParseIndex(raw, ocispec.MediaTypeImageIndex)
	if err != nil {
		t.Fatal(err)
	}
	set.Indexes = []image.NamedIndex{{Index: ix, Names: []string{name}}}
	if _, err := image.WriteSet(t.Context(), dest, set, image.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	return ix.Descriptor.Digest
}

// All platforms of an image, and the digest of its index, by way of every kind
// of place that can keep one.
func TestAllPlatforms(t *testing.T) {
	dir := t.TempDir()
	v1, v2 := filepath.Join(dir, "v1"), filepath.Join(dir, "v2")
	multiPlatform(t, "oci:"+v1, 1, "multi:v1")
	want := multiPlatform(t, "oci:"+v2, 2, "multi:v2")
	packed := filepath.Join(dir, "d")
	mustRun(t, "create", "--level", "fast", "--all", v1, v2, "-o", packed)
	got := mustRun(t, "inspect", packed, "--format", "{{range .Targets}}{{.Platform}} {{.Exact}} {{end}}")
	if got != "linux/arm64 true linux/amd64 true" {
		t.Errorf("targets %s", got)
	}
	mustRun(t, "verify", packed, "--base", v1)

	addr := testrig.Registry(t)
	for _, to := range []string{"oci:" + filepath.Join(dir, "out") + ":v2", "oci-archive:" + filepath.Join(dir, "out.oci") + ":v2", "docker://" + addr + "/multi:v2"} {
		flags := []string{"apply", packed, "--base", v1, "--all", "--to", to}
		if strings.HasPrefix(to, "docker:") {
			flags = append(flags, "--plain-http", "--tls-verify=false")
		}
		if code, _, errs := run(t, flags...); code != ExitOK || !strings.Contains(errs, want.String()) {
			t.Fatalf("%s: exit code %d\n%s", to, code, errs)
		}
		args := []string{"inspect", "--raw", to}
		if strings.HasPrefix(to, "docker:") {
			args = append(args, "--tls-verify=false")
		}
		if raw := testrig.Run(t, "skopeo", args...); digest.FromString(raw) != want {
			t.Errorf("%s: the index is another: %s", to, raw)
		}
		for _, arch := range []string{"arm64", "amd64"} { // all that the index names is there
			copied := filepath.Join(t.TempDir(), "copy")
			args := []string{"copy", "-q", "--override-arch", arch, to, "dir:" + copied}
			if strings.HasPrefix(to, "docker:") {
				args = append(args, "--src-tls-verify=false")
			}
			testrig.Run(t, "skopeo", args...)
		}
	}

	// From the registry, one platform; and what cannot be.
	one := filepath.Join(dir, "one.oci")
	mustRun(t, "apply", packed, "--base", v1, "--platform", "linux/arm64", "--to", "oci-archive:"+one)
	if got := testrig.Run(t, "skopeo", "inspect", "--format", "{{.Architecture}}", "oci-archive:"+one); got != "arm64" {
		t.Errorf("platform %s", got)
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"apply", packed, "--base", v1, "--all", "--to", filepath.Join(dir, "x.tar")}, ExitFailure, "no index"},
		{[]string{"apply", packed, "--base", v1, "--all", "--platform", "linux/arm64", "--to", filepath.Join(dir, "x.tar")}, ExitUsage, "platform"},
		{[]string{"create", "--all", "--exact", "off", v1, v2, "-o", filepath.Join(dir, "x")}, ExitFailure, "exact"},
		{[]string{"create", "--all", "--platform", "linux/arm64", v1, v2, "-o", filepath.Join(dir, "x")}, ExitUsage, "platform"},
	} {
		if code, _, errs := run(t, c.args...); code != c.code || !strings.Contains(errs, c.says) {
			t.Errorf("%v: exit code %d: %s", c.args, code, errs)
		}
	}
}

// A platform whose compressed layers come from an unknown encoder is named, when
// the delta is made and when it is applied.
func TestPlatformThatIsNotExact(t *testing.T) {
	dir := t.TempDir()
	v1, v2 := filepath.Join(dir, "v1"), filepath.Join(dir, "v2")
	multiPlatform(t, "oci:"+v1, 1, "multi:v1")
	multiPlatform(t, "oci:"+v2, 2, "multi:v2")
	spoil(t, v2, "arm64")
	packed := filepath.Join(dir, "d")
	code, _, errs := run(t, "create", "--level", "fast", "--all", v1, v2, "-o", packed)
	if code != ExitOK || !strings.Contains(errs, "of linux/arm64: ") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	code, _, errs = run(t, "apply", packed, "--base", v1, "--all", "--to", "oci:"+filepath.Join(dir, "out"))
	if code != ExitFailure || !strings.Contains(errs, "(linux/arm64); make the delta with --exact=require") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	if _, err := os.Stat(filepath.Join(dir, "out")); err == nil {
		t.Error("something was written")
	}
	mustRun(t, "apply", packed, "--base", v1, "--platform", "linux/amd64", "--to", "oci:"+filepath.Join(dir, "out"))
	mustRun(t, "create", "--level", "fast", "--all", "--exact", "require", v1, v2, "-o", packed)
	mustRun(t, "apply", packed, "--base", v1, "--all", "--to", "oci:"+filepath.Join(dir, "out"))
}

// spoil packs the layers of one platform anew.
func spoil(t *testing.T, layout, arch string) {
	t.Helper()
	set, err := image.OpenAll(t.Context(), layout, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	blob := func(b []byte) (d digest.Digest) {
		d = digest.FromBytes(b)
		if err := os.WriteFile(filepath.Join(layout, "blobs", "sha256", d.Encoded()), b, 0o644); err != nil {
			t.Fatal(err)
		}
		return d
	}
	var index ocispec.Index
	if err := json.Unmarshal(set.Indexes[0].Raw, &index); err != nil {
		t.Fatal(err)
	}
	for i, img := range set.Images {
		if img.Platform().Architecture != arch {
			continue
		}
		var m ocispec.Manifest
		raw, _ := img.Manifest()
		if err := json.Unmarshal(raw, &m); err != nil {
			t.Fatal(err)
		}
		for k, l := range img.Layers() {
			packed := oddZstd(t, l)
			m.Layers[k].MediaType = ocispec.MediaTypeImageLayerZstd
			m.Layers[k].Digest, m.Layers[k].Size = blob(packed), int64(len(packed))
		}
		raw = testJSON(t, m)
		index.Manifests[i].Digest, index.Manifests[i].Size = blob(raw), int64(len(raw))
	}
	raw := testJSON(t, index)
	toc := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{
		{MediaType: ocispec.MediaTypeImageIndex, Digest: blob(raw), Size: int64(len(raw))}}}
	if err := os.WriteFile(filepath.Join(layout, "index.json"), testJSON(t, toc), 0o644); err != nil {
		t.Fatal(err)
	}
}

// oddZstd is a sound zstd frame such as no encoder writes: raw blocks of an odd
// length.
func oddZstd(t *testing.T, l image.Layer) []byte {
	t.Helper()
	r, err := l.Plain(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var plain bytes.Buffer
	if _, err := plain.ReadFrom(r); err != nil {
		t.Fatal(err)
	}
	out := []byte("\x28\xb5\x2f\xfd\x00\x58") // no size, a window of 2 MiB
	for b := plain.Bytes(); len(b) > 0; {
		n := min(len(b), 5003)
		head := uint32(n) << 3
		if n == len(b) {
			head |= 1
		}
		out = append(out, byte(head), byte(head>>8), byte(head>>16))
		out = append(out, b[:n]...)
		b = b[n:]
	}
	return out
}
