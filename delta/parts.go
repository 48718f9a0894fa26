package delta

import (
	"context"
	"fmt"

	"github.com/opencontainers/go-digest"

	"github.com/docker-delta/docker-delta/format"
)

// PartSize is the size of a part of a package.
type PartSize struct {
	// Layer is the layer that the part belongs to, counted from 1 in the order of
	// [Info.Layers]; 0 for what belongs to none.
	Layer int `json:"layer,omitempty"`
	// Part says what the bytes are: "package", what holds the parts together and
	// describes them; "metadata"; "steps", coded layers of the bases; of a coded layer "rewrapping", "operations",
	// "differences" and "literals", see docs/format.md; "blob", a compressed blob
	// that is carried whole.
	Part  string `json:"part"`
	Bytes int64  `json:"bytes"`
}

// Parts says where the bytes of the package are, from the package alone. For
// what they give of the target's files, see [Delta.Costs].
func (d *Delta) Parts(ctx context.Context) ([]PartSize, error) {
	c := d.pkg.Config
	var list []PartSize
	rest := d.size()
	put := func(layer int, part string, n int64) {
		if n > 0 {
			list = append(list, PartSize{layer, part, n})
			rest -= n
		}
	}
	put(0, "metadata", d.pkg.BlobSize(c.Metadata))
	for i := range c.Layers {
		l := &c.Layers[i]
		if l.Carried == format.CarriedDelta {
			coded, err := d.open(ctx, l)
			if err != nil {
				return nil, classify(err)
			}
			ops, copies, literals, err := coded.decoder.Streams()
			if err != nil {
				return nil, classify(fmt.Errorf("layer %s: %w", l.DiffID, err))
			}
			put(i+1, "rewrapping", coded.head)
			put(i+1, "operations", ops)
			put(i+1, "differences", copies)
			put(i+1, "literals", literals)
		}
		for _, b := range l.Blobs {
			if b.Carried {
				put(i+1, "blob", d.pkg.BlobSize(b.Digest))
			}
		}
	}
	steps, seen := int64(0), make(map[digest.Digest]bool)
	for _, l := range c.Layers {
		seen[l.Data] = true
	}
	for _, s := range c.Steps {
		for _, l := range s.Layers {
			if !seen[l.Data] {
				seen[l.Data] = true
				steps += d.pkg.BlobSize(l.Data)
			}
		}
	}
	put(0, "steps", steps)
	return append([]PartSize{{Part: "package", Bytes: rest}}, list...), nil
}
