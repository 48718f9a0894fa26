package delta

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/internal/limit"
	"github.com/docker-delta/docker-delta/internal/spool"
)

// hostile is a package that somebody made by hand: metadata in the coded form, and a
// description that fits it but for what change does. All digests hold.
func hostile(t testing.TB, metadata []byte, change func(c *format.Config, blob func([]byte) digest.Digest)) []byte {
	t.Helper()
	coded, err := pack(context.Background(), metadata, Fast)
	if err != nil {
		t.Fatal(err)
	}
	var blobs []format.Data
	blob := func(b []byte) digest.Digest {
		id := digest.FromBytes(b)
		blobs = append(blobs, format.Data{MediaType: format.MediaTypeLayer, Digest: id, Size: int64(len(b)),
			Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }})
		return id
	}
	c := &format.Config{FormatVersion: format.Version, Metadata: blob(coded),
		Targets: []format.Target{{Config: format.Part{Digest: digest.FromString("{}"), Size: 2, Part: 1}, Layers: []int{}}}, Layers: []format.Layer{}}
	change(c, blob)
	var b bytes.Buffer
	if err := format.Write(&b, c, nil, nil, blobs); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// plainMetadata is a reference without streams and a config.
func plainMetadata(config string) []byte {
	parts := [][]byte{{0}, []byte(config)}
	b := binary.AppendUvarint(nil, uint64(len(parts)))
	for _, p := range parts {
		b = binary.AppendUvarint(b, uint64(len(p)))
	}
	return append(b, bytes.Join(parts, nil)...)
}

// isRefused reads a package that must be refused, and looks what that takes.
func isRefused(t *testing.T, name string, b []byte, opt OpenOptions, want error, text string) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	d, err := ReadSigned(context.Background(), bytes.NewReader(b), int64(len(b)), opt)
	if err == nil {
		err = d.Verify(context.Background(), nil, RebuildOptions{Resources: resources(t)})
	}
	runtime.ReadMemStats(&after)
	if !errors.Is(err, want) || !strings.Contains(err.Error(), text) {
		t.Errorf("%s: %v", name, err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 200<<20 {
		t.Errorf("%s: %d MiB were allocated for a package of %d bytes", name, n>>20, len(b))
	}
}

// Small packages that ask for much are refused before it is taken.
func TestHostilePackages(t *testing.T) {
	nothing := func(*format.Config, func([]byte) digest.Digest) {}
	small := OpenOptions{MaxMemory: 16 << 20}
	if d := mustRead(t, hostile(t, plainMetadata("{}"), nothing)); len(d.Config().Layers) != 0 {
		t.Fatal("the package is not what this test means")
	}
	isRefused(t, "many parts", hostile(t, binary.AppendUvarint(nil, 1<<19), nothing), OpenOptions{}, ErrVerify, "metadata")
	parts := append(binary.AppendUvarint(nil, 1<<20), make([]byte, 1<<20)...)
	isRefused(t, "a million empty parts", hostile(t, parts, nothing), OpenOptions{}, ErrVerify, "metadata")
	isRefused(t, "long metadata", hostile(t, make([]byte, 32<<20), nothing), small, ErrVerify, "at most 4194304 are allowed")
	isRefused(t, "a wide address space", hostile(t, plainMetadata("{}"), func(c *format.Config, blob func([]byte) digest.Digest) {
		c.Reference = []format.ReferenceLayer{{DiffID: digest.FromString("base"), Size: spool.MaxSpan}}
	}), small, limit.ErrMemory, "the address space would take over 4096 KiB; raise --max-memory")

	config := fmt.Sprintf(`{"rootfs":{"type":"layers","diff_ids":[%q]}}`, digest.FromString("layer"))
	hasLayer := func(c *format.Config) {
		c.Targets[0].Layers = []int{0}
		c.Targets[0].Config.Digest, c.Targets[0].Config.Size = digest.FromString(config), int64(len(config))
	}
	// A compressed layer of a million zeros for each of its bytes.
	var z bytes.Buffer
	w, _ := gzip.NewWriterLevel(&z, 9)
	if _, err := w.Write(make([]byte, 64<<20)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	bomb := hostile(t, plainMetadata(config), func(c *format.Config, blob func([]byte) digest.Digest) {
		id := blob(z.Bytes())
		c.Layers = []format.Layer{{DiffID: digest.FromString("layer"), Size: 1024, Carried: format.CarriedBlob, Data: id,
			Blobs: []format.Blob{{MediaType: "x", Digest: id, Size: int64(z.Len()), Carried: true}}}}
		hasLayer(c)
	})
	isRefused(t, "a carried bomb", bomb, OpenOptions{}, ErrVerify, "more bytes than announced")

	// A rewrap program of 48 MiB for a layer of 100 bytes.
	program, err := pack(context.Background(), make([]byte, 48<<20), Fast)
	if err != nil {
		t.Fatal(err)
	}
	long := hostile(t, plainMetadata(config), func(c *format.Config, blob func([]byte) digest.Digest) {
		id := blob(append(binary.AppendUvarint(nil, uint64(len(program))), program...))
		c.Layers = []format.Layer{{DiffID: digest.FromString("layer"), Size: 100, Carried: format.CarriedDelta, Data: id}}
		hasLayer(c)
	})
	isRefused(t, "a long program", long, OpenOptions{}, ErrVerify, "at most 1124 are allowed")
}

// What lists things is bounded by their number.
func TestHostileDescriptions(t *testing.T) {
	id := digest.FromString("x")
	good := func() *format.Config {
		return &format.Config{FormatVersion: format.Version, Metadata: id, Layers: []format.Layer{},
			Targets: []format.Target{{Config: format.Part{Digest: id}, Layers: []int{}}}}
	}
	for name, change := range map[string]func(c *format.Config) string{
		"targets": func(c *format.Config) string {
			for range format.MaxTargets {
				c.Targets = append(c.Targets, c.Targets[0])
			}
			return "over 1024 images"
		},
		"bases": func(c *format.Config) string {
			for range format.MaxTargets + 1 {
				c.Bases = append(c.Bases, format.Base{ID: id, DiffIDs: []digest.Digest{}})
			}
			return "over 1024 images"
		},
		"blobs": func(c *format.Config) string {
			c.Layers = []format.Layer{{DiffID: id, Carried: format.CarriedBase}}
			for range format.MaxBlobs + 1 {
				c.Layers[0].Blobs = append(c.Layers[0].Blobs, format.Blob{MediaType: "x", Digest: id})
			}
			return "over 256 compressed forms"
		},
		"shared data": func(c *format.Config) string {
			for _, s := range []string{"a", "b"} {
				c.Layers = append(c.Layers, format.Layer{DiffID: digest.FromString(s), Carried: format.CarriedDelta, Data: id})
			}
			return "has the data of another"
		},
		"values": func(c *format.Config) string {
			c.Targets[0].Layers = make([]int, limit.MaxJSONValues)
			return fmt.Sprintf("over %d values", limit.MaxJSONValues)
		},
	} {
		c := good()
		want := change(c)
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := format.ParseConfig(b); !errors.Is(err, format.ErrCorrupt) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The manifest comes before the description.
	b := []byte(`{"schemaVersion":2,"layers":[` + strings.Repeat("{},", limit.MaxJSONValues/2) + `{}]}`)
	if err := limit.Unmarshal(b, new(format.Manifest)); err == nil {
		t.Error("a manifest of very many layers was decoded")
	}
}

// The limits that a user sets hold, and errors name them.
func TestLimitsOfUsers(t *testing.T) {
	p := pairs(t)["gzip"]
	b, _ := mustCreate(t, Input{Bases: one(p.base), Targets: one(p.target)}, CreateOptions{Resources: resources(t), Level: Fast})
	d := mustRead(t, b)
	size := int64(0)
	for _, l := range d.Config().Layers {
		size += l.Size
	}
	for name, c := range map[string]struct {
		change func(*Resources)
		want   error
		text   string
	}{
		"image":     {func(r *Resources) { r.MaxImage = size - 1 }, ErrTooLarge, "raise --max-image"},
		"temporary": {func(r *Resources) { r.MaxTemp = 4096 }, spool.ErrLimit, "raise --max-temp"},
	} {
		opt := RebuildOptions{Resources: resources(t)}
		c.change(&opt.Resources)
		if err := d.Verify(context.Background(), p.base, opt); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", name, err)
		}
	}
	opt := RebuildOptions{Resources: resources(t)}
	opt.MaxImage = size
	if err := d.Verify(context.Background(), p.base, opt); err != nil {
		t.Errorf("an image of the largest size: %v", err)
	}
	if _, err := ReadSigned(context.Background(), bytes.NewReader(b), int64(len(b)), OpenOptions{MaxMemory: 1000}); err == nil {
		t.Error("a package was read within 1000 bytes")
	}
	create := CreateOptions{Resources: resources(t), Level: Fast}
	create.MaxMemory = 1000
	_, err := Create(context.Background(), io.Discard, Input{Bases: one(p.base), Targets: one(p.target)}, create)
	if !errors.Is(err, limit.ErrMemory) || !strings.Contains(err.Error(), "--max-memory") {
		t.Errorf("create: %v", err)
	}
}
