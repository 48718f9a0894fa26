package predict

import (
	"encoding/hex"
	"strings"
	"testing"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDecodeAMD64(t *testing.T) {
	tests := []struct {
		code string // followed by other bytes that must not matter
		want instruction
	}{
		{"90", instruction{n: 1}},
		{"c3", instruction{n: 1}},
		{"48 89 e5", instruction{n: 3}},
		{"e8 01 02 03 04", instruction{n: 5, rel: 1}},
		{"e9 01 02 03 04", instruction{n: 5, rel: 1}},
		{"eb 05", instruction{n: 2}},
		{"0f 84 01 02 03 04", instruction{n: 6, rel: 2}},
		{"48 8d 05 01 02 03 04", instruction{n: 7, rel: 3}},                      // lea rax, [rip+x]
		{"48 83 3d 01 02 03 04 00", instruction{n: 8, rel: 3}},                   // cmp qword [rip+x], 0
		{"48 c7 05 01 02 03 04 05 06 07 08", instruction{n: 11, rel: 3, imm: 7}}, // mov qword [rip+x], imm32
		{"66 c7 05 01 02 03 04 05 06", instruction{n: 9, rel: 3}},                // mov word [rip+x], imm16
		{"48 8b 44 24 08", instruction{n: 5}},                                    // mov rax, [rsp+8]
		{"48 8b 84 24 01 02 03 04", instruction{n: 8, disp: 4}},                  // mov rax, [rsp+x]
		{"48 8b 04 c5 01 02 03 04", instruction{n: 8, disp: 4}},                  // mov rax, [rax*8+x]
		{"ff 24 c5 01 02 03 04", instruction{n: 7, disp: 3}},                     // jmp [rax*8+x]
		{"bf 01 02 03 04", instruction{n: 5, imm: 1}},                            // mov edi, imm32
		{"48 b8 01 02 03 04 05 06 07 08", instruction{n: 10}},                    // mov rax, imm64
		{"66 b8 01 02", instruction{n: 4}},                                       // mov ax, imm16
		{"a1 01 02 03 04 05 06 07 08", instruction{n: 9}},                        // mov eax, moffs
		{"f6 c1 01", instruction{n: 3}},                                          // test cl, 1
		{"f7 c1 01 02 03 04", instruction{n: 6, imm: 2}},                         // test ecx, imm32
		{"f7 d9", instruction{n: 2}},                                             // neg ecx
		{"c8 10 00 01", instruction{n: 4}},                                       // enter
		{"0f 1f 84 00 00 00 00 00", instruction{n: 8, disp: 4}},                  // nop
		{"66 0f 3a 0f c1 08", instruction{n: 6}},                                 // palignr
		{"66 0f 38 00 05 01 02 03 04", instruction{n: 9, rel: 5}},                // pshufb xmm0, [rip+x]
		{"c5 f8 28 05 01 02 03 04", instruction{n: 8, rel: 4}},                   // vmovaps
		{"c4 e2 7d 18 05 01 02 03 04", instruction{n: 9, rel: 5}},                // vbroadcastss
		{"c4 e3 7d 39 c1 01", instruction{n: 6}},                                 // vextracti128
		{"62 f1 7c 48 28 05 01 02 03 04", instruction{n: 10, rel: 6}},            // vmovaps zmm0
		{"62 f3 fd 48 3b c1 01", instruction{n: 7}},                              // vextracti64x4
		{"f0 48 0f c1 1d 01 02 03 04", instruction{n: 9, rel: 5}},                // lock xadd
		{"06", instruction{}},
		{"0f 04", instruction{}},
	}
	for _, tt := range tests {
		b := append(unhex(t, tt.code), "\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc"...)
		if got := decodeAMD64(b); got != tt.want {
			t.Errorf("%s: got %+v, want %+v", tt.code, got, tt.want)
		}
	}
}

func TestDecodeAMD64Truncated(t *testing.T) {
	for _, s := range []string{"e8 01 02 03 04", "48 c7 05 01 02 03 04 05 06 07 08", "c4 e2 7d 18 05 01 02 03 04", "62 f1 7c 48 28 05 01 02 03 04"} {
		b := unhex(t, s)
		for n := range b {
			if got := decodeAMD64(b[:n]); got.n != 0 {
				t.Errorf("%s cut to %d bytes: got %+v", s, n, got)
			}
		}
	}
	prefixes := []byte(strings.Repeat("\x66", 40))
	if got := decodeAMD64(prefixes); got.n != 0 {
		t.Errorf("only prefixes: got %+v", got)
	}
}
