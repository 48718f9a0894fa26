package unpack

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// bzip2 of "hello\n", since Go has no encoder.
const helloBzip2 = "BZh91AY&SY\xc1\xc0\x80\xe2\x00\x00\x01A\x00\x00\x10\x02D\xa0\x000\xcd\x00\xc3F)\x97\x17rE8P\x90\xc1\xc0\x80\xe2"

func packs(t testing.TB, text []byte) map[Format][]byte {
	t.Helper()
	out := map[Format][]byte{None: text}
	for f, open := range map[Format]func(io.Writer) (io.WriteCloser, error){
		Gzip: func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil },
		Zstd: func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) },
		XZ:   func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) },
	} {
		var b bytes.Buffer
		w, err := open(&b)
		if err == nil {
			_, err = w.Write(text)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		out[f] = b.Bytes()
	}
	return out
}

func TestRoundTrip(t *testing.T) {
	for _, text := range []string{"", "x", "hello\n", strings.Repeat("some text ", 50000)} {
		for format, b := range packs(t, []byte(text)) {
			rc, got, err := NewReader(bytes.NewReader(b))
			if err != nil || got != format {
				t.Errorf("%q: %q %v", format, got, err)
				continue
			}
			plain, err := io.ReadAll(rc)
			if err != nil || string(plain) != text {
				t.Errorf("%q: %d bytes, want %d: %v", format, len(plain), len(text), err)
			}
			if err := rc.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	rc, format, err := NewReader(strings.NewReader(helloBzip2))
	if err != nil || format != Bzip2 {
		t.Fatalf("%q %v", format, err)
	}
	if b, err := io.ReadAll(rc); err != nil || string(b) != "hello\n" {
		t.Errorf("%q %v", b, err)
	}
}

// Several gzip members, and a zstd stream behind a skippable frame, are one stream.
func TestConcatenated(t *testing.T) {
	p := packs(t, []byte("hello\n"))
	skippable := append([]byte("\x50\x2a\x4d\x18\x04\x00\x00\x00skip"), p[Zstd]...)
	for what, b := range map[string][]byte{"gzip": append(bytes.Clone(p[Gzip]), p[Gzip]...), "zstd": append(skippable, p[Zstd]...)} {
		rc, _, err := NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(rc); err != nil || string(got) != "hello\nhello\n" {
			t.Errorf("%s: %q %v", what, got, err)
		}
	}
}

func TestTruncated(t *testing.T) {
	for format, b := range packs(t, []byte(strings.Repeat("some text ", 1000))) {
		if format == None {
			continue
		}
		for n := 6; n < len(b); n++ {
			rc, _, err := NewReader(bytes.NewReader(b[:n]))
			if err == nil {
				_, err = io.Copy(io.Discard, rc)
			}
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s cut at %d of %d: %v", format, n, len(b), err)
			}
		}
	}
}

// The reader may give its bytes one by one, and xz streams may be padded.
func TestXZPadding(t *testing.T) {
	b := append(packs(t, []byte("hello\n"))[XZ], make([]byte, 8)...)
	rc, _, err := NewReader(iotest.OneByteReader(bytes.NewReader(b)))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(rc); err != nil || string(got) != "hello\n" {
		t.Errorf("%q %v", got, err)
	}
}

// Windows that would take gigabytes are refused before they are allocated.
func TestLargeWindow(t *testing.T) {
	frame := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3, 0x01, 0x00, 0x00} // window 2 GiB
	block := append([]byte("\xfd7zXZ\x00\x00\x04\xe6\xd6\xb4F"), 0x02, 0x00, 0x21, 0x01, 40, 0, 0, 0, 0, 0, 0, 0)
	for what, b := range map[string][]byte{"zstd": frame, "xz": block} {
		rc, _, err := NewReader(bytes.NewReader(b))
		if err == nil {
			_, err = io.Copy(io.Discard, rc)
		}
		if err == nil || !strings.Contains(err.Error(), "window") && !strings.Contains(err.Error(), "dictionary") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func FuzzReader(f *testing.F) {
	for _, b := range packs(f, []byte("hello, hello, hello\n")) {
		f.Add(b)
	}
	f.Add([]byte(helloBzip2))
	f.Fuzz(func(t *testing.T, b []byte) {
		rc, _, err := NewReader(bytes.NewReader(b))
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, io.LimitReader(rc, 1<<20))
		rc.Close()
	})
}
