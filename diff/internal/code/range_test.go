package code

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
)

// TestRange codes bits of all probabilities, among them long runs of improbable
// ones, which drive the interval to its ends and carries through many words.
func TestRange(t *testing.T) {
	rnd := rand.New(rand.NewPCG(9, 1))
	type event struct {
		bit int
		p   uint32
	}
	var events []event
	for range 300 {
		p := 1 + rnd.Uint32N(65535)
		switch rnd.IntN(3) {
		case 0:
			p = 1 + rnd.Uint32N(3)
		case 1:
			p = 65535 - rnd.Uint32N(3)
		}
		bit := rnd.IntN(2)
		for range rnd.IntN(200) {
			if rnd.IntN(50) == 0 {
				bit ^= 1
			}
			events = append(events, event{bit, p})
		}
	}
	var buf bytes.Buffer
	e := newRangeEncoder(&buf)
	for _, v := range events {
		e.bit(v.bit, v.p)
	}
	bits := e.bits()
	if err := e.close(); err != nil {
		t.Fatal(err)
	}
	if e.work != int64(len(events)) || bits > float64(8*buf.Len()) || bits < float64(8*buf.Len()-128) {
		t.Errorf("%d bits coded, %.0f bits of %d bytes", e.work, bits, buf.Len())
	}
	coded := buf.Bytes()
	r := bytes.NewReader(coded)
	d, err := newRangeDecoder(r)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range events {
		if got := d.bit(0, v.p); got != v.bit {
			t.Fatalf("bit %d of %d differs", i, len(events))
		}
	}
	if d.err != nil || d.bits() != bits {
		t.Errorf("%v; %.1f bits read, %.1f written", d.err, d.bits(), bits)
	}
	if _, err := d.r.ReadByte(); err != io.EOF {
		t.Errorf("bytes are left: %v", err)
	}
	d, err = newRangeDecoder(bytes.NewReader(coded[:len(coded)-1]))
	for i := 0; i < len(events) && err == nil; i++ {
		d.bit(0, events[i].p)
		err = d.err
	}
	if !errors.Is(err, ErrCorrupt) {
		t.Errorf("cut short: %v", err)
	}
}
