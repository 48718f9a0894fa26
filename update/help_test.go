package update

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/registry"
)

type registryEntry = registry.Entry

// flipper changes a bit of every run of bytes.
type flipper struct{ http.ResponseWriter }

func (f *flipper) Write(p []byte) (int, error) {
	bad := bytes.Clone(p)
	bad[0] ^= 1
	return f.ResponseWriter.Write(bad)
}

// cutter breaks the connection after so many bytes.
type cutter struct {
	http.ResponseWriter
	left int
}

func (c *cutter) Write(p []byte) (int, error) {
	if len(p) > c.left {
		_, _ = c.ResponseWriter.Write(p[:c.left])
		c.ResponseWriter.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	c.left -= len(p)
	return c.ResponseWriter.Write(p)
}

// blobsOf lists the digests of a package's blobs.
func blobsOf(t *testing.T, r *rig, l Listed) []string {
	t.Helper()
	resp, err := http.Get("http://" + r.addr + "/v2/app/manifests/" + l.Manifest.Digest.String())
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var m format.Manifest
	if err := json.NewDecoder(resp.Body).Decode(&m); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, b := range m.Layers {
		out = append(out, b.Digest.String())
	}
	return out
}

// createDelta makes a delta between two tags and pushes it to a repository.
func createDelta(t *testing.T, r *rig, from, to, repository string, exact delta.Exactness) registry.Entry {
	t.Helper()
	var imgs []image.Image
	for _, tag := range []string{from, to} {
		img, err := image.Open(t.Context(), "docker://"+r.name(tag), r.options().Options)
		if err != nil {
			t.Fatal(err)
		}
		defer img.Close()
		imgs = append(imgs, img)
	}
	var b bytes.Buffer
	opt := delta.CreateOptions{Level: delta.Fast, Exact: exact}
	if _, err := delta.Create(t.Context(), &b, delta.Input{Bases: imgs[:1], Targets: imgs[1:]}, opt); err != nil {
		t.Fatal(err)
	}
	d, err := delta.Read(t.Context(), bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	repo, err := registry.Open(t.Context(), r.addr+repository, r.options())
	if err != nil {
		t.Fatal(err)
	}
	done, err := repo.Push(t.Context(), d.Package(), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	return registry.Entry{Manifest: done.Manifest, Size: d.Package().Size()}
}
