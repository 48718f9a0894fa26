package format

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"
)

func vectors(t testing.TB) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob("../delta/testdata/vectors/*.delta")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no test vectors: %v", err)
	}
	all := make(map[string][]byte)
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(path)] = b
	}
	return all
}

// What is read can be written again, and is the same package.
func TestWriteWhatWasRead(t *testing.T) {
	b := vectors(t)["good.delta"]
	p, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var blobs []Data
	for _, d := range p.Manifest.Layers {
		blobs = append(blobs, Data{MediaType: d.MediaType, Digest: d.Digest, Size: d.Size, Open: func() (io.ReadCloser, error) {
			r, err := p.Blob(d.Digest)
			return io.NopCloser(r), err
		}})
	}
	var again bytes.Buffer
	if err := Write(&again, p.Config, p.Manifest.Subject, p.Manifest.Annotations, blobs); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again.Bytes(), b) {
		t.Error("another package was written")
	}
	if p.FileSize() != int64(len(b)) || p.Size() < int64(len(p.Manifest.Layers)) {
		t.Errorf("sizes: %d in parts, %d in the file of %d", p.Size(), p.FileSize(), len(b))
	}
}

// packageOf makes a package whose only layer has the given data.
func packageOf(t testing.TB, data []byte) []byte {
	t.Helper()
	metadata := []byte("metadata")
	blob := func(mediaType string, b []byte) Data {
		return Data{MediaType: mediaType, Digest: digest.FromBytes(b), Size: int64(len(b)), Open: func() (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(b)), nil
		}}
	}
	c := &Config{
		FormatVersion: Version, Metadata: digest.FromBytes(metadata),
		Targets: []Target{{Config: Part{Digest: digest.FromString("config")}, Layers: []int{0}}},
		Layers:  []Layer{{DiffID: digest.FromString("layer"), Carried: CarriedDelta, Data: digest.FromBytes(data)}},
	}
	var b bytes.Buffer
	if err := Write(&b, c, nil, nil, []Data{blob(MediaTypeMetadata, metadata), blob(MediaTypeLayer, data)}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Small packages are compressed, large ones are not; both read the same.
func TestPacked(t *testing.T) {
	for _, size := range []int{0, 10, packBelow - 10_000, packBelow + 1} {
		b := packageOf(t, bytes.Repeat([]byte{7}, size))
		if packed := bytes.HasPrefix(b, []byte(gzipMagic)); packed != (size < packBelow) {
			t.Errorf("%d bytes, packed: %v", size, packed)
		}
		p, err := Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		if r, err := p.Blob(p.Config.Layers[0].Data); err != nil || r.Size() != int64(size) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	good := packageOf(t, []byte("data"))
	bomb := func() []byte {
		var b bytes.Buffer
		z, _ := newPacker(&b)
		_, _ = z.Write(make([]byte, maxUnpacked+1))
		z.Close()
		return b.Bytes()
	}
	for name, c := range map[string]struct {
		b    []byte
		want error
	}{
		"cut":       {good[:len(good)-1], ErrCorrupt},
		"longer":    {append(bytes.Clone(good), 0), ErrCorrupt},
		"twice":     {append(bytes.Clone(good), good...), ErrCorrupt},
		"magic":     {good[:2], ErrNotPackage},
		"too large": {bomb(), ErrNotPackage},
	} {
		if _, err := Open(bytes.NewReader(c.b), int64(len(c.b))); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What another program has compressed may say more in its header.
	plain, err := unpack(bytes.NewReader(good), int64(len(good)))
	if err != nil {
		t.Fatal(err)
	}
	var other bytes.Buffer
	z := gzip.NewWriter(&other)
	z.Name, z.OS, z.ModTime = "app.tar", 3, time.Unix(1e9, 0)
	if _, err := z.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := readAll(other.Bytes()); err != nil {
		t.Errorf("compressed by another program: %v", err)
	}
}

func TestWriteRefusesChangedBlobs(t *testing.T) {
	b := vectors(t)["good.delta"]
	p, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	blob := Data{MediaType: MediaTypeLayer, Digest: digest.FromString("this"), Size: 4, Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader([]byte("that"))), nil
	}}
	if err := Write(io.Discard, p.Config, nil, nil, []Data{blob}); err == nil {
		t.Error("a blob that does not fit its digest was written")
	}
}

// A package that is pushed is read by several at once.
func TestBlobsAtOnce(t *testing.T) {
	b := vectors(t)["good.delta"]
	p, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var g errgroup.Group
	for range 8 {
		g.Go(func() error {
			for _, d := range p.Manifest.Layers {
				if _, err := p.Blob(d.Digest); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}

func FuzzParseConfig(f *testing.F) {
	for _, b := range vectors(f) {
		if p, err := Open(bytes.NewReader(b), int64(len(b))); err == nil {
			raw, err := json.Marshal(p.Config)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(raw)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseConfig(b)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrVersion) {
				t.Fatalf("%v is of no class", err)
			}
			return
		}
		if again, err := json.Marshal(c); err != nil || !bytes.Equal(again, b) {
			t.Fatal("what was parsed does not marshal back")
		}
	})
}

func FuzzOpenPackage(f *testing.F) {
	for _, b := range vectors(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrVersion) && !errors.Is(err, ErrNotPackage) {
				t.Fatalf("%v is of no class", err)
			}
			return
		}
		for _, d := range p.Manifest.Layers {
			if r, err := p.Blob(d.Digest); err == nil {
				if got, _ := io.ReadAll(r); digest.FromBytes(got) != d.Digest {
					t.Fatal("a blob does not fit its digest")
				}
			}
		}
	})
}

func FuzzOpenPatch(f *testing.F) {
	var b bytes.Buffer
	if err := WritePatch(&b, &PatchHeader{Reference: []byte("abc")}, bytes.NewReader([]byte("data"))); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		h, data, err := OpenPatch(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := WritePatch(&again, h, data); err != nil {
			t.Fatal(err)
		}
		if again.Len() > len(b) {
			t.Fatal("what was parsed is longer when written")
		}
	})
}
