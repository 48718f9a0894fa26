package code

import "testing"

// TestHistories: a history leans towards what was seen, and never forgets
// that something was.
func TestHistories(t *testing.T) {
	for y := range 2 {
		s := history(0)
		for n := 1; n <= 100; n++ {
			s = nextState[s][y]
			if s == 0 || stateTotal[s] == 0 {
				t.Fatalf("after %d bits the history is empty", n)
			}
			p := initialProb[s].p16()
			if y == 1 && p <= 1<<15 || y == 0 && p >= 1<<15 {
				t.Fatalf("after %d times %d: probability %d", n, y, p)
			}
		}
	}
	for s := range nextState {
		if stateTotal[s] == 0 && s != 0 {
			continue
		}
		for y := range 2 {
			if n := nextState[s][y]; stateTotal[n] == 0 {
				t.Errorf("state %d with %d leads to %d, which is none", s, y, n)
			}
		}
	}
}

// TestLogistic: squash and stretch are monotonic, symmetric within rounding,
// and inverse to each other.
func TestLogistic(t *testing.T) {
	for x := int32(-2046); x <= 2047; x++ {
		if squash(x) < squash(x-1) {
			t.Fatalf("squash falls at %d", x)
		}
		if s := squash(x) + squash(-x); s < 65536-16 || s > 65536+16 {
			t.Fatalf("squash(%d)+squash(%d) = %d", x, -x, s)
		}
	}
	for p := uint32(1); p < 4096; p++ {
		if stretch(p<<4) < stretch(p<<4-16) {
			t.Fatalf("stretch falls at %d", p)
		}
		if q := squash(stretch(p << 4)); q < int32(p<<4)-64 || q > int32(p<<4)+64 {
			t.Errorf("squash(stretch(%d)) = %d", p<<4, q)
		}
	}
}
