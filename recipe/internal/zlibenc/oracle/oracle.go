// Package oracle runs the real programs that zlibenc reproduces, for tests and
// for the generator of golden hashes.
package oracle

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/docker-delta/docker-delta/recipe/internal/zlibenc"
)

// Program is a compressor with its fixed arguments.
type Program struct {
	Name   string // in golden.json
	Params zlibenc.Params
	argv   []string // the level is put in place of "L"
	python bool     // argv writes raw deflate
	needs  string
}

const script = `import sys,zlib
a=[int(x) for x in sys.argv[1:]]
c=zlib.compressobj(a[0],zlib.DEFLATED,-a[1],a[2],a[3])
d=sys.stdin.buffer.read()
sys.stdout.buffer.write(c.compress(d)+c.flush())`

func python(name string, p zlibenc.Params) Program {
	bits, mem := p.WindowBits, p.MemLevel
	if bits == 0 {
		bits = 15
	}
	if mem == 0 {
		mem = 8
	}
	return Program{name, p, []string{"python3", "-c", script, "L",
		strconv.Itoa(bits), strconv.Itoa(mem), strconv.Itoa(int(p.Strategy))}, true, "python3"}
}

// Programs lists what can be run. The Level of their Params is not set.
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
		gz("busybox", zlibenc.Params{Variant: zlibenc.Busybox}, "busybox", "gzip", "-nLc", "FILE"),
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
	case p.needs == "busybox":
		argv = []string{"busybox"}
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
		}
		argv = append(argv, a)
	}
	return argv
}

// Run gives the raw deflate stream that the program makes of data. The program
// reads a file in dir, as it reads pipes in other pieces.
func (p Program) Run(dir string, level int, data []byte) ([]byte, error) {
	if _, err := exec.LookPath(p.needs); err != nil {
		return nil, fmt.Errorf("%s: %w", p.needs, ErrMissing)
	}
	argv := p.Command(level)
	var stderr bytes.Buffer
	if p.python {
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Stdin, cmd.Stderr = bytes.NewReader(data), &stderr
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("%s: %w: %s", p.Name, err, &stderr)
		}
		return out, nil
	}
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
	if len(out) < 18 || out[3] != 0 {
		return nil, fmt.Errorf("%s: odd gzip header", p.Name)
	}
	return out[10 : len(out)-8], nil
}
