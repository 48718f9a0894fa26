package predict

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/docker-delta/docker-delta/diff/internal/match"
)

func canonical(file []byte) []byte {
	if c, ok := Canonical(nil, file); ok {
		return c
	}
	return file
}

// copies matches the canonical forms of two files.
func copies(old, new []byte) []Op {
	var ops []Op
	at := int64(0)
	for _, o := range match.Match(canonical(old), canonical(new), match.Options{}) {
		if o.Len > 0 {
			ops = append(ops, Op{New: at, Old: int64(o.Old), Len: int64(o.Len)})
		}
		at += int64(o.Len + o.Lit)
	}
	return ops
}

// predictAll predicts new from old in chunks, and returns how many copied
// bytes differ before and after.
func predictAll(t *testing.T, old, new []byte, ops []Op, params []byte, size int64) (guess []byte, before, after int) {
	t.Helper()
	m, err := New(params, ops)
	if err != nil {
		t.Fatal(err)
	}
	guess = make([]byte, len(new))
	for _, o := range ops {
		for at := int64(0); at < o.Len; at += size {
			n := min(size, o.Len-at)
			dst, was, is := guess[o.New+at:][:n], old[o.Old+at:o.Old+min(o.Len, at+n+Lookahead)], new[o.New+at:][:n]
			m.Predict(dst, was, o.Old+at, o.New+at)
			m.Update(is)
			for i := range is {
				if was[i] != is[i] {
					before++
				}
				if dst[i] != is[i] {
					after++
				}
			}
		}
	}
	return guess, before, after
}

func TestMovedCode(t *testing.T) {
	for _, machine := range []int{machAMD64, machARM64} {
		old, new := makeProgram(machine, 60, 30, 0), makeProgram(machine, 60, 30, 256)
		// The program in two runs, the code cut where the gap is.
		cut := int64(bytes.Index(new, bytes.Repeat([]byte{0x90}, 256)))
		if cut < 0 {
			t.Fatal("no gap in the program")
		}
		ops := []Op{{New: 0, Old: 0, Len: cut}, {New: cut + 256, Old: cut, Len: int64(len(old)) - cut}}
		params, ok := Detect(old, new, ops)
		if !ok {
			t.Fatalf("machine %d: not detected", machine)
		}
		for _, size := range []int64{1 << 20, 4096, 100, 64, 7, 1} {
			_, before, after := predictAll(t, old, new, ops, params, size)
			// What may remain wrong: the call around the program's end.
			if before < 100 || after > 4 {
				t.Errorf("machine %d, chunks of %d: %d bytes differ, %d after prediction", machine, size, before, after)
			}
		}
	}
}

func TestCanonicalMovedCode(t *testing.T) {
	for _, machine := range []int{machAMD64, machARM64} {
		old, new := canonical(makeProgram(machine, 60, 30, 0)), canonical(makeProgram(machine, 60, 30, 256))
		if len(new) != len(old)+256 {
			t.Fatalf("machine %d: canonical forms have %d and %d bytes", machine, len(old), len(new))
		}
		cut := bytes.Index(new, bytes.Repeat([]byte{0x90}, 256))
		differ := 0
		for i := range old {
			j := i
			if i >= cut {
				j += 256
			}
			if old[i] != new[j] {
				differ++
			}
		}
		if differ > 24 { // offsets in headers
			t.Errorf("machine %d: canonical forms differ in %d bytes", machine, differ)
		}
	}
	plain := []byte("no executable")
	if got, ok := Canonical([]byte{1}, plain); ok || len(got) != 1 {
		t.Errorf("canonical form of a text is %q", got)
	}
}

const programHead = `package main

import "strings"

type shape interface{ area() int }
type square struct{ a int }
type circle struct{ r int }

func (s square) area() int { return s.a * s.a }
func (c circle) area() int { return 3 * c.r * c.r }

var names = map[string]shape{"square": square{2}, "circle": circle{3}}
`

const programTail = `
func main() {
	for n, s := range names {
		println(strings.ToUpper(n), s.area(), extra(s.area()))
	}
}
`

// A real pair of Go programs: the second has one more function in the midst of
// its code.
func TestGoPrograms(t *testing.T) {
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go command")
	}
	for _, arch := range []string{"amd64", "arm64"} {
		t.Run(arch, func(t *testing.T) {
			if testing.Short() && arch != "amd64" {
				t.Skip("compiles the runtime")
			}
			build := func(name, extra string) []byte {
				dir := t.TempDir()
				write := func(name, text string) {
					if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
						t.Fatal(err)
					}
				}
				write("go.mod", "module example.com/program\n\ngo 1.21\n")
				write("main.go", programHead+extra+programTail)
				cmd := exec.Command(goTool, "build", "-trimpath", "-ldflags=-s -w", "-o", "program")
				cmd.Dir = dir
				cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOFLAGS=", "GOWORK=off")
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
				b, err := os.ReadFile(filepath.Join(dir, "program"))
				if err != nil {
					t.Fatal(err)
				}
				return b
			}
			old := build("old", "func extra(n int) int { return n + 1 }\n")
			new := build("new", `
//go:noinline
func extra(n int) int {
	if f := strings.Fields(strings.Repeat("a b ", n)); len(f) > 3 {
		return strings.Count(f[1], "b") + n
	}
	return len(names)
}
`)
			ops := copies(old, new)
			params, ok := Detect(old, new, ops)
			if !ok {
				t.Fatal("not detected")
			}
			guess, before, after := predictAll(t, old, new, ops, params, 4096)
			t.Logf("%d bytes, %d copies, %d bytes of params: %d copied bytes differ, %d after prediction", len(new), len(ops), len(params), before, after)
			if before < 10000 || after*10 > before {
				t.Errorf("%d copied bytes differ, %d after prediction", before, after)
			}
			again, _, _ := predictAll(t, old, new, ops, params, 4096)
			if !bytes.Equal(guess, again) {
				t.Error("two models of the same delta predict different bytes")
			}
		})
	}
}

// Chunks must not make a difference where nothing is learned, except that
// what Lookahead does not show stays as it was.
func TestChunksAgree(t *testing.T) {
	old := makeProgram(machAMD64, 60, 30, 0)
	new := makeProgram(machAMD64, 60, 30, 256)
	ops := []Op{{New: 0, Old: 0, Len: int64(len(old))}}
	l, _ := pair(old, new)
	whole := make([]byte, len(old))
	m, err := New(l.marshal(), ops)
	if err != nil {
		t.Fatal(err)
	}
	m.Predict(whole, old, 0, 0)
	r := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		m, err := New(l.marshal(), ops)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(old))
		for at := 0; at < len(old); {
			n := min(1+r.IntN(200), len(old)-at)
			m.Predict(got[at:at+n], old[at:], int64(at), int64(at))
			at += n
		}
		if !bytes.Equal(got, whole) {
			for i := elfHeaderSize; i < len(got); i++ { // its fields are predicted only in one piece
				if got[i] != whole[i] {
					t.Fatalf("byte %#x is %#x in chunks and %#x in one", i, got[i], whole[i])
				}
			}
		}
	}
}
