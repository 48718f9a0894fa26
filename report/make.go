package report

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"runtime"
	"strings"
	"unicode/utf8"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/internal/spool"
)

// Options tune [Make].
type Options struct {
	delta.Resources
	// NoDelta leaves out what the update costs as a delta, which takes as long
	// as creating one.
	NoDelta bool
	// Level and Exact are those of the delta, see [delta.CreateOptions].
	Level delta.Level
	Exact delta.Exactness
}

// Make compares two images. The base may be nil: then everything is new.
func Make(ctx context.Context, base, target image.Image, opt Options) (*Report, error) {
	m := &maker{opt: opt, dir: spool.NewDir(opt.TempDir, opt.MaxTemp), pool: make(map[digest.Digest]*scanned)}
	defer m.close()
	if err := m.read(ctx, base, target); err != nil {
		return nil, err
	}
	m.compare()
	m.close() // the delta needs the same space again
	if !opt.NoDelta {
		if err := m.price(ctx, base, target); err != nil {
			return nil, err
		}
	}
	m.addUp()
	return m.r, nil
}

// maker holds what is known while a report is made.
type maker struct {
	opt    Options
	dir    *spool.Dir
	spools []*spool.File
	pool   map[digest.Digest]*scanned

	base, target *fileSystem
	all          []*File // everything, also what is the same
	found        []Package
	// wrapped has the delta's bytes for gzip data that is not looked into.
	wrapped map[*File]float64
	r       *Report
	// number gives the first of the target's layers that is a scanned one.
	number map[*scanned]int
}

func (m *maker) close() {
	for _, f := range m.spools {
		f.Close()
	}
	m.spools = nil
}

// read reads all layers, each once.
func (m *maker) read(ctx context.Context, base, target image.Image) error {
	inBase := make(map[digest.Digest]bool)
	var list []image.Layer
	add := func(img image.Image) {
		for _, l := range img.Layers() {
			if m.pool[l.DiffID()] == nil {
				m.pool[l.DiffID()] = &scanned{}
				list = append(list, l)
			}
		}
	}
	for _, l := range base.Layers() {
		inBase[l.DiffID()] = true
	}
	add(base)
	add(target)
	done := make([]*scanned, len(list))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(cmp.Or(m.opt.Concurrency, runtime.GOMAXPROCS(0)))
	for i, l := range list {
		f, err := m.dir.Create()
		if err != nil {
			return err
		}
		m.spools = append(m.spools, f)
		g.Go(func() error {
			side := "target"
			if inBase[l.DiffID()] {
				side = "base"
			}
			if m.opt.Progress != nil {
				m.opt.Progress(delta.Progress{Stage: "compare", Layer: i + 1, Layers: len(list)})
			}
			s, err := scanLayer(gctx, l, f, side == "target")
			if err != nil {
				return fmt.Errorf("%s layer %s: %w", side, l.DiffID(), err)
			}
			done[i] = s
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, s := range done {
		m.pool[s.diffID] = s
	}
	m.r = &Report{SchemaVersion: SchemaVersion, Base: describe(base), Target: describe(target)}
	m.describeLayers(target, inBase)
	m.base, m.target = merge(m.layersOf(base)), merge(m.layersOf(target))
	for _, l := range m.base.layers {
		m.r.Base.Tar += l.size
	}
	for _, l := range m.target.layers {
		m.r.Target.Tar += l.size
	}
	return nil
}

func (m *maker) layersOf(img image.Image) (list []*scanned) {
	for _, l := range img.Layers() {
		list = append(list, m.pool[l.DiffID()])
	}
	return list
}

func describe(img image.Image) Image {
	d := Image{Names: img.Names(), ID: digest.FromBytes(img.Config()), Platform: image.FormatPlatform(img.Platform()), Layers: len(img.Layers())}
	if raw, _ := img.Manifest(); raw != nil {
		d.Manifest = digest.FromBytes(raw)
	}
	return d
}

func (m *maker) describeLayers(target image.Image, inBase map[digest.Digest]bool) {
	commands := history(target)
	m.number = make(map[*scanned]int)
	for i, l := range target.Layers() {
		s := m.pool[l.DiffID()]
		d := Layer{Number: i + 1, DiffID: l.DiffID(), Shared: inBase[l.DiffID()], Tar: s.size, Blob: s.blob, BlobEstimated: s.estimated, scanned: s}
		if b := l.Blob(); d.Blob == 0 && b != nil && b.Digest != l.DiffID() {
			d.Blob = b.Size
		}
		if i < len(commands) {
			d.Command = commands[i]
		}
		if m.number[s] == 0 {
			m.number[s] = i + 1
			if !d.Shared {
				d.Pull = d.Blob
			}
		}
		m.r.Layers = append(m.r.Layers, d)
	}
}

// history lists the commands that made the layers; it is empty if the config
// has another number of them.
func history(img image.Image) []string {
	var c ocispec.Image
	if json.Unmarshal(img.Config(), &c) != nil {
		return nil
	}
	var commands []string
	for _, h := range c.History {
		if !h.EmptyLayer {
			commands = append(commands, command(h.CreatedBy))
		}
	}
	if len(commands) != len(img.Layers()) {
		return nil
	}
	return commands
}

// command takes away what builders put around a command.
func command(s string) string {
	s = strings.TrimPrefix(s, "/bin/sh -c ")
	s = strings.TrimPrefix(s, "#(nop) ")
	s = strings.TrimSuffix(s, " # buildkit")
	return strings.Join(strings.Fields(s), " ")
}

// compare lists the files and what they take of the layers that must be pulled.
func (m *maker) compare() {
	m.all = compare(m.base, m.target)
	for _, f := range m.all {
		if f.target != nil {
			f.Layer = m.number[f.target.layer]
		}
	}
	for _, e := range m.target.hidden {
		if n := m.number[e.layer]; !m.r.Layers[n-1].Shared {
			f := compareEntry(e.path, nil, e)
			f.Status, f.Layer = Hidden, n
			f.Size = 0 // nobody sees it
			m.all = append(m.all, f)
		}
	}
	sortFiles(m.all)
	for _, f := range m.all {
		if f.target != nil && !m.r.Layers[f.Layer-1].Shared {
			f.Pull = f.target.layer.compressed(f.target)
		}
	}
	m.removals()
	m.packages()
}

// removals gives the cost of whiteouts to what they remove.
func (m *maker) removals() {
	removed := make(map[string]*File)
	for _, f := range m.all {
		if f.Status == Removed {
			removed[f.Path] = f
		}
	}
	for _, l := range m.r.Layers {
		if l.Shared {
			continue
		}
		for _, e := range l.scanned.entries {
			if f := removed["/"+e.path]; f != nil && e.whiteout {
				f.Layer = l.Number
				f.Pull += l.scanned.compressed(e)
			}
		}
	}
}

// listed tells whether there is anything to say of a file.
func (f *File) listed() bool { return f.Status != Same || f.Pull > 0 || f.Delta > 0 }

// addUp fills in what follows from the files.
func (m *maker) addUp() {
	r := m.r
	r.Summary.Counts = make(map[Status]int)
	for i := range r.Layers {
		l := &r.Layers[i]
		l.Counts = make(map[Status]int)
		if l.Shared {
			r.Summary.LayersShared++
		}
		r.Summary.PullEstimated = r.Summary.PullEstimated || l.BlobEstimated && l.Pull > 0
	}
	types, dirs := newGroups(), newGroups()
	for _, f := range m.all {
		r.Summary.Size += f.Size
		r.Summary.BaseSize += f.BaseSize
		if f.Kind != Directory {
			r.Summary.Counts[f.Status]++
			if f.target != nil {
				l := &r.Layers[f.Layer-1]
				l.Counts[f.Status]++
				l.Files++
			}
			if f.Status != Hidden && f.target != nil {
				r.Target.Files++
			}
			if f.base != nil {
				r.Base.Files++
			}
		}
		if !f.listed() {
			continue
		}
		types.add(f.Type, f)
		for dir := f.Path; dir != "/"; {
			dir = dir[:max(strings.LastIndexByte(dir, '/'), 1)]
			if dir == "" {
				dir = "/"
			}
			dirs.add(dir, f)
		}
		if !utf8.ValidString(f.Path) {
			f.Raw = []byte(f.Path)
		}
		r.Files = append(r.Files, f)
	}
	for _, l := range r.Layers {
		r.Summary.Pull += float64(l.Pull)
	}
	if r.Delta != nil {
		r.Summary.Delta = float64(r.Delta.Bytes)
	}
	m.listPackages()
	r.Types, r.Directories = types.byCost(), dirs.byName()
	m.advise()
	r.round()
}

// round takes away digits that mean nothing, and may be others on another
// processor.
func (r *Report) round() {
	round := func(c *Cost) {
		c.Pull, c.Delta = math.Round(c.Pull*1000)/1000, math.Round(c.Delta*1000)/1000
	}
	for _, f := range r.Files {
		round(&f.Cost)
		for i := range f.Inside {
			f.Inside[i].Delta = math.Round(f.Inside[i].Delta*1000) / 1000
		}
	}
	for _, list := range [][]Group{r.Types, r.Directories} {
		for i := range list {
			round(&list[i].Cost)
		}
	}
	for i := range r.Packages {
		round(&r.Packages[i].Cost)
	}
	for i := range r.Advice {
		a := &r.Advice[i]
		a.Pull, a.Delta = math.Round(a.Pull), math.Round(a.Delta)
	}
	if d := r.Delta; d != nil {
		d.Contents, d.Headers = math.Round(d.Contents), math.Round(d.Headers)
	}
}
