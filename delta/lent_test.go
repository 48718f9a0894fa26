package delta

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/docker-delta/docker-delta/image"
)

// directLayer is a layer that lies in a file, which may be damaged.
type directLayer struct {
	*memLayer
	file       []byte
	open, read *atomic.Int64 // files, and bytes read of them
}

func (l directLayer) PlainAt(context.Context) image.PlainFile {
	l.open.Add(1)
	return &directFile{bytes.NewReader(l.file), l}
}

// Plain finds out what is damaged, as layers of an image do.
func (l directLayer) Plain(ctx context.Context) (io.ReadCloser, error) {
	if !bytes.Equal(l.file, l.plain) {
		return nil, errors.New("its digest is another")
	}
	return l.memLayer.Plain(ctx)
}

type directFile struct {
	r *bytes.Reader
	l directLayer
}

func (f *directFile) ReadAt(b []byte, off int64) (int, error) {
	n, err := f.r.ReadAt(b, off)
	f.l.read.Add(int64(n))
	return n, err
}

func (f *directFile) Close() error {
	f.l.open.Add(-1)
	return nil
}

// Layers that can be read where they lie give the same delta and the same image; of
// the base only what is needed is read, damage elsewhere does no harm, and damage
// there is told of as the base's.
func TestDirectLayers(t *testing.T) {
	needed, idle := noise(30, 300_000), noise(31, 700_000)
	v1 := files(t, "a", needed, "b", idle)
	v2 := files(t, "a", edit(32, needed))
	old, target := makeImage(t, "a:1", unpacked, v1), makeImage(t, "a:2", unpacked, v2)
	want, _ := mustCreate(t, Input{Bases: one(old), Targets: one(target)}, CreateOptions{Resources: resources(t)})
	var open, read atomic.Int64
	direct := func(m *memImage, file []byte) *memImage {
		return &memImage{names: m.names, config: m.config, layers: []image.Layer{directLayer{m.layers[0].(*memLayer), file, &open, &read}}}
	}
	b, _ := mustCreate(t, Input{Bases: one(direct(old, v1)), Targets: one(direct(target, v2))}, CreateOptions{Resources: resources(t)})
	if !bytes.Equal(b, want) {
		t.Error("another delta")
	}
	d := mustRead(t, b)
	read.Store(0)
	checkRebuilt(t, d, direct(old, v1), target, false)
	if n := read.Load(); n == 0 || n > int64(len(idle)) {
		t.Errorf("%d of %d bytes of the base were read", n, len(v1))
	}
	damaged := bytes.Clone(v1)
	damaged[len(v1)-100_000] ^= 1
	checkRebuilt(t, d, direct(old, damaged), target, false)
	damaged[100_000] ^= 1
	err := rebuildAll(d, direct(old, damaged), RebuildOptions{Resources: resources(t)}, func(int, image.Layer, []byte, []byte) {})
	if !errors.Is(err, ErrBase) || !strings.Contains(err.Error(), old.layers[0].DiffID().String()+": its digest is another") {
		t.Errorf("damaged: %v", err)
	}
	if n := open.Load(); n != 0 {
		t.Errorf("%d files are open", n)
	}
}
