package format

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/go-digest"
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
	if p.FileSize() != int64(len(b)) || p.Size() >= p.FileSize() {
		t.Errorf("sizes: %d in parts, %d in the file of %d", p.Size(), p.FileSize(), len(b))
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
