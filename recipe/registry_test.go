package recipe

import (
	"bytes"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// TestEveryEncoder: whatever is in the registry is tried on the streams that it writes,
// at each of its levels and in each of its framings, and gives them back.
func TestEveryEncoder(t *testing.T) {
	for _, e := range registry {
		if e.id == idCorrected {
			continue
		}
		t.Run(e.name+" "+e.class, func(t *testing.T) {
			for _, f := range e.framings {
				found := 0 // two levels show that it is found; that takes its time
				for _, level := range e.levels {
					if e.same != nil && e.same(level, f) {
						continue
					}
					c := coding{encoder: e.id, level: level, framing: f}
					plain := text(70_000, 5)
					switch f {
					case pgzip:
						c.arg = 32 << 10
					case pigz:
						c.arg, plain = 128<<10, text(140_000, 5)
					case flushOnce:
						c.arg = 1000
					}
					packed := c.compress(t, plain)
					if !slices.Contains(tried(t, e.format, packed, plain), c) {
						t.Errorf("%s is not tried on a stream of its own", c)
					}
					if found++; found <= 2 {
						t.Logf("%s is taken for %s", c, roundTrip(t, e.format, packed, Options{Concurrency: 2}))
					}
				}
			}
		})
	}
}

// TestUnlikeKlauspost: another zstd encoder than klauspost's is tried also on frames
// that klauspost's never writes or writes with a flush.
func TestUnlikeKlauspost(t *testing.T) {
	e := &encoder{id: 4711, format: Zstd, name: "dummy", class: "0", levels: []int8{19}, framings: plain, open: openNothing}
	was := registry
	registry, encoders[e.id] = append(slices.Clone(registry), e), e
	levels := zstdLevels
	zstdLevels = append(slices.Clone(levels), 19)
	defer func() { registry, zstdLevels = was, levels; delete(encoders, e.id) }()
	plain := text(300_000, 5)
	for name, packed := range map[string][]byte{
		"a short first block":            zstdBlob(t, plain, zstd.SpeedDefault, 8),
		"a content of more than a block": zstdBlob(t, plain, zstd.SpeedDefault, 0, zstd.WithSingleSegment(true)),
	} {
		if !slices.ContainsFunc(tried(t, Zstd, packed, plain), func(c coding) bool { return c.encoder == e.id && c.level == 19 }) {
			t.Errorf("not tried on %s", name)
		}
	}
}

// tried lists the codings that are tried on the first span of a stream.
func tried(t *testing.T, f Format, packed, plain []byte) []coding {
	t.Helper()
	in := &Input{
		Format: f, Compressed: bytes.NewReader(packed), Size: int64(len(packed)),
		Plain: bytes.NewReader(plain), PlainSize: int64(len(plain)),
	}
	spans, err := in.scan()
	if err != nil {
		t.Fatal(err)
	}
	list, err := in.candidates(&spans[0], nil, false)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// compress gives the stream that c makes of plain.
func (c coding) compress(t *testing.T, plain []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	e, err := c.take(&out, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer c.put(e, 1)
	flushAt := map[framing]int{flushOnce: int(c.arg), flushEnd: len(plain)}[c.framing]
	if flushAt > 0 {
		if _, err := e.Write(plain[:flushAt]); err != nil {
			t.Fatal(err)
		}
		if err := e.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := e.Write(plain[flushAt:]); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
