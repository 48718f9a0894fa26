package predict

import (
	"bytes"
	"encoding/binary"
	"testing"
)

func TestParams(t *testing.T) {
	for _, machine := range []int{machAMD64, machARM64} {
		old, new := makeProgram(machine, 60, 30, 0), makeProgram(machine, 60, 30, 256)
		l, ok := pair(old, new)
		if !ok {
			t.Fatal("no pair")
		}
		b := l.marshal()
		got, err := parseLayout(b)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.marshal(), b) || len(got.regions) != len(l.regions) || got.machine != l.machine {
			t.Errorf("machine %d: params do not survive", machine)
		}
		for i, r := range got.regions {
			if r != l.regions[i] {
				t.Errorf("region %d: got %+v, want %+v", i, r, l.regions[i])
			}
		}
		for n := range b {
			if _, err := New(b[:n], nil); err == nil {
				t.Errorf("machine %d: params cut to %d bytes are accepted", machine, n)
			}
		}
	}
}

func TestNewRefuses(t *testing.T) {
	good := (&layout{}).marshal()
	if _, err := New(good, []Op{{1, 2, 3}}); err != nil {
		t.Fatal(err)
	}
	for _, ops := range [][]Op{{{-1, 0, 1}}, {{0, -1, 1}}, {{0, 0, -1}}, {{1 << 62, 0, 1}}, {{0, 1 << 62, 1}}, {{0, 0, 1 << 62}}} {
		if _, err := New(good, ops); err == nil {
			t.Errorf("copies %v are accepted", ops)
		}
	}
	for _, params := range [][]byte{nil, {4, 0}, {0, 1}, {0, 1, byte(kindCount), 0}, {0, 1, 0, 64}, append(good, 0)} {
		if _, err := New(params, nil); err == nil {
			t.Errorf("params %x are accepted", params)
		}
	}
}

// FuzzPredict drives a model with hostile params, copies and bytes. It must
// neither fail nor depend on anything but its input.
func FuzzPredict(f *testing.F) {
	for _, machine := range []int{machAMD64, machARM64} {
		old, new := makeProgram(machine, 60, 30, 0), makeProgram(machine, 60, 30, 256)
		l, _ := pair(old, new)
		f.Add(l.marshal(), old, new, uint16(4096))
		f.Add(l.marshal(), old, new, uint16(33))
		for k := range kindCount { // every kind of table over the same bytes
			every := layout{regions: []region{
				{kindText, span{0, 64, 0x1000}, span{0, 64, 0x1000}, 0},
				{kindFuncname, span{64, 64, 0x1040}, span{64, 64, 0x1040}, 0},
				{kindFuncs, span{128, 64, 0x1080}, span{128, 64, 0x1080}, 0},
				{k, span{192, 4000, 0x2000}, span{192, 4000, 0x2000}, 0},
			}}
			f.Add(every.marshal(), old, new, uint16(512))
		}
	}
	f.Fuzz(func(t *testing.T, params, old, new []byte, chunk uint16) {
		var ops []Op
		for b := params; len(b) >= 6 && len(ops) < 64; b = b[6:] {
			ops = append(ops, Op{
				New: int64(binary.LittleEndian.Uint16(b)), Old: int64(binary.LittleEndian.Uint16(b[2:])),
				Len: int64(binary.LittleEndian.Uint16(b[4:])),
			})
		}
		ops = append(ops, Op{0, 0, int64(len(old))})
		run := func() []byte {
			m, err := New(params, ops)
			if err != nil {
				return nil
			}
			var out []byte
			size := int(chunk)%5000 + 1
			for at := 0; at < len(old); at += size {
				n := min(size, len(old)-at)
				dst := make([]byte, n)
				m.Predict(dst, old[at:], int64(at), int64(at))
				out = append(out, dst...)
				if at+n <= len(new) {
					m.Update(new[at : at+n])
				}
			}
			return out
		}
		if a, b := run(), run(); !bytes.Equal(a, b) {
			t.Error("the same input gives different predictions")
		}
		Detect(old, new, ops)
		if c, ok := Canonical(nil, old); ok && len(c) != len(old) {
			t.Errorf("canonical form has %d bytes, not %d", len(c), len(old))
		}
	})
}
