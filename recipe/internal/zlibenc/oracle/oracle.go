// Package oracle runs the real programs that zlibenc reproduces, for tests and
// for the generator of golden hashes.
package oracle

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/docker-delta/docker-delta/recipe/internal/zlibenc"
	"github.com/docker-delta/docker-delta/recipe/internal/zlibenc/corpus"
)

// Program is a compressor with its fixed arguments.
type Program struct {
	Name   string // in golden.json
	Params zlibenc.Params
	argv   []string // the level is put in place of "L"
	python bool     // run inside python
	needs  string
}

// script answers requests for compression: a line of size, level, window bits,
// memory level and strategy, then the data. The answer is a line with the size,
// and the stream.
const script = `import sys,zlib
i,o=sys.stdin.buffer,sys.stdout.buffer
while True:
    a=[int(x) for x in i.readline().split()]
    if not a: break
    c=zlib.compressobj(a[1],zlib.DEFLATED,-a[2],a[3],a[4])
    d=c.compress(i.read(a[0]))+c.flush()
    o.write(b'%d\n'%len(d)+d)
    o.flush()`

func python(name string, p zlibenc.Params) Program {
	bits, mem := p.WindowBits, p.MemLevel
	if bits == 0 {
		bits = 15
	}
	if mem == 0 {
		mem = 8
	}
	return Program{name, p, []string{"zlib.compressobj", "L", "8",
		strconv.Itoa(-bits), strconv.Itoa(mem), strconv.Itoa(int(p.Strategy))}, true, "python3"}
}

// Programs lists what can be run. The Level of their Params is not set. The
// busybox programs are builds of busybox with the options FEATURE_GZIP_LEVELS
// and GZIP_FAST=0, 1 and 2; a packaged busybox may have been built otherwise.
func Programs() []Program {
	gz := func(name string, p zlibenc.Params, argv ...string) Program {
		return Program{name, p, argv, false, argv[0]}
	}
	return []Program{
		python("zlib", zlibenc.Params{}),
		python("zlib-mem9", zlibenc.Params{MemLevel: 9}),
		python("zlib-mem1", zlibenc.Params{MemLevel: 1}),
		python("zlib-window12", zlibenc.Params{WindowBits: 12}),
		python("zlib-window9", zlibenc.Params{WindowBits: 9}),
		python("zlib-filtered", zlibenc.Params{Strategy: zlibenc.Filtered}),
		python("zlib-huffman", zlibenc.Params{Strategy: zlibenc.HuffmanOnly}),
		python("zlib-rle", zlibenc.Params{Strategy: zlibenc.RLE}),
		python("zlib-fixed", zlibenc.Params{Strategy: zlibenc.Fixed}),
		gz("gzip", zlibenc.Params{Variant: zlibenc.GNU}, "gzip", "-nLc", "FILE"),
		gz("busybox", zlibenc.Params{Variant: zlibenc.Busybox}, "busybox", "gzip", "-Lc", "FILE"),
		gz("busybox-fast1", zlibenc.Params{Variant: zlibenc.Busybox, MemLevel: 8}, "busybox-fast1", "gzip", "-Lc", "FILE"),
		gz("busybox-fast2", zlibenc.Params{Variant: zlibenc.Busybox, MemLevel: 9}, "busybox-fast2", "gzip", "-Lc", "FILE"),
		gz("pigz", zlibenc.Params{Variant: zlibenc.Pigz}, "pigz", "-nLc", "-p2", "FILE"),
		gz("pigz-single", zlibenc.Params{Variant: zlibenc.PigzSingle}, "pigz", "-nLc", "-p1", "FILE"),
		gz("pigz-b64", zlibenc.Params{Variant: zlibenc.Pigz, Piece: 64 << 10}, "pigz", "-nLc", "-p2", "-b64", "FILE"),
		gz("pigz-independent", zlibenc.Params{Variant: zlibenc.Pigz, Independent: true}, "pigz", "-nLc", "-p2", "-i", "FILE"),
	}
}

// ErrMissing reports that a program is not installed.
var ErrMissing = errors.New("program is not installed")

// Version is the version line of the program.
func (p Program) Version() (string, error) {
	argv := []string{p.argv[0], "--version"}
	switch {
	case p.python:
		argv = []string{"python3", "-c", "import zlib; print('zlib', zlib.ZLIB_RUNTIME_VERSION)"}
	case strings.HasPrefix(p.needs, "busybox"):
		argv = []string{p.needs}
	}
	if _, err := exec.LookPath(p.needs); err != nil {
		return "", fmt.Errorf("%s: %w", p.needs, ErrMissing)
	}
	out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	line, _, _ := strings.Cut(string(out), "\n")
	return line, err
}

// Command is the command line that Run runs.
func (p Program) Command(level int) []string {
	var argv []string
	for _, a := range p.argv {
		switch a {
		case "L":
			a = strconv.Itoa(level)
		case "-nLc":
			a = fmt.Sprintf("-n%dc", level)
		case "-Lc":
			a = fmt.Sprintf("-%dc", level)
		}
		argv = append(argv, a)
	}
	return argv
}

var worker struct {
	sync.Mutex
	in  io.Writer
	out *bufio.Reader
}

// pythonWorker sends a request to the one python process, and returns its answer.
func pythonWorker(request string, data []byte) ([]byte, error) {
	worker.Lock()
	defer worker.Unlock()
	if worker.in == nil {
		cmd := exec.Command("python3", "-c", script)
		in, err := cmd.StdinPipe()
		if err != nil {
			return nil, err
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			return nil, err
		}
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		worker.in, worker.out = in, bufio.NewReader(out)
	}
	if _, err := worker.in.Write(append([]byte(request), data...)); err != nil {
		return nil, err
	}
	line, err := worker.out.ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("python3 gave no answer: %w", err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		return nil, err
	}
	out := make([]byte, n)
	_, err = io.ReadFull(worker.out, out)
	return out, err
}

// Run gives the raw deflate stream that the program makes of data. The program
// reads a file in dir, as it reads pipes in other pieces.
func (p Program) Run(dir string, level int, data []byte) ([]byte, error) {
	if _, err := exec.LookPath(p.needs); err != nil {
		return nil, fmt.Errorf("%s: %w", p.needs, ErrMissing)
	}
	argv := p.Command(level)
	if p.python {
		bits, _ := strconv.Atoi(argv[3])
		return pythonWorker(fmt.Sprintf("%d %d %d %s %s\n", len(data), level, -bits, argv[4], argv[5]), data)
	}
	var stderr bytes.Buffer
	name := filepath.Join(dir, "data")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		return nil, err
	}
	argv[len(argv)-1] = name
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", p.Name, err, &stderr)
	}
	head := 10
	if len(out) > head && out[3] == 8 { // busybox keeps the name
		head += bytes.IndexByte(out[head:], 0) + 1
	} else if len(out) < 18 || out[3] != 0 {
		return nil, fmt.Errorf("%s: odd gzip header", p.Name)
	}
	return out[head : len(out)-8], nil
}

// Optional reports whether the program is a build of one's own, which no
// distribution has.
func (p Program) Optional() bool { return strings.HasPrefix(p.needs, "busybox-fast") }

// Golden is what testdata/golden.json holds for each program.
type Golden struct {
	Program string
	Version string
	Command string
	// Sums are the SHA-256 sums of the raw deflate streams, by level and data.
	Sums map[string]map[string]string
}

// Cases are the data that golden sums of a level are made over.
func Cases(level int) []Case {
	cases := []Case{{"mixed", 600000, 1}, {"text", 300001, 2}, {"repeats", 131073, 3}, {"binary", 65536, 4},
		{"random", 32767, 5}, {"zeros", 65275, 6}, {"text", 262, 8}, {"binary", 3, 9}, {"text", 0, 0}}
	if level%5 == 1 {
		cases = append(cases, Case{"mixed", 3 << 20, 7})
	}
	return cases
}

// Case names data of the corpus.
type Case struct {
	Kind string
	Size int
	Seed uint64
}

func (c Case) String() string { return fmt.Sprintf("%s-%d-%d", c.Kind, c.Size, c.Seed) }

// Data makes the data.
func (c Case) Data() []byte { return corpus.Data(c.Kind, c.Size, c.Seed) }
