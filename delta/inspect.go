package delta

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/recipe"
)

// Info tells what is in a delta. All sizes are bytes.
type Info struct {
	FormatVersion int           `json:"formatVersion"`
	Manifest      digest.Digest `json:"manifest"` // of the package
	// Size is that of the package's file, or of its parts in a directory.
	Size     int64         `json:"size"`
	Metadata int64         `json:"metadata"` // bytes of configs, manifests, recipes
	Bases    []format.Base `json:"bases"`
	// Steps give what the bases have from other images, so that the delta applies
	// to these as well.
	Steps   []StepInfo   `json:"steps,omitempty"`
	Targets []TargetInfo `json:"targets"`
	Layers  []LayerInfo  `json:"layers"`
	// Plain and Compressed are the sizes of all target layers, as tars and as
	// the target had them; Compressed is 0 where it had no blobs.
	Plain      int64 `json:"plain"`
	Compressed int64 `json:"compressed,omitempty"`
	// Saving is the share of a full transfer that the delta saves.
	Saving float64 `json:"saving"`
}

// TargetInfo identifies a target.
type TargetInfo struct {
	Names    []string      `json:"names,omitempty"`
	ID       digest.Digest `json:"id"`
	Platform string        `json:"platform,omitempty"`
	// Manifest is the target's own, empty if it had none.
	Manifest digest.Digest `json:"manifest,omitempty"`
	// Exact tells that the manifest and all compressed blobs come back, with this
	// program: see Lacks of the layers and blobs.
	Exact  bool  `json:"exact"`
	Layers []int `json:"layers"` // numbers into Info.Layers
}

// StepInfo tells what a step gives.
type StepInfo struct {
	Bases  []format.Base `json:"bases"`
	Layers []LayerInfo   `json:"layers"`
}

// LayerInfo tells how a layer is carried.
type LayerInfo struct {
	DiffID  digest.Digest `json:"diffID"`
	Size    int64         `json:"size"`
	Carried string        `json:"carried"`
	Bytes   int64         `json:"bytes"` // in the package
	// Rewrap is the part of Bytes that says how to rewrap what is compressed
	// inside the layer.
	Rewrap int64 `json:"rewrap,omitempty"`
	// Lacks says what a later docker-delta has and this one needs to rebuild the layer,
	// such as "encoder number 70"; it is empty where nothing is missing.
	Lacks string     `json:"lacks,omitempty"`
	Blobs []BlobInfo `json:"blobs,omitempty"`
}

// BlobInfo tells how a compressed form of a layer comes back.
type BlobInfo struct {
	MediaType string        `json:"mediaType"`
	Digest    digest.Digest `json:"digest"`
	Size      int64         `json:"size"`
	// Encoder names what rewraps the layer; it is empty where nothing does.
	Encoder string `json:"encoder,omitempty"`
	Recipe  int64  `json:"recipe,omitempty"` // bytes
	Lacks   string `json:"lacks,omitempty"`  // as for layers
}

// size is that of the package's file, or of its parts in a directory.
func (d *Delta) size() int64 { return cmp.Or(d.pkg.FileSize(), d.pkg.Size()) }

// Inspect describes the delta from what is in the package alone.
func (d *Delta) Inspect(ctx context.Context) (*Info, error) {
	c := d.pkg.Config
	info := &Info{
		FormatVersion: c.FormatVersion, Manifest: d.pkg.Descriptor.Digest, Size: d.size(),
		Metadata: d.pkg.BlobSize(c.Metadata), Bases: c.Bases,
	}
	for i := range c.Layers {
		l, err := d.inspectLayer(ctx, &c.Layers[i])
		if err != nil {
			return nil, classify(err)
		}
		info.Layers = append(info.Layers, l)
		info.Plain += l.Size
		if len(l.Blobs) > 0 {
			info.Compressed += l.Blobs[0].Size
		}
	}
	for _, st := range d.steps {
		step := StepInfo{Bases: st.bases, Layers: []LayerInfo{}}
		for i := range st.layers {
			if st.layers[i].Carried == format.CarriedNot {
				continue
			}
			l, err := d.inspectLayer(ctx, &st.layers[i])
			if err != nil {
				return nil, classify(err)
			}
			step.Layers = append(step.Layers, l)
		}
		info.Steps = append(info.Steps, step)
	}
	for i := range c.Targets {
		t := &c.Targets[i]
		ti := TargetInfo{Names: t.Names, ID: t.Config.Digest, Platform: t.Platform, Layers: t.Layers}
		if t.Manifest != nil {
			ti.Manifest = t.Manifest.Digest
			own := &target{d: d, t: t}
			ti.Exact = len(own.inexact()) == 0 && !info.lacks(own)
		}
		info.Targets = append(info.Targets, ti)
	}
	full := info.Plain
	if info.Compressed > 0 {
		full = info.Compressed
	}
	if full > 0 {
		info.Saving = 1 - float64(info.Size)/float64(full)
	}
	return info, nil
}

func (d *Delta) inspectLayer(ctx context.Context, l *format.Layer) (LayerInfo, error) {
	var newer *recipe.UnknownError
	li := LayerInfo{DiffID: l.DiffID, Size: l.Size, Carried: l.Carried, Bytes: d.pkg.BlobSize(l.Data)}
	if l.Carried == format.CarriedDelta {
		coded, err := d.open(ctx, l)
		switch {
		case errors.As(err, &newer):
			li.Lacks = newer.What
		case err != nil:
			return li, err
		default:
			li.Rewrap = coded.head
		}
	}
	for i := range l.Blobs {
		b := &l.Blobs[i]
		bi := BlobInfo{MediaType: b.MediaType, Digest: b.Digest, Size: b.Size}
		switch {
		case b.Digest == l.DiffID:
			bi.Encoder = "not compressed"
		case b.Carried:
			bi.Encoder = "carried whole"
			if b.Digest != l.Data {
				li.Bytes += d.pkg.BlobSize(b.Digest)
			}
		case b.Recipe != nil:
			r, err := d.recipe(l, b)
			switch {
			case errors.As(err, &newer):
				bi.Lacks = newer.What
			case err != nil:
				return li, err
			default:
				bi.Encoder = r.String()
			}
			raw, _ := d.meta.part(*b.Recipe)
			bi.Recipe = int64(len(raw))
		}
		li.Blobs = append(li.Blobs, bi)
	}
	return li, nil
}

// lacks tells whether something is missing to rebuild the target's layers, or the
// blobs that its manifest names.
func (info *Info) lacks(t *target) bool {
	blobs, _ := t.blobs()
	for i, n := range t.t.Layers {
		l := &info.Layers[n]
		if l.Lacks != "" || slices.ContainsFunc(l.Blobs, func(b BlobInfo) bool { return b.Lacks != "" && b.Digest == blobs[i].Digest }) {
			return true
		}
	}
	return false
}
