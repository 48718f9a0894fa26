package diff

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
)

// limited fails when a decoder writes more than it announced.
type limited struct {
	sink
	max int64
}

func (l *limited) Write(b []byte) (int, error) {
	if int64(len(l.out)+len(b)) > l.max { // only writes change it
		return 0, errors.New("more is written than was announced")
	}
	return l.sink.Write(b)
}

func (l *limited) ReadAt(b []byte, off int64) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if off >= l.base {
		return bytes.NewReader(l.out).ReadAt(b, off-l.base)
	}
	return bytes.NewReader(l.ref).ReadAt(b, off)
}

func FuzzDecode(f *testing.F) {
	r := rand.New(rand.NewPCG(21, 21))
	ref := randomBytes(r, 3000)
	target := edited(r, ref, 10)
	for _, level := range []Level{Fast, Default} {
		for _, candidates := range [][]Extent{nil, {{0, 3000}}} {
			p := []Piece{{Len: int64(len(target)), Same: -1, Candidates: candidates}}
			coded, _ := roundTrip(f, ref, target, p, Options{Level: level})
			f.Add(coded)
		}
	}
	f.Fuzz(func(t *testing.T, coded []byte) {
		d, err := Open(bytes.NewReader(coded), int64(len(coded)), Limits{MaxTarget: 1 << 16})
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("unexpected class of error: %v", err)
			}
			return
		}
		if d.ReferenceSize() > 1<<20 {
			return
		}
		old := make([]byte, d.ReferenceSize())
		copy(old, ref)
		if err := d.Needs(func(e Extent) error {
			if e.Off < 0 || e.Len <= 0 || e.End() > d.ReferenceSize()+d.TargetSize() {
				t.Errorf("needs %+v", e)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		s := &limited{sink: sink{ref: old, base: d.ReferenceSize()}, max: d.TargetSize()}
		err = d.Decode(context.Background(), s, s)
		if err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatalf("unexpected class of error: %v", err)
		}
		if err == nil && int64(len(s.out)) != d.TargetSize() {
			t.Errorf("%d bytes of %d", len(s.out), d.TargetSize())
		}
	})
}

// Damage never leads to anything but an error or other bytes of the announced
// number, also where copies come from the target itself.
func TestDamaged(t *testing.T) {
	r := rand.New(rand.NewPCG(22, 22))
	part := bytes.Repeat(randomBytes(r, 4000), 100)
	target := append(bytes.Clone(part), make([]byte, frameSize)...)
	target = append(target, part...)
	n := int64(len(part))
	pieces := []Piece{{Len: n, Same: -1}, {Len: frameSize, Same: -1}, {Len: n, Same: -1}}
	for _, level := range []Level{Fast, Default} {
		coded, _ := roundTrip(t, nil, target, pieces, Options{Level: level})
		tries := map[Level]int{Fast: 60, Default: 3}[level]
		if testing.Short() {
			tries = 1 + tries/6
		}
		for range tries {
			bad := bytes.Clone(coded)
			i := r.IntN(len(bad))
			if r.IntN(2) == 0 {
				i = r.IntN(min(len(bad), 60))
			}
			bad[i] ^= byte(1 << r.IntN(8))
			d, err := Open(bytes.NewReader(bad), int64(len(bad)), Limits{MaxTarget: 8 << 20})
			if err == nil {
				s := &limited{sink: sink{base: d.ReferenceSize()}, max: d.TargetSize()}
				err = d.Decode(context.Background(), s, s)
			}
			if err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, io.EOF) {
				t.Fatalf("level %d, byte %d: %v", level, i, err)
			}
		}
	}
}

// Cut anywhere, a delta is corrupt, and so it is with bytes behind it.
func TestTruncated(t *testing.T) {
	r := rand.New(rand.NewPCG(23, 23))
	ref := randomBytes(r, 9000)
	target := edited(r, ref, 12)
	for _, level := range []Level{Fast, Default} {
		p := []Piece{{Len: int64(len(target)), Same: -1, Candidates: []Extent{{0, 9000}}}}
		coded, _ := roundTrip(t, ref, target, p, Options{Level: level})
		for n := range coded {
			if n > 100 && n%17 > 0 {
				continue
			}
			if got, err := apply(t, coded[:n], ref); err == nil && bytes.Equal(got, target) {
				t.Errorf("level %d: restored from %d of %d bytes", level, n, len(coded))
			} else if err != nil && !errors.Is(err, ErrCorrupt) {
				t.Errorf("level %d: cut at %d: %v", level, n, err)
			}
		}
		if _, err := apply(t, append(bytes.Clone(coded), 0), ref); !errors.Is(err, ErrCorrupt) {
			t.Errorf("level %d: a byte more: %v", level, err)
		}
	}
}

func TestLimits(t *testing.T) {
	target := make([]byte, 5000)
	coded, _ := roundTrip(t, nil, target, []Piece{{Len: 5000, Same: -1}}, Options{})
	if _, err := Open(bytes.NewReader(coded), int64(len(coded)), Limits{MaxTarget: 4999}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a target over the limit: %v", err)
	}
	if _, err := Open(bytes.NewReader(coded), int64(len(coded)), Limits{MaxTarget: 5000}); err != nil {
		t.Errorf("a target at the limit: %v", err)
	}
}

func TestCanceled(t *testing.T) {
	r := rand.New(rand.NewPCG(25, 25))
	target := randomBytes(r, 3*frameSize)
	target = append(target, target...)
	pieces := []Piece{{Len: 3 * frameSize, Same: -1}, {Len: 3 * frameSize, Same: -1}}
	coded, _ := roundTrip(t, nil, target, pieces, Options{Level: Fast})
	ctx, cancel := context.WithCancel(context.Background())
	d, err := Open(bytes.NewReader(coded), int64(len(coded)), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	s := &sink{}
	err = d.Decode(ctx, writerFunc(func(b []byte) (int, error) {
		cancel()
		return s.Write(b)
	}), s)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("decode: %v", err)
	}
	_, err = Encode(ctx, io.Discard, bytes.NewReader(target), pieces, bytes.NewReader(nil), 0, nil, Options{Level: Fast})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("encode: %v", err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }
