package diff

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

// apply decodes as a caller does: what is written can be read back.
func apply(t testing.TB, coded, ref []byte) ([]byte, error) {
	t.Helper()
	d, err := Open(bytes.NewReader(coded), int64(len(coded)), Limits{})
	if err != nil {
		return nil, err
	}
	s := &sink{ref: ref, base: d.ReferenceSize()}
	needed := make([]bool, len(ref))
	if err := d.Needs(func(e Extent) error {
		for i := e.Off; i < min(e.End(), int64(len(ref))); i++ {
			needed[i] = true
		}
		return nil
	}); err != nil {
		return nil, err
	}
	s.needed = needed
	if err := d.Decode(context.Background(), s, s); err != nil {
		return nil, err
	}
	if int64(len(s.out)) != d.TargetSize() {
		return nil, fmt.Errorf("%d bytes, not %d", len(s.out), d.TargetSize())
	}
	return s.out, nil
}

// sink is written and read at the same time.
type sink struct {
	mu       sync.Mutex
	ref, out []byte
	needed   []bool
	base     int64
}

func (s *sink) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out = append(s.out, b...)
	return len(b), nil
}

func (s *sink) ReadAt(b []byte, off int64) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if off >= s.base {
		return bytes.NewReader(s.out).ReadAt(b, off-s.base)
	}
	for i := range b {
		if off+int64(i) >= int64(len(s.needed)) || !s.needed[off+int64(i)] {
			return i, fmt.Errorf("byte %d is read and was not announced", off+int64(i))
		}
	}
	return copy(b, s.ref[off:]), nil
}

// roundTrip encodes and decodes, and returns the coded form.
func roundTrip(t testing.TB, ref, target []byte, pieces []Piece, opt Options) ([]byte, Stats) {
	t.Helper()
	ctx := context.Background()
	all := []Extent{{0, int64(len(ref))}}
	var coded bytes.Buffer
	st, err := Encode(ctx, &coded, bytes.NewReader(target), pieces, bytes.NewReader(ref), int64(len(ref)), all, opt)
	if err != nil {
		t.Fatal(err)
	}
	got, err := apply(t, coded.Bytes(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, target) {
		t.Fatalf("target of %d bytes is not restored", len(target))
	}
	if st.Coded != int64(coded.Len()) || st.Equal+st.Changed+st.Literal != int64(len(target)) {
		t.Errorf("stats do not add up: %+v, %d bytes", st, coded.Len())
	}
	return coded.Bytes(), st
}

func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// edited returns b after some random edits.
func edited(r *rand.Rand, b []byte, edits int) []byte {
	b = bytes.Clone(b)
	for range edits {
		if len(b) == 0 {
			return b
		}
		i := r.IntN(len(b))
		n := min(r.IntN(1+r.IntN(3000)), len(b)-i)
		switch r.IntN(5) {
		case 0:
			b[i] ^= byte(1 + r.IntN(255))
		case 1:
			b = append(b[:i], b[i+n:]...)
		case 2:
			b = append(b[:i:i], append(randomBytes(r, n), b[i:]...)...)
		case 3:
			j := r.IntN(len(b))
			b = append(b[:i:i], append(bytes.Clone(b[j:min(j+n, len(b))]), b[i:]...)...)
		case 4:
			for j := i; j < i+n; j += 1 + r.IntN(40) {
				b[j]++
			}
		}
	}
	return b
}

func TestRoundTripRandomEdits(t *testing.T) {
	seeds := uint64(12)
	if testing.Short() {
		seeds = 3
	}
	for _, level := range []Level{Fast, Default, Max} {
		for seed := range seeds {
			t.Run(fmt.Sprintf("level%d/%d", level, seed), func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 1))
				ref := randomBytes(r, r.IntN(1<<(4+r.IntN(18))))
				target := edited(r, ref, r.IntN(40))
				var pieces []Piece
				for at := 0; at < len(target); {
					n := 1 + r.IntN(min(len(target)-at, 1<<(1+r.IntN(20))))
					p := Piece{Len: int64(n), Same: -1}
					for range r.IntN(3) {
						if len(ref) > 0 {
							off := r.IntN(len(ref))
							p.Candidates = append(p.Candidates, Extent{int64(off), int64(1 + r.IntN(len(ref)-off))})
						}
					}
					pieces = append(pieces, p)
					at += n
				}
				roundTrip(t, ref, target, pieces, Options{Level: level})
			})
		}
	}
}

func TestRoundTripSizes(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	ref := randomBytes(r, 3*frameSize+77)
	for _, n := range []int{0, 1, 7, 8, 511, 512, 513, tiny, tiny + 1, 4096,
		frameSize - 1, frameSize, frameSize + 1, 2 * frameSize, 2*frameSize + 5} {
		for _, same := range []bool{true, false} {
			p := Piece{Len: int64(n), Same: -1, Candidates: []Extent{{3, int64(n)}}}
			if same {
				p.Same = 3
			}
			for _, level := range []Level{Fast, Default} {
				roundTrip(t, ref, ref[3:3+n], []Piece{p}, Options{Level: level})
			}
		}
	}
}

func TestDuplicatesInTarget(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	part := randomBytes(r, 2*frameSize)
	target := append(bytes.Clone(part), part...)
	n := int64(len(part))
	coded, _ := roundTrip(t, nil, target, []Piece{{Len: n, Same: -1}, {Len: n, Same: -1}}, Options{Level: Fast})
	if len(coded) > len(part)+len(part)/50 {
		t.Errorf("a repeated run of %d bytes: coded as %d", len(part), len(coded))
	}
}

func TestDeterministic(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 11))
	ref := randomBytes(r, 3<<20)
	target := edited(r, ref, 200)
	pieces := []Piece{{Len: 1 << 20, Same: -1}, {Len: int64(len(target)) - 1<<20, Same: -1, Candidates: []Extent{{0, 3 << 20}}}}
	one, _ := roundTrip(t, ref, target, pieces, Options{Level: Default, Concurrency: 1})
	many, _ := roundTrip(t, ref, target, pieces, Options{Level: Default, Concurrency: 7})
	if !bytes.Equal(one, many) {
		t.Error("the number of workers changes the result")
	}
}

// What is found for one gap must not be used for an earlier one.
func TestDuplicatesWithinPiece(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 13))
	part := randomBytes(r, 100<<10)
	known := randomBytes(r, 2*frameSize)
	target := slices.Concat(part, part, known, part)
	pieces := []Piece{{Len: int64(len(target)), Same: -1, Candidates: []Extent{{0, int64(len(known))}}}}
	roundTrip(t, known, target, pieces, Options{Level: Default})
}

// unread fails where what it reads reaches into a run.
type unread struct {
	io.ReaderAt
	run Extent
}

func (u unread) ReadAt(b []byte, off int64) (int, error) {
	if off < u.run.End() && off+int64(len(b)) > u.run.Off {
		return 0, fmt.Errorf("%d bytes at %d are read", len(b), off)
	}
	return u.ReaderAt.ReadAt(b, off)
}

// Of a run that is known to be identical only the borders are read.
func TestSameIsNotRead(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 15))
	ref := randomBytes(r, 3<<20)
	target := slices.Concat(ref[1<<20:], randomBytes(r, 2000))
	inside := Extent{128 << 10, 2<<20 - 256<<10}
	var coded bytes.Buffer
	st, err := Encode(t.Context(), &coded, unread{bytes.NewReader(target), inside}, []Piece{{Len: 2 << 20, Same: 1 << 20}, {Len: 2000, Same: -1}},
		unread{bytes.NewReader(ref), Extent{inside.Off + 1<<20, inside.Len}}, int64(len(ref)), nil, Options{Level: Fast})
	if err != nil || st.Equal != 2<<20 || st.Literal != 2000 {
		t.Errorf("%+v, %v", st, err)
	}
}

// Long equal runs are not read twice; the delta is the same as if they were.
func TestEqualRunsArePassedOver(t *testing.T) {
	r := rand.New(rand.NewPCG(17, 17))
	ref := randomBytes(r, frameSize+frameSize/4)
	runs := []Extent{{frameSize - 9000, 30000}, {5000, 12289}, {5000, 12288}, {0, frameSize + 77}}
	if testing.Short() {
		runs = runs[:1]
	}
	for _, run := range runs {
		// Changed bytes right before and behind, so that borders matter.
		target := bytes.Clone(ref)
		for i := range target {
			if at := int64(i); (at < run.Off || at >= run.End()) && (i%997 == 0 || at > run.Off-9 && at < run.End()+300 && i%3 == 0) {
				target[i]++
			}
		}
		whole := []Extent{{0, int64(len(ref))}}
		pieces := []Piece{
			{Len: run.Off, Same: -1, Candidates: whole},
			{Len: run.Len, Same: run.Off},
			{Len: int64(len(ref)) - run.End(), Same: -1, Candidates: whole},
		}
		for _, level := range []Level{Fast, Default} {
			passed, st := roundTrip(t, ref, target, pieces, Options{Level: level})
			if st.Equal < run.Len {
				t.Errorf("%d equal bytes of %d", st.Equal, run.Len)
			}
			pieces[1] = Piece{Len: run.Len, Same: -1, Candidates: []Extent{run}}
			shown, _ := roundTrip(t, ref, target, pieces, Options{Level: level})
			pieces[1] = Piece{Len: run.Len, Same: run.Off}
			if !bytes.Equal(passed, shown) {
				t.Errorf("level %d, run %v: the delta is another", level, run)
			}
		}
	}
}

// A long piece is matched in parts, by however many workers there are.
func TestLongPiece(t *testing.T) {
	r := rand.New(rand.NewPCG(19, 19))
	ref := randomBytes(r, 2*matchPart+400_000)
	target := edited(r, ref, 60)
	whole := []Extent{{0, int64(len(ref))}}
	pieces := []Piece{{Len: int64(len(target)), Same: -1, Candidates: whole}}
	encode := func(level Level, workers int) ([]byte, Stats) {
		var coded bytes.Buffer
		st, err := Encode(t.Context(), &coded, bytes.NewReader(target), pieces, bytes.NewReader(ref), int64(len(ref)),
			whole, Options{Level: level, Concurrency: workers})
		if err != nil {
			t.Fatal(err)
		}
		return coded.Bytes(), st
	}
	levels := []Level{Fast, Default}
	if testing.Short() {
		levels = levels[:1]
	}
	for _, level := range levels {
		one, st := encode(level, 1)
		if st.Literal > 200_000 {
			t.Errorf("%d of %d bytes are literals", st.Literal, len(target))
		}
		if many, _ := encode(level, 5); !bytes.Equal(one, many) {
			t.Errorf("level %d: the number of workers changes the result", level)
		}
		if testing.Short() {
			continue
		}
		if got, err := apply(t, one, ref); err != nil || !bytes.Equal(got, target) {
			t.Errorf("level %d: the target is not restored (%v)", level, err)
		}
	}
}
