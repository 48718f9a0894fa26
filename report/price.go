package report

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/image"
)

// price creates the delta, keeps nothing of it but its costs, and shares these
// out.
func (m *maker) price(ctx context.Context, base, target image.Image) error {
	f, err := m.dir.Create()
	if err != nil {
		return err
	}
	m.spools = append(m.spools, f)
	made, err := delta.Create(ctx, f, delta.Input{Bases: []image.Image{base}, Targets: []image.Image{target}},
		delta.CreateOptions{Resources: m.opt.Resources, Level: m.opt.Level, Exact: m.opt.Exact, Costs: true})
	if err != nil {
		return err
	}
	pkg, err := delta.Read(ctx, f, f.Size())
	if err != nil {
		return err
	}
	defer pkg.Close()
	info, err := pkg.Inspect(ctx)
	if err != nil {
		return err
	}
	d := &Delta{Level: levelName(m.opt.Level), Bytes: made.Size, Metadata: info.Metadata, Other: made.Size - info.Metadata, Inexact: made.Inexact}
	m.r.Delta = d
	m.encoders(info)
	m.wrapped = make(map[*File]float64)
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
			f, inside := places.find(l.DiffID, names, c.Path)
			if f == nil {
				continue
			}
			f.Delta += c.Bytes
			if c.Type == "gzip" { // not "text" or the like: it was not unwrapped
				m.wrapped[f] += c.Bytes
			}
			if inside != "" {
				f.Inside = append(f.Inside, Part{inside, c.Bytes})
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
	for _, f := range m.all {
		f.joinParts()
	}
	return nil
}

// encoders notes how compressed layers come back.
func (m *maker) encoders(info *delta.Info) {
	byDiffID := make(map[digest.Digest]*delta.LayerInfo)
	for i := range info.Layers {
		byDiffID[info.Layers[i].DiffID] = &info.Layers[i]
	}
	for i := range m.r.Layers {
		l := &m.r.Layers[i]
		li := byDiffID[l.DiffID]
		if li == nil || len(li.Blobs) == 0 || li.Blobs[0].Digest == l.DiffID {
			continue
		}
		b := li.Blobs[0]
		l.Encoder, l.Recipe = b.Encoder, b.Recipe
		switch {
		case b.Encoder == "":
			l.Encoding = EncodingLost
		case b.Recipe == 0:
			l.Encoding, l.Recipe = EncodingCarried, b.Size
		case strings.HasSuffix(b.Encoder, "corrections"):
			l.Encoding = EncodingCorrected
		default:
			l.Encoding = EncodingKnown
		}
	}
}

// joinParts adds up parts of one path: a member's header and its content.
func (f *File) joinParts() {
	slices.SortFunc(f.Inside, func(a, b Part) int { return cmp.Compare(a.Path, b.Path) })
	joined := f.Inside[:0]
	for _, p := range f.Inside {
		if n := len(joined); n > 0 && joined[n-1].Path == p.Path {
			joined[n-1].Delta += p.Delta
		} else {
			joined = append(joined, p)
		}
	}
	f.Inside = joined
	slices.SortStableFunc(f.Inside, func(a, b Part) int { return cmp.Compare(b.Delta, a.Delta) })
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
// containers behind "!/"; inside is that rest of it.
func (p places) find(layer digest.Digest, names map[string]*entry, path string) (f *File, inside string) {
	for at := 0; path != ""; {
		i := strings.Index(path[at:], "!/")
		name, rest := path, ""
		if i >= 0 {
			name, rest = path[:at+i], path[at+i+len("!/"):]
		}
		if e := names[cleanPath(name)]; e != nil {
			return p[place{layer, e.path}], rest
		}
		if i < 0 {
			break
		}
		at += i + len("!/")
	}
	return nil, ""
}
