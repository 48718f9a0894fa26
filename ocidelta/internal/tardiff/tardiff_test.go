package tardiff

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"
)

// ops packs operations as they are written by hand.
func ops(t testing.TB, raw string) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return z.EncodeAll([]byte(raw), bytes.Clone(magic[:]))
}

func from(files map[string]string) func(string) (*io.SectionReader, error) {
	return func(name string) (*io.SectionReader, error) {
		s, ok := files[name]
		if !ok {
			return nil, errors.New("no file " + name)
		}
		return io.NewSectionReader(strings.NewReader(s), 0, int64(len(s))), nil
	}
}

func TestOperations(t *testing.T) {
	files := map[string]string{"a": "0123456789", "b/c": "xyz"}
	raw := "\x00\x03new" + "\x01\x01a" + "\x02\x02" + "\x04\x05" + "\x02\x03" + "\x03\x02\x01\xff" + "\x01\x06../b/c" + "\x02\x03" + "\x00\x00" + "\x02\x00"
	packed := ops(t, raw)
	var out bytes.Buffer
	if err := Apply(&out, iotest.OneByteReader(bytes.NewReader(packed)), from(files)); err != nil || out.String() != "new01567"+"98"+"xyz" {
		t.Errorf("%q %v", out.String(), err)
	}
	needs, err := Scan(bytes.NewReader(packed))
	if err != nil || needs.Size != int64(out.Len()) || len(needs.Names) != 2 || !needs.Names["b/c"] {
		t.Errorf("%+v %v", needs, err)
	}
}

func TestErrors(t *testing.T) {
	files := map[string]string{"a": "0123456789"}
	for name, c := range map[string]struct {
		packed []byte
		want   string
	}{
		"empty":          {nil, "ends too early"},
		"another magic":  {[]byte("tardf2\n\x00 and more"), "does not begin as one"},
		"no zstd":        {append(bytes.Clone(magic[:]), "text text text"...), "damaged"},
		"cut":            {ops(t, "\x00\x05hello")[:20], "damaged"},
		"short data":     {ops(t, "\x00\x05he"), "ends too early"},
		"short number":   {ops(t, "\x00\x80"), "ends too early"},
		"huge number":    {ops(t, "\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "an operation on"},
		"overlong":       {ops(t, "\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "damaged"},
		"unknown":        {ops(t, "\x05\x00"), "operation 5"},
		"no file":        {ops(t, "\x02\x01"), "from no file"},
		"the root":       {ops(t, "\x01\x02.."), `a file named ".."`},
		"a long name":    {ops(t, "\x01\x81\x20"), "a file name of 4097 bytes"},
		"behind the end": {ops(t, "\x01\x01a\x04\x09\x02\x02"), "reads 2 bytes at 9"},
		"far away":       {ops(t, "\x01\x01a\x04\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x02\x02"), "reads 2 bytes at 9223372036854775807"},
		"copy too long":  {ops(t, "\x01\x01a\x02\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), "of file"},
	} {
		err := Apply(io.Discard, bytes.NewReader(c.packed), from(files))
		if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	// What is not the tar-diff's fault is not called damage.
	broken := errors.New("the disk broke")
	for _, do := range []func(io.Reader) error{
		func(r io.Reader) error { _, err := Scan(r); return err },
		func(r io.Reader) error { return Apply(io.Discard, r, from(files)) },
	} {
		packed := ops(t, "\x00\x05hello")
		err := do(io.MultiReader(bytes.NewReader(packed[:len(packed)-3]), iotest.ErrReader(broken)))
		if !errors.Is(err, broken) || errors.Is(err, ErrCorrupt) {
			t.Errorf("%v", err)
		}
	}
	if err := Apply(io.Discard, bytes.NewReader(ops(t, "\x01\x01z\x02\x01")), from(files)); err == nil || errors.Is(err, ErrCorrupt) {
		t.Errorf("a file that is not there: %v", err)
	}
}

// A tar-diff of some kilobytes may name many files, but only so many.
func TestManyNames(t *testing.T) {
	var b bytes.Buffer
	for i := range nameBytes/MaxName + 2 {
		fmt.Fprintf(&b, "\x01\x80\x20%s%08d\x02\x01", strings.Repeat("a", MaxName-8), i)
	}
	packed := ops(t, b.String())
	if len(packed) > nameBytes/16 {
		t.Fatalf("it has %d bytes, which is no small tar-diff", len(packed))
	}
	if _, err := Scan(bytes.NewReader(packed)); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "their names have more") {
		t.Errorf("%v", err)
	}
	// Names that come again take nothing.
	again := ops(t, strings.Repeat("\x01\x01a\x02\x01\x01\x01b\x02\x01", nameBytes/MaxName))
	if needs, err := Scan(bytes.NewReader(again)); err != nil || len(needs.Names) != 2 {
		t.Errorf("%v %v", needs, err)
	}
}

func TestWriter(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	old := make([]byte, 300_000)
	for i := range old {
		old[i] = byte(r.Uint32())
	}
	new := append(bytes.Clone(old[100_000:]), old[:50_000]...)
	for i := 0; i < len(new); i += 5000 {
		new[i] += 3
	}
	new = append(new[:70_000], append([]byte("something else altogether"), new[70_000:]...)...)
	write := func() []byte {
		var b bytes.Buffer
		w, err := NewWriter(&b)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write([]byte("head"))
		if err := w.Diff("f", old, new); err != nil {
			t.Fatal(err)
		}
		if err := w.Copy("f", 10, 20); err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write([]byte("tail"))
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	packed := write()
	if !bytes.Equal(packed, write()) {
		t.Error("a second time it is another")
	}
	if len(packed) > 2000 {
		t.Errorf("it takes %d bytes", len(packed))
	}
	var out bytes.Buffer
	if err := Apply(&out, bytes.NewReader(packed), from(map[string]string{"f": string(old)})); err != nil {
		t.Fatal(err)
	}
	if want := "head" + string(new) + string(old[10:30]) + "tail"; out.String() != want {
		t.Error("other bytes come back")
	}
}

// FuzzApply wants an error or an end, and what Scan announces.
func FuzzApply(f *testing.F) {
	f.Add(ops(f, "\x00\x03new\x01\x01a\x02\x02\x03\x02\x01\xff\x04\x01\x02\x03"), true)
	f.Add([]byte("\x00\x03new\x01\x01a\x02\x02\x04\x05\x02\x03\x03\x02\x01\xff"), false)
	f.Fuzz(func(t *testing.T, b []byte, packed bool) {
		if !packed {
			b = ops(t, string(b))
		}
		needs, serr := Scan(bytes.NewReader(b))
		if serr == nil && needs.Size > 1<<20 {
			return
		}
		var out bytes.Buffer
		err := Apply(&out, bytes.NewReader(b), from(map[string]string{"a": "0123456789"}))
		if err == nil && (serr != nil || int64(out.Len()) != needs.Size) {
			t.Errorf("%d bytes, Scan said %v %v", out.Len(), needs, serr)
		}
	})
}
