package delta

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"slices"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/docker-delta/docker-delta/format"
)

// newer gives the recipe of the package's layer, or of the gzip file inside of it,
// the number of an encoder that nobody has.
func newer(t *testing.T, b []byte, inside bool) []byte {
	t.Helper()
	ctx := context.Background()
	// The encoder's number stands behind the gzip header that the recipe keeps.
	renumber := func(b []byte) []byte {
		at := bytes.Index(b, []byte{0x1f, 0x8b, 8}) + 10
		if at < 10 || b[at] != byte(1) && b[at] != byte(30) {
			t.Fatalf("no recipe is found in %x", b)
		}
		b = bytes.Clone(b)
		b[at] = 99
		return b
	}
	d := mustRead(t, b)
	c := *d.Config()
	l := &c.Layers[0]
	if inside {
		blob, err := d.pkg.Blob(l.Data)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(blob)
		if err != nil {
			t.Fatal(err)
		}
		n, width := binary.Uvarint(raw)
		program, err := unpack(ctx, bytes.NewReader(raw[width:]), int64(n), 1<<20, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if program, err = pack(ctx, renumber(program), Default); err != nil {
			t.Fatal(err)
		}
		coded := append(binary.AppendUvarint(nil, uint64(len(program))), program...)
		coded = append(coded, raw[width+int(n):]...)
		l.Data = digest.FromBytes(coded)
		return repack(t, d, c, map[digest.Digest][]byte{l.Data: coded})
	}
	meta := &metadata{parts: slices.Clone(d.meta.parts)}
	part := *l.Blobs[0].Recipe
	meta.parts[part] = renumber(meta.parts[part])
	packed, err := meta.pack(ctx, Default)
	if err != nil {
		t.Fatal(err)
	}
	c.Metadata = digest.FromBytes(packed)
	return repack(t, d, c, map[digest.Digest][]byte{c.Metadata: packed})
}

// repack writes a package as c describes it, of the blobs of d and new ones.
func repack(t *testing.T, d *Delta, c format.Config, blobs map[digest.Digest][]byte) []byte {
	t.Helper()
	var list []format.Data
	put := func(id digest.Digest, mediaType string) {
		b, ok := blobs[id]
		if !ok {
			r, err := d.pkg.Blob(id)
			if err != nil {
				t.Fatal(err)
			}
			if b, err = io.ReadAll(r); err != nil {
				t.Fatal(err)
			}
		}
		list = append(list, format.Data{MediaType: mediaType, Digest: id, Size: int64(len(b)),
			Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }})
	}
	put(c.Metadata, format.MediaTypeMetadata)
	for _, l := range c.Layers {
		put(l.Data, format.MediaTypeLayer)
	}
	var out bytes.Buffer
	if err := format.Write(&out, &c, d.pkg.Manifest.Subject, d.pkg.Manifest.Annotations, list); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
