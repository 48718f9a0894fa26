package image

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// formats builds every kind of archive around one image, for the host.
func formats(t testing.TB) (want *fakeImage, trees map[string]files, exact map[string]bool) {
	return formatsOf(t, 0)
}

func formatsOf(t testing.TB, size int) (want *fakeImage, trees map[string]files, exact map[string]bool) {
	want = fixture{seed: 10, size: size, compress: "gzip"}.build(t)
	other := fixture{seed: 11, size: size, compress: "gzip", platform: foreign()}.build(t)
	trees, exact = map[string]files{}, map[string]bool{}
	add := func(name string, isExact bool, f files) { trees[name], exact[name] = f, isExact }

	add("old docker", false, oldDockerFiles(t, []string{"app:v1"}, want))

	f := files{}
	ociFiles(t, f, f.addImage(want))
	add("oci", true, f)

	f = files{}
	add("oci without oci-layout", true, f)
	f["index.json"] = indexJSON(t, f.addImage(want))

	f = files{}
	hostDesc := withPlatform(f.addImage(want), host().OS, host().Architecture, host().Variant)
	foreignDesc := withPlatform(f.addImage(other), "linux", "s390x", "")
	nested := f.addIndex(t, f.addAttestation(t, foreignDesc), foreignDesc, hostDesc, f.addAttestation(t, hostDesc))
	ociFiles(t, f, withName(nested, containerdNameAnnotation, "docker.io/library/app:v1"))
	add("nested index", true, f)

	f = files{}
	hostDesc = withPlatform(f.addImage(want), host().OS, host().Architecture, host().Variant)
	ociFiles(t, f, f.addIndex(t, f.addIndex(t, f.addIndex(t, hostDesc), withPlatform(f.addImage(other), "linux", "s390x", ""))))
	add("index in an index", true, f)

	f = files{}
	hostDesc = withPlatform(f.addImage(want), host().OS, host().Architecture, host().Variant)
	ociFiles(t, f, withPlatform(f.addImage(other), "linux", "s390x", ""), hostDesc)
	add("platforms in index.json", true, f)

	f = files{} // no platform in any descriptor: the configs tell
	ociFiles(t, f, f.addIndex(t, f.addImage(other), f.addImage(want)))
	add("platforms in configs", true, f)

	f = files{} // wrong media types: content counts
	d := f.addIndex(t, withPlatform(f.addImage(want), host().OS, host().Architecture, host().Variant))
	d.MediaType = ocispec.MediaTypeImageManifest
	ociFiles(t, f, d)
	add("lying media type", true, f)

	f = files{"version": []byte(dirVersion), "manifest.json": want.manifest}
	f[want.configHex()] = want.config
	for _, l := range want.layers {
		f[l.Blob().Digest.Encoded()] = l.(*fakeLayer).blob
	}
	add("dir", true, f)

	f = oldDockerFiles(t, []string{"app:v1"}, want) // beside an OCI layout, as docker 25 does
	ociFiles(t, f, f.addImage(want))
	add("docker 25", true, f)

	f = oldDockerFiles(t, []string{"app:v1"}, want) // its OCI part cannot be used
	ociFiles(t, f, f.addImage(want))
	delete(f, blobPath(want.layers[1].Blob().Digest))
	add("docker 25 with a blob missing", false, f)

	f = oldDockerFiles(t, nil, want) // layers that are compressed themselves, as crane and bazel write
	for name, b := range f {
		if strings.HasSuffix(name, "layer.tar") {
			f[name] = pack(t, "gzip", b)
		}
	}
	add("docker with gzip layers", false, f)

	return want, trees, exact
}

func (i *fakeImage) configHex() string {
	return parseOrPanic(i.manifest).manifest.Config.Digest.Encoded()
}

func parseOrPanic(raw []byte) *document {
	d, err := parseDocument(raw)
	if err != nil {
		panic(err)
	}
	return d
}

// TestOpenByContent opens every format in every packing under names that lie.
func TestOpenByContent(t *testing.T) {
	want, trees, exact := formats(t)
	for name, f := range trees {
		t.Run(name, func(t *testing.T) {
			t.Run("dir", func(t *testing.T) {
				same(t, want, mustOpen(t, f.dir(t, filepath.Join(t.TempDir(), "image.tar")), Options{}), exact[name])
			})
			raw := f.tar(t)
			for packing, file := range map[string]string{"": "image.json", "gzip": "index.zip", "zstd": "manifest.json", "bzip2": "image.tar", "xz": "noext"} {
				t.Run("tar "+packing, func(t *testing.T) {
					b := raw
					if packing != "" {
						b = pack(t, packing, raw)
					}
					same(t, want, mustOpen(t, put(t, file, b), Options{}), exact[name])
				})
			}
			for _, doc := range []string{"index.json", "manifest.json"} {
				b, ok := f[doc]
				if !ok || strings.Contains(name, "missing") && doc == "index.json" {
					continue
				}
				t.Run("the file "+doc, func(t *testing.T) {
					dir := f.dir(t, t.TempDir())
					same(t, want, mustOpen(t, filepath.Join(dir, doc), Options{}), exact[name] && b[0] == '{')
					// The same under another name beside its blobs.
					lie := filepath.Join(dir, "image.tar.gz")
					if err := os.Rename(filepath.Join(dir, doc), lie); err != nil {
						t.Fatal(err)
					}
					same(t, want, mustOpen(t, lie, Options{}), exact[name] && b[0] == '{')
				})
			}
		})
	}
}

// TestOpenBlobOfLayout opens a manifest where it lies as a blob.
func TestOpenBlobOfLayout(t *testing.T) {
	want, trees, _ := formats(t)
	dir := trees["nested index"].dir(t, t.TempDir())
	d := parseOrPanic(want.manifest).descriptor()
	same(t, want, mustOpen(t, filepath.Join(dir, filepath.FromSlash(blobPath(d.Digest))), Options{}), true)
}

func TestIndexesAreKept(t *testing.T) {
	_, trees, _ := formats(t)
	for name, n := range map[string]int{"old docker": 0, "oci": 0, "nested index": 1, "index in an index": 3, "platforms in index.json": 0, "docker 25": 0} {
		img := mustOpen(t, put(t, "x", trees[name].tar(t)), Options{})
		ix := img.Indexes()
		if len(ix) != n {
			t.Errorf("%s: %d indexes, want %d", name, len(ix), n)
		}
		for _, i := range ix {
			if !bytes.Equal(i.Raw, trees[name][blobPath(i.Descriptor.Digest)]) {
				t.Errorf("%s: %s is not its raw bytes", name, i.Descriptor.Digest)
			}
		}
	}
	img := mustOpen(t, put(t, "x", trees["nested index"].tar(t)), Options{})
	if !slices.Equal(img.Names(), []string{"docker.io/library/app:v1"}) {
		t.Errorf("names %v", img.Names())
	}
}

func TestPlatforms(t *testing.T) {
	_, trees, _ := formats(t)
	file := put(t, "x", trees["nested index"].tar(t))
	p := foreign()
	if got := mustOpen(t, file, Options{Platform: &p}); FormatPlatform(got.Platform()) != "linux/s390x" {
		t.Errorf("platform %v", got.Platform())
	}
	t.Setenv("DOCKER_DEFAULT_PLATFORM", "linux/s390x")
	if got := mustOpen(t, file, Options{}); FormatPlatform(got.Platform()) != "linux/s390x" {
		t.Errorf("platform %v", got.Platform())
	}
	t.Setenv("DOCKER_DEFAULT_PLATFORM", "")
	absent := ocispec.Platform{OS: "linux", Architecture: "riscv64"}
	for _, name := range []string{"nested index", "platforms in index.json", "platforms in configs", "old docker", "oci"} {
		_, err := Open(t.Context(), put(t, "x", trees[name].tar(t)), Options{Platform: &absent})
		pe := (*PlatformError)(nil)
		if !errors.As(err, &pe) || pe.Want != "linux/riscv64" || !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if strings.Contains(err.Error(), "unknown") || !strings.Contains(err.Error(), FormatPlatform(host())) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// One image of a foreign platform is taken when nobody asked for another.
	only := files{}
	ociFiles(t, only, only.addIndex(t, withPlatform(only.addImage(fixture{seed: 12, compress: "gzip", platform: foreign()}.build(t)), "linux", "s390x", "")))
	mustOpen(t, put(t, "x", only.tar(t)), Options{})
}

func TestParsePlatform(t *testing.T) {
	for in, want := range map[string]string{
		"linux/amd64": "linux/amd64", "linux/x86_64": "linux/amd64", "amd64": "linux/amd64", "linux/amd64/v1": "linux/amd64",
		"Linux/AArch64": "linux/arm64", "linux/arm64/v8": "linux/arm64", "linux/arm64/8": "linux/arm64", "linux/arm": "linux/arm/v7",
		"linux/armhf": "linux/arm/v7", "linux/arm/v6": "linux/arm/v6", "linux/arm/6": "linux/arm/v6", "windows/amd64": "windows/amd64",
		"linux/i386": "linux/386", "linux/amd64/v3": "linux/amd64/v3",
		"": "", "a/b/c/d": "", "linux/": "", "linux/a b": "",
	} {
		p, err := ParsePlatform(in)
		if (err != nil) != (want == "") || err == nil && FormatPlatform(p) != want {
			t.Errorf("%q: %s %v, want %q", in, FormatPlatform(p), err, want)
		}
	}
}

func TestChoosePlatform(t *testing.T) {
	parse := func(s string) ocispec.Platform {
		p, err := ParsePlatform(s)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for _, c := range []struct {
		want string
		have string
		at   int
	}{
		{"linux/amd64", "linux/arm64 linux/amd64", 1},
		{"linux/arm/v7", "linux/arm/v5 linux/arm/v6 linux/arm64", 1}, // the highest that runs
		{"linux/arm/v6", "linux/arm/v7 linux/arm/v5", 1},
		{"linux/arm/v5", "linux/arm/v7 linux/arm/v6", -1},
		{"linux/arm64", "linux/arm/v7 linux/arm64/v8", 1},
		{"linux/amd64", "linux/amd64/v3 linux/amd64", 1},
		{"linux/amd64", "linux/amd64/v3", -1},
		{"linux/amd64/v3", "linux/amd64 linux/amd64/v2 linux/amd64/v4", 1},
		{"linux/arm64/v9", "linux/arm64", 0},
		{"linux/amd64", "windows/amd64", -1},
		{"linux/amd64", "linux/amd64 linux/amd64", 0}, // the first of equals
	} {
		var have []ocispec.Platform
		for s := range strings.FieldsSeq(c.have) {
			have = append(have, parse(s))
		}
		if got := choose(parse(c.want), have); got != c.at {
			t.Errorf("%s of %s: %d, want %d", c.want, c.have, got, c.at)
		}
	}
}
