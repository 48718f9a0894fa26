// Command gen writes recipe/golden/golden.json: it generates the inputs, builds a
// worker with each older toolchain and module version in a temporary directory,
// and records the hashes of what the real encoders wrote.
//
// Run it in recipe/golden, with access to a Go module proxy:
//
//	go run ./gen
//
// Runs that golden.json already has are kept; -all repeats them.
package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/docker-delta/docker-delta/recipe/golden"
)

//go:embed worker.go.txt
var worker string

// The versions to run: the first and last of each class, and some between.
var (
	toolchains = []string{"go1.8.7", "go1.12.17", "go1.16.15", "go1.21.13", "go1.24.13", "go1.26.0"}

	klauspost = []string{
		"1.10.2", "1.10.11", "1.11.12", "1.11.13", "1.12.1", "1.12.2", "1.12.3", "1.13.0", "1.13.6",
		"1.14.0", "1.14.1", "1.14.2", "1.14.3", "1.14.4", "1.15.0", "1.15.1", "1.15.4", "1.15.9",
		"1.15.10", "1.15.11", "1.15.14", "1.15.15", "1.16.0", "1.16.7", "1.17.0", "1.17.4", "1.17.11",
		"1.18.0", "1.18.1", "1.18.2", "1.18.6", "1.19.0", "1.19.1", "1.20.0", "1.20.1", "1.20.3",
	}
	// next is Go's own encoder from 1.27 on, which is klauspost's.
	next = []string{"go1.27.0"}

	pgzip = []struct{ version, flate string }{
		{"1.2.1", "1.10.2"}, {"1.2.1", "1.11.12"}, {"1.2.6", "1.11.12"}, {"1.2.6", "1.11.13"}, {"1.2.6", "1.12.3"},
		{"1.2.6", "1.14.4"}, {"1.2.6", "1.15.9"}, {"1.2.6", "1.15.10"}, {"1.2.6", "1.17.11"}, {"1.2.6", "1.18.0"},
		{"1.2.6", "1.18.2"}, {"1.2.6", "1.19.1"}, {"1.2.6", "1.20.3"},
	}
)

// A job is one run with the source of its worker.
type job struct {
	run       golden.Run
	source    string
	blockSize int
	require   []string
	goVersion string // GOTOOLCHAIN, or empty for the toolchain at hand
	items     []golden.Item
}

func main() {
	log.SetFlags(0)
	all := flag.Bool("all", false, "repeat the runs that golden.json has")
	flag.Parse()
	if err := generate(*all); err != nil {
		log.Fatal(err)
	}
}

func generate(all bool) error {
	file := new(golden.File)
	if old, err := golden.Load(); err == nil && !all {
		file = old
	}
	file.Inputs = map[string]string{}
	dir, err := os.MkdirTemp("", "golden")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, j := range jobs() {
		for _, it := range j.items {
			if err := os.MkdirAll(filepath.Join(dir, j.run.Encoder), 0o777); err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(dir, j.run.Encoder, it.Name), it.Data, 0o666); err != nil {
				return err
			}
			prefix := ""
			if j.run.Encoder == golden.Pgzip {
				prefix = "pgzip/"
			}
			file.Inputs[prefix+it.Name] = golden.Hash(it.Data)
		}
		done := slices.ContainsFunc(file.Runs, func(r golden.Run) bool {
			return r.Encoder == j.run.Encoder && r.Version == j.run.Version && r.Flate == j.run.Flate
		})
		if done {
			continue
		}
		log.Println(j.run.Encoder, j.run.Version, j.run.Flate)
		if err := j.execute(file, dir); err != nil {
			return fmt.Errorf("%s %s: %w", j.run.Encoder, j.run.Version, err)
		}
		if err := save(file); err != nil {
			return err
		}
	}
	return save(file)
}

// jobs returns all runs.
func jobs() []job {
	items, pgzipItems := golden.Items(), golden.PgzipItems()
	source := func(pkg, levels, newWriter, trim string) string {
		return strings.NewReplacer("IMPORT", pkg, "LEVELS", levels, "NEWWRITER", newWriter,
			"TRIM", trim).Replace(worker)
	}
	const levels = "-2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9"
	var all []job
	for i, v := range slices.Concat(toolchains, next) {
		encoder := golden.GoFlate
		if i >= len(toolchains) {
			encoder = golden.Klauspost
		}
		all = append(all, job{
			run:       golden.Run{Encoder: encoder, Version: v},
			source:    source("compress/flate", levels, "NewWriter", ""),
			goVersion: v,
			items:     items,
		})
	}
	const compress = "github.com/klauspost/compress"
	for _, v := range klauspost {
		all = append(all, job{
			run:     golden.Run{Encoder: golden.Klauspost, Version: v},
			source:  source(compress+"/flate", levels, "NewWriter", ""),
			require: []string{compress + "@v" + v},
			items:   items,
		})
	}
	for _, v := range pgzip {
		j := job{
			run: golden.Run{Encoder: golden.Pgzip, Version: v.version, Flate: v.flate},
			// The gzip header and trailer are cut off.
			source:    source("github.com/klauspost/pgzip", "-2, -1, 1, 6, 9", "NewWriterLevel", "[10:b.Len()-8]"),
			require:   []string{"github.com/klauspost/pgzip@v" + v.version, compress + "@v" + v.flate},
			blockSize: 1 << 20,
			items:     pgzipItems,
		}
		if v.version == "1.2.1" {
			j.blockSize = 256 << 10
		}
		all = append(all, j)
	}
	return all
}

// execute builds and runs the worker, and adds what it says to file.
func (j *job) execute(file *golden.File, dir string) error {
	work, err := os.MkdirTemp("", "golden")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	command := func(name string, args ...string) ([]byte, error) {
		cmd := exec.Command(name, args...)
		cmd.Dir = work
		toolchain := "local"
		if j.goVersion != "" {
			toolchain = j.goVersion
		}
		cmd.Env = append(os.Environ(), "GOFLAGS=-p=2", "GOTOOLCHAIN="+toolchain, "GOWORK=off")
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
		}
		return out, nil
	}
	if err := os.WriteFile(filepath.Join(work, "worker.go"), []byte(j.source), 0o666); err != nil {
		return err
	}
	if len(j.require) > 0 {
		if err := os.WriteFile(filepath.Join(work, "go.mod"), []byte("module worker\n\ngo 1.20\n"), 0o666); err != nil {
			return err
		}
		if _, err := command("go", append([]string{"get"}, j.require...)...); err != nil {
			return err
		}
	}
	if _, err := command("go", "build", "-o", "worker", "worker.go"); err != nil {
		return err
	}
	version, err := command("go", "version")
	if err != nil {
		return err
	}
	j.run.Toolchain = strings.TrimPrefix(strings.TrimSpace(string(version)), "go version ")
	args := []string{filepath.Join(dir, j.run.Encoder)}
	for _, it := range j.items {
		args = append(args, it.Name+":"+strconv.Itoa(it.Flush))
	}
	out, err := command(filepath.Join(work, "worker"), args...)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(out)) {
		var level int
		var input, hash string
		if _, err := fmt.Sscan(line, &level, &input, &hash); err != nil {
			return fmt.Errorf("worker says %q: %w", line, err)
		}
		j.add(file, level, input, hash)
	}
	file.Runs = append(file.Runs, j.run)
	return nil
}

func (j *job) add(file *golden.File, level int, input, hash string) {
	version := j.run.Version
	if j.run.Flate != "" {
		version = j.run.Flate
	}
	i := slices.IndexFunc(file.Records, func(r golden.Record) bool {
		return r.Encoder == j.run.Encoder && r.Level == level && r.BlockSize == j.blockSize && r.Input == input
	})
	if i < 0 {
		i = len(file.Records)
		file.Records = append(file.Records, golden.Record{
			Encoder: j.run.Encoder, Level: level, BlockSize: j.blockSize, Input: input,
			Outputs: map[string][]string{},
		})
	}
	r := &file.Records[i]
	r.Outputs[hash] = append(r.Outputs[hash], version)
}

// save writes golden.json, a record a line.
func save(file *golden.File) error {
	var b bytes.Buffer
	line := func(format string, v any) {
		data, err := json.Marshal(v)
		if err != nil {
			panic(err) // these types always marshal
		}
		fmt.Fprintf(&b, format, data)
	}
	list := func(name string, n int, at func(int) any) {
		fmt.Fprintf(&b, "%q: [\n", name)
		for i := range n {
			line("%s", at(i))
			if i < n-1 {
				b.WriteByte(',')
			}
			b.WriteByte('\n')
		}
		b.WriteString("]")
	}
	b.WriteString("{\n")
	list("runs", len(file.Runs), func(i int) any { return file.Runs[i] })
	line(",\n\"inputs\": %s,\n", file.Inputs)
	list("records", len(file.Records), func(i int) any { return file.Records[i] })
	b.WriteString("\n}\n")
	return os.WriteFile("golden.json", b.Bytes(), 0o666)
}
