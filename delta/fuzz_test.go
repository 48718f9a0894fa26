package delta

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/internal/limit"
)

// FuzzMetadata has a package whose digests hold, with any metadata, and any bytes for
// its layer, coded or compressed: it is sound, or the error is of a class that tells
// what is wrong.
func FuzzMetadata(f *testing.F) {
	layer := "a layer"
	config := fmt.Sprintf(`{"rootfs":{"type":"layers","diff_ids":[%q]}}`, digest.FromString(layer))
	f.Add(plainMetadata(config), []byte(layer), uint8(0))
	f.Add(plainMetadata(config), []byte{1, 0, 3}, uint8(1))
	f.Add(plainMetadata("{}"), []byte{}, uint8(2))
	f.Add([]byte{3, 1, 1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0}, []byte(layer), uint8(3))
	b, _ := mustCreate(f, Input{Bases: one(pairs(f)["gzip"].base), Targets: one(pairs(f)["gzip"].target)}, CreateOptions{Resources: resources(f), Level: Fast})
	d := mustRead(f, b)
	for _, p := range d.meta.parts {
		f.Add(append([]byte{2, byte(min(len(p), 127)), 0}, p[:min(len(p), 127)]...), []byte(layer), uint8(0))
	}
	f.Fuzz(func(t *testing.T, metadata, data []byte, how uint8) {
		b := hostile(t, metadata, func(c *format.Config, blob func([]byte) digest.Digest) {
			l := format.Layer{DiffID: digest.FromString(layer), Size: int64(len(layer)), Carried: format.CarriedDelta, Data: blob(data)}
			if how&1 != 0 {
				l.Carried = format.CarriedBlob
				l.Blobs = []format.Blob{{MediaType: "x", Digest: l.Data, Size: int64(len(data)), Carried: true}}
			}
			if how&2 != 0 {
				c.Reference = []format.ReferenceLayer{{DiffID: digest.FromString("base"), Size: 512}}
			}
			c.Layers, c.Targets[0].Layers = []format.Layer{l}, []int{0}
			c.Targets[0].Config.Digest, c.Targets[0].Config.Size = digest.FromString(config), int64(len(config))
		})
		d, err := ReadSigned(context.Background(), bytes.NewReader(b), int64(len(b)), OpenOptions{MaxMemory: 16 << 20})
		if err == nil {
			err = d.Verify(context.Background(), nil, RebuildOptions{Resources: Resources{TempDir: t.TempDir(), MaxMemory: 16 << 20}})
		}
		if err != nil && !errors.Is(err, ErrVerify) && !errors.Is(err, ErrBase) && !errors.Is(err, limit.ErrMemory) && !errors.Is(err, format.ErrCorrupt) && !errors.Is(err, format.ErrVersion) {
			t.Errorf("%v", err)
		}
	})
}
