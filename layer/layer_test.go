package layer

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/docker-delta/docker-delta/internal/spool"
	"github.com/docker-delta/docker-delta/recipe"
)

type member struct {
	name string
	body []byte
}

func makeTar(t testing.TB, format tar.Format, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		h := &tar.Header{Name: m.name, Size: int64(len(m.body)), Mode: 0o644, Typeflag: tar.TypeReg, Format: format}
		if strings.HasSuffix(m.name, "/") {
			h.Typeflag, h.Size = tar.TypeDir, 0
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(m.body[:h.Size]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// text is compressible and different for every seed.
func text(seed uint64, n int) []byte {
	rng := rand.New(rand.NewPCG(seed, 7))
	var b bytes.Buffer
	for b.Len() < n {
		fmt.Fprintf(&b, "line %d of %d says %s\n", rng.IntN(1000), seed, strings.Repeat("so", rng.IntN(6)))
	}
	return b.Bytes()[:n]
}

func makeGzip(t testing.TB, level int, body []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func makeZip(t testing.TB, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i, m := range members {
		h := &zip.FileHeader{Name: m.name, Method: zip.Deflate}
		if i%3 == 2 {
			h.Method = zip.Store
		}
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(m.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// makePNG encodes an image and cuts its pixels into chunks of n bytes.
func makePNG(t testing.TB, n int) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, 90, 70))
	for i := range img.Pix {
		img.Set(i%90, i/90, color.Gray{uint8(i * i / 77)})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	whole := b.Bytes()
	at := bytes.Index(whole, []byte("IDAT")) - 4
	size := int(whole[at+2])<<8 | int(whole[at+3])
	out := append([]byte(nil), whole[:at]...)
	for data := whole[at+8 : at+8+size]; len(data) > 0; {
		k := min(n, len(data))
		chunk := append([]byte("IDAT"), data[:k]...)
		sum := crc32.ChecksumIEEE(chunk)
		out = append(out, 0, 0, byte(k>>8), byte(k))
		out = append(out, chunk...)
		out = append(out, byte(sum>>24), byte(sum>>16), byte(sum>>8), byte(sum))
		data = data[k:]
	}
	return append(out, whole[at+12+size:]...)
}

// covers checks that nodes lie one behind the other.
func covers(t *testing.T, nodes []*Node, at, end int64) {
	t.Helper()
	for _, n := range nodes {
		if n.Off != at || n.Len <= 0 {
			t.Fatalf("node %q at %d+%d, expected at %d", n.Path, n.Off, n.Len, at)
		}
		if n.Parts != nil {
			covers(t, n.Parts, n.Off, n.End())
		}
		at = n.End()
	}
	if at != end {
		t.Fatalf("nodes end at %d of %d", at, end)
	}
}

func paths(s *Stream, kind Kind) string {
	var list []string
	for _, n := range s.Nodes {
		if n.Kind == kind {
			list = append(list, n.Path)
		}
	}
	return strings.Join(list, " ")
}

func TestScanTar(t *testing.T) {
	long := strings.Repeat("d/", 100) + "file"
	for _, format := range []tar.Format{tar.FormatGNU, tar.FormatPAX} {
		b := makeTar(t, format, member{"dir/", nil}, member{"dir/a", text(1, 1000)}, member{long, text(2, 512)}, member{"empty", nil})
		s, err := Scan(bytes.NewReader(b), nil)
		if err != nil {
			t.Fatal(err)
		}
		covers(t, s.Nodes, 0, int64(len(b)))
		if got, want := paths(s, Content), "dir/a "+long; got != want {
			t.Errorf("%v: contents %q, want %q", format, got, want)
		}
		if got, want := paths(s, Header), "dir/ dir/a "+long+" empty "; got != want {
			t.Errorf("%v: headers %q, want %q", format, got, want)
		}
	}
}

func TestScanWhatIsNoTar(t *testing.T) {
	tarball := makeTar(t, tar.FormatUSTAR, member{"a", text(1, 3000)})
	for name, b := range map[string][]byte{
		"empty":     nil,
		"text":      text(3, 5000),
		"zeros":     make([]byte, 4096),
		"cut":       tarball[:700],
		"cut early": tarball[:100],
		"junk":      append(tarball[:3584:3584], text(4, 777)...),
	} {
		s, err := Scan(bytes.NewReader(b), nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		covers(t, s.Nodes, 0, int64(len(b)))
	}
}

func scanned(t testing.TB, b []byte) *Stream {
	t.Helper()
	s, err := Scan(bytes.NewReader(b), nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Raw = bytes.NewReader(b)
	return s
}

func unwrapped(t testing.TB, b []byte, recipes bool) (*Stream, *Unwrapper) {
	t.Helper()
	s := scanned(t, b)
	u := &Unwrapper{Dir: spool.NewDir(t.TempDir(), 0), Recipes: recipes, Concurrency: 2, Debugf: t.Logf}
	t.Cleanup(func() { u.Close() })
	if err := u.Cut(context.Background(), s); err != nil {
		t.Fatal(err)
	}
	if err := u.Unwrap(context.Background(), s); err != nil {
		t.Fatal(err)
	}
	return s, u
}

// nested is a layer with everything in it that is looked into.
func nested(t testing.TB) []byte {
	inner := makeTar(t, tar.FormatUSTAR, member{"x/deep.txt", text(10, 9000)}, member{"x/deep.gz", makeGzip(t, 6, text(11, 7000))})
	jar := makeZip(t, member{"a.class", text(12, 3000)}, member{"b.class", text(13, 4000)}, member{"stored", text(14, 500)}, member{"tiny", []byte("t")})
	war := makeZip(t, member{"lib/x.jar", jar}, member{"z", text(15, 100)}, member{"lib/stored.jar", jar})
	return makeTar(t, tar.FormatPAX,
		member{"doc.gz", makeGzip(t, 9, text(16, 20000))},
		member{"misnamed.txt", makeGzip(t, 1, inner)},
		member{"plain.gz", text(17, 5000)},
		member{"app.war", war},
		member{"img.png", makePNG(t, 300)},
		member{"one.png", makePNG(t, 1<<15)},
		member{"inner.tar", inner},
		member{"broken.gz", makeGzip(t, 6, text(18, 3000))[:500]},
	)
}

func TestProgramGivesRawBytesBack(t *testing.T) {
	b := nested(t)
	s, _ := unwrapped(t, b, true)
	p := NewProgram(s)
	if len(p.steps) < 6 {
		t.Fatalf("only %d parts were unwrapped", len(p.steps))
	}
	coded, err := p.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	if p, err = ParseProgram(coded, s.Size, nil); err != nil {
		t.Fatal(err)
	}
	plain := Plain(s)
	if p.PlainSize() != plain.Size() || s.PlainSize() != plain.Size() || p.Size() != int64(len(b)) {
		t.Fatalf("sizes: program %d to %d, plain %d", p.PlainSize(), p.Size(), plain.Size())
	}
	for _, step := range []int64{1, 7, 4096, 1 << 20} {
		for cores := 1; cores < 4; cores++ {
			var out bytes.Buffer
			err := p.Rewrap(&out, cores, func(w io.Writer) error {
				buf := make([]byte, step)
				for off := int64(0); off < plain.Size(); off += step {
					buf = buf[:min(step, plain.Size()-off)]
					if _, err := plain.ReadAt(buf, off); err != nil {
						t.Fatal(err)
					}
					if _, err := w.Write(buf); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(out.Bytes(), b) {
				t.Fatalf("steps of %d, %d cores: other bytes came back", step, cores)
			}
		}
	}
	for cores := 1; cores < 3; cores++ {
		if err := p.Rewrap(io.Discard, cores, func(io.Writer) error { return nil }); !errors.Is(err, ErrProgram) {
			t.Errorf("%d cores, missing bytes: %v", cores, err)
		}
		err := p.Rewrap(io.Discard, cores, func(w io.Writer) error {
			_, err := w.Write(make([]byte, plain.Size()+1))
			return err
		})
		if err == nil {
			t.Errorf("%d cores: other bytes, one too many, were taken", cores)
		}
	}
}

func TestGatherGivesWhatWasReferred(t *testing.T) {
	b := nested(t)
	s, _ := unwrapped(t, b, false)
	other := scanned(t, text(20, 12345))
	ref, addr := NewReference([]*Stream{other, s})
	if addr[s] != other.Size || ref.Size() <= other.Size+s.Size {
		t.Fatalf("layout: %v, %d bytes", addr[s], ref.Size())
	}
	parsed, err := ParseReference(ref.AppendBinary(nil), []int64{other.Size, s.Size}, nil)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(5, 6))
	for round := range 20 {
		pages, err := spool.NewPages(spool.NewDir(t.TempDir(), 0), parsed.Size())
		if err != nil {
			t.Fatal(err)
		}
		off := rng.Int64N(ref.Size())
		n := rng.Int64N(min(ref.Size()-off, 30000) + 1)
		if err := pages.Want(off, n); err != nil {
			t.Fatal(err)
		}
		lent := round%2 == 1
		if lent {
			pages.Lend(addr[s], s.Size, s.Raw)
		}
		if err := pages.Seal(); err != nil {
			t.Fatal(err)
		}
		use := parsed.NewUsage()
		use.Add(off, n)
		if n > 0 && off < other.Size-n && use.Layer(1) {
			t.Errorf("bytes %d+%d of %d use the second layer", off, n, other.Size)
		}
		err = parsed.Gather(context.Background(), pages, use, 1+round%3, func(i int) (io.ReadCloser, error) {
			if !use.Layer(i) || lent && i == 1 {
				t.Errorf("layer %d was opened without need", i)
			}
			return io.NopCloser(io.NewSectionReader([]*Stream{other, s}[i].Raw, 0, 1<<40)), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		want, got := make([]byte, n), make([]byte, n)
		if _, err := ref.ReadAt(want, off); err != nil {
			t.Fatal(err)
		}
		if _, err := pages.ReadAt(got, off); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("bytes %d+%d: %v", off, n, err)
		}
		pages.Close()
	}
}

func TestStem(t *testing.T) {
	for a, b := range map[string]string{
		"lib/libfoo.so.1.2":       "lib/libfoo.so.1.10",
		"jdk-17.0.15+6/lib/x.jar": "jdk-17.0.16+8/lib/x.jar",
		"a9b":                     "a10b",
	} {
		if Stem(a) != Stem(b) {
			t.Errorf("%q and %q have stems %q and %q", a, b, Stem(a), Stem(b))
		}
	}
	if Stem("liba.so") == Stem("libb.so") || Stem("x.1") == Stem("x1") {
		t.Error("stems are too coarse")
	}
}

func FuzzParseProgram(f *testing.F) {
	s, _ := unwrapped(f, nested(f), true)
	coded, err := NewProgram(s).AppendBinary(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(coded, s.Size)
	f.Fuzz(func(t *testing.T, b []byte, size int64) {
		if size < 0 {
			return
		}
		p, err := ParseProgram(b, size, nil)
		if err != nil {
			return
		}
		if p.PlainSize() < 0 || p.Size() != size {
			t.Fatalf("sizes %d, %d", p.PlainSize(), p.Size())
		}
		for cores := 1; cores < 3; cores++ {
			_ = p.Rewrap(io.Discard, cores, func(w io.Writer) error {
				_, err := w.Write(make([]byte, min(p.PlainSize(), 1<<16)))
				return err
			})
		}
	})
}

func FuzzParseReference(f *testing.F) {
	s, _ := unwrapped(f, nested(f), false)
	ref, _ := NewReference([]*Stream{s})
	f.Add(ref.AppendBinary(nil), s.Size)
	f.Fuzz(func(t *testing.T, b []byte, size int64) {
		if ref, err := ParseReference(b, []int64{size}, nil); err == nil && ref.Size() < size {
			t.Fatal("the reference is smaller than its layer")
		}
	})
}

func FuzzScan(f *testing.F) {
	f.Add(nested(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := scanned(t, b)
		covers(t, s.Nodes, 0, int64(len(b)))
		u := &Unwrapper{Dir: spool.NewDir(t.TempDir(), 0), Concurrency: 1}
		defer u.Close()
		if err := u.Cut(context.Background(), s); err != nil {
			t.Fatal(err)
		}
		covers(t, s.Nodes, 0, int64(len(b)))
		if err := u.Unwrap(context.Background(), s); err != nil {
			t.Fatal(err)
		}
	})
}

// A container of streams that no encoder reproduces is not tried again and again,
// but what is known after them is still found.
func TestUnknownThenKnown(t *testing.T) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	var unknown bool
	w.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) {
		f, err := flate.NewWriter(out, 6)
		if unknown {
			return flusher{f}, err
		}
		return f, err
	})
	for i := range 24 {
		unknown = i < 12
		f, err := w.CreateHeader(&zip.FileHeader{Name: fmt.Sprint(i), Method: zip.Deflate})
		if err != nil {
			t.Fatal(err)
		}
		for from := 0; from < 3000; from += 1000 {
			if _, err := f.Write(text(uint64(i), 3000)[from : from+1000]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	s, _ := unwrapped(t, makeTar(t, tar.FormatUSTAR, member{"a.zip", b.Bytes()}), true)
	i := 0
	_ = s.Leaves(func(n *Node) error {
		if n.Wrapping.Format == recipe.Deflate {
			if known := n.Recipe != nil && n.Recipe.Corrections() == 0; known != (i >= 16) {
				t.Errorf("stream %d: reproduced %v by %v", i, known, n.Recipe)
			}
			i++
		}
		return nil
	})
	if i != 24 {
		t.Errorf("%d streams, want 24", i)
	}
}

// flusher flushes after each write, as no common program does.
type flusher struct{ *flate.Writer }

func (f flusher) Write(b []byte) (int, error) {
	n, err := f.Writer.Write(b)
	if err == nil {
		err = f.Flush()
	}
	return n, err
}
