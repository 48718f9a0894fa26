package recipe

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/docker-delta/docker-delta/recipe/internal/zstdenc"
	"github.com/klauspost/compress/zstd"
)

// zstdBlob is plain as a frame of the klauspost/compress of go.mod, flushed after
// the first so many bytes as io.Copy behind a Write does it.
func zstdBlob(t testing.TB, plain []byte, level zstd.EncoderLevel, first int, more ...zstd.EOption) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, append(more, zstd.WithEncoderLevel(level))...)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(plain[:first])
	if first > 0 {
		if _, err := w.ReadFrom(bytes.NewReader(plain[first:])); err != nil {
			t.Fatal(err)
		}
	} else {
		w.Write(plain)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestZstd(t *testing.T) {
	for level := zstd.SpeedFastest; level <= zstd.SpeedBestCompression; level++ {
		for _, n := range []int{0, 1, 500, 1025, 64 << 10, 128 << 10, 128<<10 + 1, 700000} {
			if level == zstd.SpeedBestCompression && n != 1025 {
				continue // slow, and its tables are big
			}
			plain := text(n, uint64(n))
			r := roundTrip(t, Zstd, zstdBlob(t, plain, level, 0), Options{})
			if n > 200000 && !strings.Contains(r.String(), level.String()) {
				t.Errorf("level %s taken for %s", level, r)
			}
		}
	}
	plain := text(300000, 5)
	for name, packed := range map[string][]byte{
		"first write":         zstdBlob(t, plain, zstd.SpeedDefault, 8),
		"window":              zstdBlob(t, plain, zstd.SpeedDefault, 0, zstd.WithWindowSize(1<<17)),
		"small window":        zstdBlob(t, plain, zstd.SpeedFastest, 0, zstd.WithWindowSize(1<<14)),
		"no checksum":         zstdBlob(t, plain, zstd.SpeedDefault, 0, zstd.WithEncoderCRC(false)),
		"first, no checksum":  zstdBlob(t, plain, zstd.SpeedDefault, 512, zstd.WithEncoderCRC(false)),
		"zeros":               zstdBlob(t, make([]byte, 400000), zstd.SpeedDefault, 0),
		"two frames":          append(zstdBlob(t, plain, zstd.SpeedDefault, 0), zstdBlob(t, plain[:5], zstd.SpeedBetterCompression, 0)...),
		"skippable in front":  append(skippable("pzstd"), zstdBlob(t, plain, zstd.SpeedDefault, 0)...),
		"skippable at end":    append(zstdBlob(t, plain, zstd.SpeedDefault, 0), skippable(string(text(4000, 8)))...),
		"skippable in middle": bytes.Join([][]byte{zstdBlob(t, plain, zstd.SpeedDefault, 0), skippable(""), zstdBlob(t, plain, zstd.SpeedDefault, 0)}, nil),
	} {
		t.Run(name, func(t *testing.T) {
			r := roundTrip(t, Zstd, packed, Options{Concurrency: 2})
			b, _ := r.AppendBinary(nil)
			t.Logf("%s, %d bytes", r, len(b))
		})
	}
}

func skippable(s string) []byte {
	b := binary.LittleEndian.AppendUint32(nil, 0x184d2a50)
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(s))), s...)
}

// TestZstdClasses finds every class and level again.
func TestZstdClasses(t *testing.T) {
	plain := append(text(150000, 6), make([]byte, 300000)...)
	plain = append(plain, text(50000, 7)...)
	for class := zstdenc.Class1_13_6; class <= zstdenc.Class1_20_3; class++ {
		for _, level := range class.Levels() {
			if level == zstdenc.Best && class < zstdenc.Class1_20_3 {
				continue // slow
			}
			var b bytes.Buffer
			w, err := zstdenc.NewWriter(&b, zstdenc.Params{Class: class, Level: level})
			if err != nil {
				t.Fatal(err)
			}
			w.Write(plain)
			w.Close()
			r := roundTrip(t, Zstd, b.Bytes(), Options{})
			if want := fmt.Sprint(encoders[50+encoderID(class)].class); !strings.Contains(r.String(), want) {
				t.Logf("class %s level %d taken for %s", want, level, r)
			}
		}
	}
}

func TestZstdForeign(t *testing.T) {
	plain := text(200000, 6)
	packed := zstdBlob(t, plain, zstd.SpeedDefault, 0)
	packed[len(packed)/2] ^= 1
	if _, err := find(Zstd, packed, plain, Options{}); !errors.Is(err, ErrNotReproduced) {
		t.Errorf("Find of foreign bytes: %v", err)
	}
}
