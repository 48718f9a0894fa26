package predict

import "testing"

func TestARM64Targets(t *testing.T) {
	const pc = 0x10010
	tests := []struct {
		name string
		form form
		word uint32
		want int64
	}{
		{"bl +8", armBranch26, 0x94000002, pc + 8},
		{"b -4", armBranch26, 0x17ffffff, pc - 4},
		{"b.ne -8", armBranch19, 0x54ffffc1, pc - 8},
		{"cbz w0, +4", armBranch19, 0x34000020, pc + 4},
		{"ldr x0, +8", armBranch19, 0x58000040, pc + 8},
		{"tbz w0, #0, +4", armBranch14, 0x36000020, pc + 4},
		{"tbnz w0, #0, -4", armBranch14, 0x3707ffe0, pc - 4},
		{"adr x0, +1", armAdr, 0x30000000, pc + 1},
	}
	for _, tt := range tests {
		if got := tt.form.target(tt.word, pc); got != tt.want {
			t.Errorf("%s: target %#x, want %#x", tt.name, got, tt.want)
		}
		if got := tt.form.withTarget(tt.word, pc, tt.want); got != tt.word {
			t.Errorf("%s: encoded again %#x, want %#x", tt.name, got, tt.word)
		}
		moved := tt.form.withTarget(tt.word, pc, tt.want+0x40)
		if got := tt.form.target(moved, pc); got != tt.want+0x40 {
			t.Errorf("%s: moved target %#x, want %#x", tt.name, got, tt.want+0x40)
		}
		if tt.form.fixedBits(moved) != tt.form.fixedBits(tt.word) {
			t.Errorf("%s: moving the target changes %#x to %#x beyond the operand", tt.name, tt.word, moved)
		}
	}
}

func TestADRP(t *testing.T) {
	const pc = 0x412345678
	for _, page := range []int64{pc &^ pageMask, pc&^pageMask + 1<<12, pc&^pageMask - 1<<12, pc&^pageMask + 1<<31, pc&^pageMask - 1<<32} {
		w := setADRP(0x90000011, pc, page)
		if !isADRP(w) || w&31 != 0x11 {
			t.Errorf("page %#x: %#x is no ADRP of x17", page, w)
		}
		if got := adrp(w, pc); got != page {
			t.Errorf("page %#x: got %#x from %#x", page, got, w)
		}
	}
}

func TestLowScale(t *testing.T) {
	tests := []struct {
		name  string
		word  uint32
		scale uint
		ok    bool
	}{
		{"add x0, x0, #1", 0x91000400, 0, true},
		{"add x0, x0, #1, lsl 12", 0x91400400, 0, false},
		{"ldrb w0, [x1]", 0x39400020, 0, true},
		{"ldr w0, [x1]", 0xb9400020, 2, true},
		{"ldr x0, [x1]", 0xf9400020, 3, true},
		{"str x0, [x1]", 0xf9000020, 3, true},
		{"ldr d0, [x1]", 0xfd400020, 3, true},
		{"ldr q0, [x1]", 0x3dc00020, 4, true},
		{"mov x0, x1", 0xaa0103e0, 0, false},
	}
	for _, tt := range tests {
		if s, ok := lowScale(tt.word); ok != tt.ok || ok && s != tt.scale {
			t.Errorf("%s: got %d, %v, want %d, %v", tt.name, s, ok, tt.scale, tt.ok)
		}
	}
}
