package image

import (
	"bytes"
	"io"
	"path/filepath"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestOpenAll(t *testing.T) {
	_, trees, _ := formats(t)
	for name, want := range map[string]struct{ images, indexes, extra, missing int }{
		"old docker":              {1, 0, 0, 0},
		"oci":                     {1, 0, 0, 0},
		"nested index":            {2, 1, 2, 0},
		"index in an index":       {2, 3, 0, 0},
		"platforms in index.json": {2, 0, 0, 0},
		"dir":                     {1, 0, 0, 0},
	} {
		f := trees[name]
		set, err := OpenAll(t.Context(), put(t, "x", f.tar(t)), Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(set.Images) != want.images || len(set.Indexes) != want.indexes || len(set.Extra) != want.extra || len(set.Missing) != want.missing {
			t.Errorf("%s: %d images, %d indexes, %d extra, %d missing, want %+v", name, len(set.Images), len(set.Indexes), len(set.Extra), len(set.Missing), want)
		}
		for _, img := range set.Images {
			plainOf(t, img)
		}
		for _, i := range set.Indexes {
			if !bytes.Equal(i.Raw, f[blobPath(i.Descriptor.Digest)]) {
				t.Errorf("%s: %s is not its raw bytes", name, i.Descriptor.Digest)
			}
		}
		for _, d := range set.Extra { // an attestation can be carried along
			raw, err := set.Manifest(t.Context(), d)
			if err != nil {
				t.Fatal(err)
			}
			layer := parseOrPanic(raw).manifest.Layers[0]
			rc, err := set.Blob(t.Context(), layer)
			if err != nil {
				t.Fatal(err)
			}
			if b, err := io.ReadAll(rc); err != nil || !bytes.Contains(b, []byte("in-toto")) {
				t.Errorf("%s: %s %v", name, b, err)
			}
			rc.Close()
		}
		if err := set.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A layout that lacks a platform, as docker save writes it with the containerd
// store when only one platform was pulled.
func TestMissingPlatform(t *testing.T) {
	want, trees, _ := formats(t)
	f := trees["nested index"]
	other := fixture{seed: 11, compress: "gzip", platform: foreign()}.build(t)
	delete(f, blobPath(other.descriptor().Digest))
	path := put(t, "x", f.tar(t))
	same(t, want, mustOpen(t, path, Options{}), true)
	set, err := OpenAll(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	if len(set.Images) != 1 || len(set.Missing) != 1 || set.Missing[0].Digest != other.descriptor().Digest {
		t.Errorf("%d images, missing %v", len(set.Images), set.Missing)
	}
	p := foreign()
	_, err = Open(t.Context(), path, Options{Platform: &p})
	wantError(t, "missing platform", err, ErrNotFound, "lacks the manifest for linux/s390x")
}

// TestDaemonMultiPlatform loads an index with attestations into the containerd
// store and reads back what docker save makes of it, whole and incomplete.
func TestDaemonMultiPlatform(t *testing.T) {
	d := containerdDaemon(t)
	name := "docker-delta-test/multi:v1"
	for _, complete := range []bool{true, false} {
		d.cleanup(t, name)
		want := fixture{seed: 170, compress: "gzip"}.build(t)
		other := fixture{seed: 171, compress: "gzip", platform: foreign()}.build(t)
		f := files{}
		hostDesc := withPlatform(f.addImage(want), host().OS, host().Architecture, host().Variant)
		foreignDesc := withPlatform(f.addImage(other), "linux", "s390x", "")
		index := f.addIndex(t, foreignDesc, hostDesc, f.addAttestation(t, hostDesc))
		if !complete {
			for _, l := range other.layers {
				delete(f, blobPath(l.Blob().Digest))
			}
			delete(f, blobPath(foreignDesc.Digest))
			delete(f, blobPath(digest.FromBytes(other.config)))
		}
		ociFiles(t, f, withName(index, containerdNameAnnotation, "docker.io/"+name))
		if out, err := d.docker(t, "load", "-i", put(t, "multi.tar", f.tar(t))); err != nil {
			t.Fatalf("docker load: %v\n%s", err, out)
		}
		opt := Options{DockerHost: d.host, Debugf: t.Logf}
		got := mustOpen(t, name, opt)
		same(t, want, got, true)
		if ix := got.Indexes(); len(ix) != 1 || ix[0].Descriptor.Digest != index.Digest {
			t.Errorf("indexes %v", ix)
		}
		p := foreign()
		opt.Platform = &p
		img, err := Open(t.Context(), "docker-daemon:"+name, opt)
		if complete {
			if err != nil {
				t.Fatal(err)
			}
			same(t, other, img, true)
			img.Close()
		} else {
			wantError(t, "platform that was not pulled", err, ErrNotFound, "linux/s390x", "docker pull")
		}
	}
}

// A stream that is no regular file is spooled.
func TestOpenPipe(t *testing.T) {
	src := fixture{seed: 172}.build(t)
	raw := oldDockerFiles(t, []string{"app:v1"}, src).tar(t)
	tmp := t.TempDir()
	r := Reference{Transport: FilePath, Path: "pipe", raw: "pipe"}
	opt := &Options{TempDir: tmp}
	top, err := openStream(t.Context(), "a pipe", bytes.NewReader(pack(t, "zstd", raw)), r, opt)
	if err != nil {
		t.Fatal(err)
	}
	img, err := top.one(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	same(t, src, img, false)
	if err := top.Close(); err != nil {
		t.Error(err)
	}
	isEmpty(t, tmp)
}

// FuzzOpen opens hostile archives and documents; whatever opens must give
// verified layers or an error.
func FuzzOpen(f *testing.F) {
	_, trees, _ := formatsOf(f, 200)
	for _, tree := range trees {
		f.Add(tree.tar(f))
	}
	f.Add(pack(f, "gzip", trees["oci"].tar(f)))
	for _, name := range []string{"index.json", "manifest.json"} {
		f.Add(trees["docker 25"][name])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := Reference{Transport: FilePath, Path: filepath.Join(t.TempDir(), "x"), raw: "x"}
		opt := &Options{TempDir: t.TempDir(), Platform: &ocispec.Platform{OS: "linux", Architecture: "amd64"}}
		top, err := openFile(t.Context(), r.Path, memoryFile{bytes.NewReader(b)}, int64(len(b)), r, opt)
		if err != nil {
			return
		}
		defer top.Close()
		img, err := top.one(t.Context(), opt)
		if err != nil {
			return
		}
		for _, l := range img.Layers() {
			rc, err := l.Plain(t.Context())
			if err != nil {
				continue
			}
			b, err := io.ReadAll(io.LimitReader(rc, 1<<20))
			if d := digest.FromBytes(b); err == nil && len(b) < 1<<20 && d != l.DiffID() {
				t.Errorf("a layer that was read to its end is %s, its DiffID %s", d, l.DiffID())
			}
			rc.Close()
		}
	})
}

type memoryFile struct{ *bytes.Reader }

func (memoryFile) Close() error { return nil }

func FuzzDocument(f *testing.F) {
	_, trees, _ := formats(f)
	for _, tree := range trees {
		for _, name := range []string{"index.json", "manifest.json"} {
			if b, ok := tree[name]; ok {
				f.Add(b)
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := parseDocument(b)
		if err != nil {
			return
		}
		for _, m := range d.index {
			if m.Digest.Validate() != nil || m.Size < 0 {
				t.Errorf("accepted %+v", m)
			}
		}
		for _, m := range d.manifest.Layers {
			if m.Digest.Validate() != nil || m.Size < 0 {
				t.Errorf("accepted %+v", m)
			}
		}
	})
}
