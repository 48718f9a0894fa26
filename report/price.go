package report

import (
	"context"
	"io"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/image"
)

// price creates the delta, keeps nothing of it but its costs, and shares these
// out.
func (m *maker) price(ctx context.Context, base, target image.Image) error {
	made, err := delta.Create(ctx, io.Discard, delta.Input{Bases: []image.Image{base}, Targets: []image.Image{target}},
		delta.CreateOptions{Resources: m.opt.Resources, Level: m.opt.Level, Exact: m.opt.Exact})
	if err != nil {
		return err
	}
	d := &Delta{Level: levelName(m.opt.Level), Bytes: made.Size, Other: made.Size, Inexact: made.Inexact}
	m.r.Delta = d
	places := m.places()
	for _, l := range made.Costs {
		m.costOf(l.DiffID, l.Bytes)
		d.Rewrap += l.Rewrap
		d.Other -= l.Bytes
		names := m.names(l.DiffID)
		for _, c := range l.Contents {
			if c.Type == "headers" {
				d.Headers += c.Bytes
			} else {
				d.Contents += c.Bytes
			}
			if f := places.find(l.DiffID, names, c.Path); f != nil {
				f.Delta += c.Bytes
			}
		}
	}
	for _, l := range made.Config.Layers {
		for _, b := range l.Blobs {
			if b.Carried {
				d.Carried += b.Size
				d.Other -= b.Size
				m.costOf(l.DiffID, b.Size)
			}
		}
		if l.Carried == format.CarriedBlob {
			for _, f := range m.all {
				if f.target != nil && f.target.layer.diffID == l.DiffID {
					f.Delta += f.target.layer.compressed(f.target)
				}
			}
		}
	}
	return nil
}

// costOf adds to what a layer takes of the delta.
func (m *maker) costOf(d digest.Digest, bytes int64) {
	if s := m.pool[d]; s != nil {
		m.r.Layers[m.number[s]-1].Delta += bytes
	}
}

// levelName is the level as --level takes it.
func levelName(l delta.Level) string {
	switch l {
	case delta.Fast:
		return "fast"
	case delta.Max:
		return "max"
	}
	return "default"
}

// place is a name in a layer.
type place struct {
	layer digest.Digest
	path  string
}

// places finds the File that stands for a name in a layer.
type places map[place]*File

func (m *maker) places() places {
	all := make(places)
	for _, f := range m.all {
		switch {
		case f.target != nil:
			all[place{f.target.layer.diffID, f.target.path}] = f
		case f.Layer > 0: // removed by a whiteout
			all[place{m.r.Layers[f.Layer-1].DiffID, f.Path[1:]}] = f
		}
	}
	return all
}

// names lists the entries of a layer by their names in the tar.
func (m *maker) names(d digest.Digest) map[string]*entry {
	s := m.pool[d]
	if s == nil {
		return nil
	}
	names := make(map[string]*entry, len(s.entries))
	for _, e := range s.entries {
		names[e.name] = e
	}
	return names
}

// find looks for the file that has the bytes at path, which may lead into
// containers behind "!/".
func (p places) find(layer digest.Digest, names map[string]*entry, path string) *File {
	for at := 0; ; {
		i := strings.Index(path[at:], "!/")
		name := path
		if i >= 0 {
			name = path[:at+i]
		}
		if e := names[cleanPath(name)]; e != nil && path != "" {
			return p[place{layer, e.path}]
		}
		if i < 0 {
			return nil
		}
		at += i + len("!/")
	}
}
