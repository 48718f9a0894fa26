package delta

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-delta/docker-delta/image"
)

type fileLayer struct {
	path string
	id   digest.Digest
	size int64
}

func (f *fileLayer) DiffID() digest.Digest     { return f.id }
func (f *fileLayer) Blob() *ocispec.Descriptor { return nil }
func (f *fileLayer) Size() int64               { return f.size }
func (f *fileLayer) Plain(context.Context) (io.ReadCloser, error) {
	return os.Open(f.path)
}
func (f *fileLayer) Compressed(context.Context) (io.ReadCloser, error) { return nil, image.ErrNoBlob }

type fileImage struct{ l *fileLayer }

func (f fileImage) Names() []string            { return []string{"x:y"} }
func (f fileImage) Config() []byte             { return []byte(`{"os":"linux","architecture":"amd64"}`) }
func (f fileImage) Manifest() ([]byte, string) { return nil, "" }
func (f fileImage) Platform() ocispec.Platform {
	return ocispec.Platform{OS: "linux", Architecture: "amd64"}
}
func (f fileImage) Layers() []image.Layer { return []image.Layer{f.l} }

func open(t *testing.T, p string) fileImage {
	b, err := os.Open(p)
	if err != nil {
		t.Skip(err)
	}
	h := sha256.New()
	n, _ := io.Copy(h, b)
	return fileImage{&fileLayer{p, digest.NewDigest(digest.SHA256, h), n}}
}

func TestScratch(t *testing.T) {
	dir := "/tmp/pairs/" + os.Getenv("PAIR")
	base, target := open(t, dir+"/old.layer.tar"), open(t, dir+"/new.layer.tar")
	lvl := map[string]Level{"fast": Fast, "": Default, "max": Max}[os.Getenv("LEVEL")]
	ctx := context.Background()
	start := time.Now()
	var out bytes.Buffer
	res := Resources{Debugf: func(f string, a ...any) {
		fmt.Printf("%6.2f "+f+"\n", append([]any{time.Since(start).Seconds()}, a...)...)
	},
		Progress: func(p Progress) { fmt.Printf("%6.2f %v\n", time.Since(start).Seconds(), p) }}
	c, err := Create(ctx, &out, Input{Bases: []image.Image{base}, Targets: []image.Image{target}}, CreateOptions{Resources: res, Level: lvl})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("SIZE", c.Size, "create", time.Since(start))
	if f := os.Getenv("OUT"); f != "" {
		os.WriteFile(f, out.Bytes(), 0o644)
	}
	start = time.Now()
	d, err := Read(ctx, bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	r, err := d.Rebuild(ctx, base, RebuildOptions{Resources: res})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	fmt.Println("prepared", time.Since(start))
	rd, err := r.Layers()[0].Plain(ctx)
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, rd)
	fmt.Println("APPLY", n, err, time.Since(start))
	if err != nil {
		t.Fatal(err)
	}
}
