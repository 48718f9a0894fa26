package predict

import (
	"math/rand/v2"
	"testing"
)

func randomOps(r *rand.Rand, n int, span int64) []Op {
	ops := make([]Op, n)
	for i := range ops {
		ops[i] = Op{New: r.Int64N(span), Old: r.Int64N(span), Len: r.Int64N(span / 4)}
	}
	return ops
}

// The longest copy of a byte decides, and the result is disjoint and sorted.
func TestFlatten(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		const span = 400
		ops := randomOps(r, r.IntN(12), span)
		flat := flatten(ops)
		for i := 1; i < len(flat); i++ {
			if flat[i].Old < flat[i-1].Old+flat[i-1].Len {
				t.Fatalf("%v: %v overlaps %v", ops, flat[i], flat[i-1])
			}
		}
		for off := int64(0); off < 2*span; off++ {
			var want, got Op
			for _, o := range ops {
				if off >= o.Old && off < o.Old+o.Len && o.Len > want.Len {
					want = o
				}
			}
			for _, o := range flat {
				if off >= o.Old && off < o.Old+o.Len {
					got = o
				}
			}
			if (want.Len > 0) != (got.Len > 0) {
				t.Fatalf("%v: offset %d is in %v, flattened in %v", ops, off, want, got)
			}
			if want.Len > 0 && want.New-want.Old != got.New-got.Old && !tie(ops, off, want, got) {
				t.Fatalf("%v: offset %d moves by %v, flattened by %v", ops, off, want, got)
			}
		}
	}
}

// tie reports whether another copy as long as want explains got.
func tie(ops []Op, off int64, want, got Op) bool {
	for _, o := range ops {
		if o.Len == want.Len && off >= o.Old && off < o.Old+o.Len && o.New-o.Old == got.New-got.Old {
			return true
		}
	}
	return false
}

func TestOffset(t *testing.T) {
	ops := []Op{{New: 5000, Old: 100, Len: 50}, {New: 0, Old: 4000, Len: 3000}, {New: 9000, Old: 8000, Len: 10}}
	m := newRemap(&layout{}, ops)
	tests := []struct {
		off, want int64
		exact     bool
	}{
		{0, 4900, false}, // before everything: as what follows
		{100, 5000, true},
		{149, 5049, true},
		{150, 5050, false}, // behind it
		{3999, -1, false},  // nearer to the next
		{4000, 0, true},
		{6999, 2999, true},
		{7999, 8999, false},
		{8009, 9009, true},
		{1 << 40, 1<<40 + 1000, false},
	}
	for _, tt := range tests {
		if to, exact := m.offset(tt.off); to != tt.want || exact != tt.exact {
			t.Errorf("offset %d: got %d, %v, want %d, %v", tt.off, to, exact, tt.want, tt.exact)
		}
	}
	if to, exact := newRemap(&layout{}, nil).offset(7); to != 7 || exact {
		t.Errorf("without copies: got %d, %v", to, exact)
	}
}

func TestLearn(t *testing.T) {
	l := &layout{regions: []region{
		{kindText, span{0x1000, 0x1000, 0x401000}, span{0x1000, 0x1000, 0x401000}, 0},
		{kindBSS, span{0x3000, 0x8000, 0x500000}, span{0x3000, 0x8000, 0x600000}, 0},
	}}
	l.index()
	m := newRemap(l, []Op{{New: 0x1000, Old: 0x1000, Len: 0x1000}})
	want := func(va, to int64, ok bool) {
		t.Helper()
		if got, k := m.address(va); got != to || k != ok {
			t.Errorf("address %#x: got %#x, %v, want %#x, %v", va, got, k, to, ok)
		}
	}
	want(0x401010, 0x401010, true)
	want(0x500100, 0x600100, true)
	want(0x700000, 0x700000, false)
	m.learn(0x401010, 0x401800)
	m.learn(0x500100, 0x600140)
	want(0x401010, 0x401800, true) // seen
	want(0x401018, 0x401018, true) // a copy knows better than a neighbour
	want(0x500100, 0x600140, true)
	want(0x500108, 0x600148, true) // no copy, but a neighbour
	want(0x506000, 0x606000, true) // too far
}
