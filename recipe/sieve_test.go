package recipe

import (
	"bytes"
	"context"
	"testing"

	"github.com/docker-delta/docker-delta/recipe/internal/zlibenc/corpus"
)

// sift returns the codings that pass the sieve when each is looked at.
func sift(t *testing.T, s *search, list []coding) []coding {
	v := s.sieve(0)
	v.open = false
	got, _, err := v.next(list, len(list))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestSieve: the encoder that wrote a stream is never dropped, and among the
// levels most others are.
func TestSieve(t *testing.T) {
	var family []coding
	for _, id := range []encoderID{idZlib, idGNU, idBusybox, idPigz, idPigzSingle} {
		for _, level := range zlibLevels {
			c := coding{encoder: id, level: level}
			if id == idPigz || id == idPigzSingle {
				c.framing, c.arg = pigz, 32<<10
			}
			family = append(family, c)
		}
	}
	family = append(family, headerHints{}.unusual(Zlib)...)
	family = append(family, headerHints{windowBits: 9}.unusual(Zlib)...)
	tried, left := 0, 0
	for _, kind := range corpus.Kinds {
		for k, size := range []int{2<<10 + 1, 9000, 32<<10 + 1, 90_000} {
			plain := corpus.Data(kind, size, uint64(k))
			for n, c := range family {
				if testing.Short() && (n+k)%5 > 0 {
					continue
				}
				var out bytes.Buffer
				e, err := c.take(&out, 1)
				if err != nil {
					t.Fatal(err)
				}
				e.Write(plain)
				if err := e.Close(); err != nil {
					t.Fatal(err)
				}
				c.put(e, 1)
				in := &Input{
					Format: Deflate, Compressed: bytes.NewReader(out.Bytes()), Size: int64(out.Len()),
					Plain: bytes.NewReader(plain), PlainSize: int64(size),
				}
				spans, err := in.scan()
				if err != nil {
					t.Fatal(err)
				}
				s := &search{ctx: context.Background(), in: in, opt: &Options{}, spans: spans}
				got := sift(t, s, []coding{c})
				if len(got) != 1 {
					t.Errorf("%d bytes of %s: %s was dropped", size, kind, c)
				}
				if n%7 == 0 && (kind == "text" || kind == "mixed" || kind == "binary") && size > 60_000 {
					got = sift(t, s, family)
					tried, left = tried+len(family), left+len(got)
				}
			}
		}
	}
	t.Logf("%d of %d are left", left, tried)
	if left*2 > tried {
		t.Error("too many are left")
	}
}
