package delta

import (
	"archive/tar"
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
)

// memoryLimit is what creating the delta between two layers of a gigabyte may
// take at its peak, in bytes.
const memoryLimit = 1500 << 20

// memoryDir, in the environment of a test, tells that it is the process to be
// measured, and where its files are.
const memoryDir = "DOCKER_DELTA_TEST_MEMORY"

// The peak of create is measured in a process of its own. Run it with
//
//	go test ./delta -run MemoryOfCreate -v
func TestMemoryOfCreate(t *testing.T) {
	if dir := os.Getenv(memoryDir); dir != "" {
		createMeasured(t, dir)
		return
	}
	if testing.Short() {
		t.Skip("it makes two layers of a gigabyte")
	}
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("this system does not tell the peak of a process's memory")
	}
	dir := t.TempDir()
	writeGigabyte(t, filepath.Join(dir, "old"), false)
	writeGigabyte(t, filepath.Join(dir, "new"), true)
	for _, level := range []string{"fast", "default"} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestMemoryOfCreate$", "-test.v")
		cmd.Env = append(os.Environ(), memoryDir+"="+dir, "LEVEL="+level)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		peak := statusBytes(t, string(out), "VmHWM:")
		t.Logf("level %s: peak of %d MB", level, peak>>20)
		if peak > memoryLimit {
			t.Errorf("level %s: peak of %d bytes, %d are allowed", level, peak, memoryLimit)
		}
	}
}

// createMeasured creates the delta as the command does and prints what the
// process took.
func createMeasured(t *testing.T, dir string) {
	debug.SetMemoryLimit(1 << 30) // as the commands do
	var files [2]*os.File
	var sizes [2]int64
	for i, name := range []string{"old", "new"} {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		st, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		files[i], sizes[i] = f, st.Size()
	}
	opt := FileOptions{Resources: Resources{TempDir: dir}}
	if os.Getenv("LEVEL") == "fast" {
		opt.Level = Fast
	}
	count := &countingWriter{w: io.Discard}
	if err := CreateFile(t.Context(), count, files[0], sizes[0], files[1], sizes[1], opt); err != nil {
		t.Fatal(err)
	}
	if count.n > 8<<20 {
		t.Errorf("the delta has %d bytes: most of the layer was not found", count.n)
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("\n%s\n", status)
}

// statusBytes finds a size, given in kB, in the text of a status file.
func statusBytes(t *testing.T, status, field string) int64 {
	for line := range strings.Lines(status) {
		if rest, ok := strings.CutPrefix(line, field); ok {
			n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n << 10
		}
	}
	t.Fatalf("no %s in %q", field, status)
	return 0
}

// writeGigabyte writes a layer: files of many sizes up to beyond what is matched
// at once; the new one has changes in half of its bytes, some under new names.
func writeGigabyte(t *testing.T, path string, updated bool) {
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	buffered := bufio.NewWriterSize(f, 1<<20)
	w := tar.NewWriter(buffered)
	total := 0
	for i := 0; total < 1<<30; i++ {
		size := 1 << (12 + i%12) // 4 KiB to 8 MiB
		switch {
		case i == 5 || i == 6:
			size = 150 << 20
		case i%40 == 7:
			size = 48 << 20
		}
		body := fileOfGigabyte(uint64(i), size)
		name := fmt.Sprintf("usr/lib/file%d", i)
		if updated && (i%4 == 0 || i == 5 || i == 6 || i%80 == 7) {
			body = updateFile(body, uint64(i))
			if i%9 == 0 {
				name = fmt.Sprintf("opt/moved%c", 'a'+i%26) + name[8:]
			}
		}
		if err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(body)), Mode: 0o644, Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(body); err != nil {
			t.Fatal(err)
		}
		total += size
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := buffered.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// fileOfGigabyte makes bytes that resemble no others.
func fileOfGigabyte(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	_, _ = r.Read(b)
	return b
}

// updateFile inserts, drops and changes bytes here and there.
func updateFile(b []byte, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	out := make([]byte, 0, len(b)+len(b)/64)
	for len(b) > 0 {
		n := min(100_000+r.IntN(200_000), len(b))
		out = append(out, b[:n]...)
		b = b[min(n+r.IntN(100), len(b)):]
		out = append(out, fileOfGigabyte(r.Uint64(), r.IntN(100))...)
	}
	return out
}
