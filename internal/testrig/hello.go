package testrig

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

var hellos struct {
	sync.Mutex
	binaries map[int][]byte
}

// Greeting is what the program of [Hello] prints.
func Greeting(version int) string { return fmt.Sprintf("Hello from version %d!", version) }

// Hello compiles a static program for Linux that prints [Greeting] and ends. The
// same version gives the same bytes with the same Go toolchain. Versions differ
// in a line and in a function, as releases do; each is compiled once a process.
func Hello(t testing.TB, version int) []byte {
	t.Helper()
	hellos.Lock()
	defer hellos.Unlock()
	if b, ok := hellos.binaries[version]; ok {
		return b
	}
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "go.mod"), "module hello\n\ngo 1.21\n")
	writeFile(t, filepath.Join(dir, "main.go"), helloSource(version))
	cmd := exec.Command(Program(t, "go"), "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", "hello", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+runtime.GOARCH, "GOFLAGS=", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	binary, err := os.ReadFile(filepath.Join(dir, "hello"))
	if err != nil {
		t.Fatal(err)
	}
	if hellos.binaries == nil {
		hellos.binaries = map[int][]byte{}
	}
	hellos.binaries[version] = binary
	return binary
}

func helloSource(version int) string {
	extra := ""
	for i := range version {
		extra += fmt.Sprintf("\tif len(os.Args) > %d {\n\t\tos.Stdout.WriteString(os.Args[%d] + \"\\n\")\n\t}\n", i+1, i+1)
	}
	return fmt.Sprintf("package main\n\nimport \"os\"\n\nfunc main() {\n\tos.Stdout.WriteString(%q)\n%s}\n", Greeting(version)+"\n", extra)
}
