// Command torture damages, starves and kills docker-delta, and counts what comes
// of it. Whatever is done to it, the result must be the right image or an error
// of a documented class; no panic, nothing left behind, and the next run works.
//
//	go run ./torture                      # everything
//	go run ./torture -only bits,sealed    # some kinds, see -list
//	go run ./torture -sample 100          # one input of a hundred
//	go run ./torture -docs docs           # also writes docs/torture.md and .json
//
// It needs Go alone; what needs strace, root or Docker is left out, and named,
// where they are missing.
package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/docker-delta/docker-delta/internal/cli"
)

// torture is a run: what is damaged, and where.
type torture struct {
	dir     string // for everything
	sample  int    // one input of so many
	percent int    // sizes of files and large

	program  string // the built docker-delta
	base     []byte
	delta    []byte   // as docker-delta writes it
	plain    []byte   // the same without its compression
	identity identity // of the target

	patch []byte // between the two archives

	basePath, deltaPath, targetPath, patchPath string
}

// kind is a kind of torture.
type kind struct {
	name, what string
	run        func(*torture, *result)
}

var kinds = []kind{
	{"bits", "Each bit of a package flipped and the package cut to each length, compressed and not", (*torture).bits},
	{"sealed", "Each bit of each blob flipped and each blob cut to each length, with all digests made to fit, so that the damage reaches the decoders", (*torture).sealed},
	{"swaps", "Each part of the package left out, or in the place of each other, with digests that fit and without", (*torture).swaps},
	{"json", "Each member and element of each JSON document removed, repeated, renamed, given other values, with digests that fit and without", (*torture).json},
	{"calls", "The program killed, terminated, or refused by the system at each of its calls that concern files, in seven commands", (*torture).calls},
	{"disk", "Each command on file systems of 4 kB and 4 kB more each time until there is room, for its result and for its temporary files", (*torture).disk},
	{"together", "Each command four times at once with one result for all, twenty times", (*torture).together},
	{"places", "Each command where the name of its result is taken: by files, directories, links of all kinds, and by what killed runs left, dated in the past and in the future", (*torture).places},
	{"bases", "The base as oci-archive and as docker-archive: each bit outside of its layers flipped, and one in 61 inside; cut short; its JSON changed as above", (*torture).bases},
	{"row", "Each way to apply a hundred times in one process, whose memory, goroutines, descriptors and files must not grow", (*torture).row},
	{"files", "A layer of 100,000 files, created and applied within --max-memory 1G", (*torture).files},
	{"large", "An image of 10 GB, one file in it of 5 GB, created and applied within --max-memory 1G; -load gives the size in percent", (*torture).large},
}

func main() {
	only := flag.String("only", "", "kinds of torture, with commas (default all)")
	show := flag.Bool("list", false, "list the kinds")
	sample := flag.Int("sample", 1, "try one input of so many")
	load := flag.Int("load", 100, "sizes of files and large, in percent")
	work := flag.String("work", "", "directory for everything that is written (default: a temporary one)")
	from := flag.String("from", "", "try nothing; gather the results in these torture.json files, with commas")
	fuzzLog := flag.String("fuzzlog", "", "log of .ci/fuzz to sum up on the page")
	docs := flag.String("docs", "", "also write torture.md and torture.json into this directory")
	flag.Parse()
	if *show {
		for _, k := range kinds {
			fmt.Printf("%-10s %s\n", k.name, k.what)
		}
		return
	}
	var rep *report
	var err error
	if *from != "" {
		rep, err = gather(strings.Split(*from, ","))
	} else {
		rep, err = run(*work, *only, *sample, *load)
	}
	if rep != nil && *fuzzLog != "" {
		err = errors.Join(err, rep.fuzzed(*fuzzLog))
	}
	if rep != nil && *docs != "" {
		err = errors.Join(err, writeDocs(*docs, rep))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "torture:", err)
		os.Exit(1)
	}
}

func run(work, only string, sample, load int) (*report, error) {
	if work == "" {
		dir, err := os.MkdirTemp("", "torture-")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		work = dir
	}
	t := &torture{dir: work, sample: max(sample, 1), percent: load}
	if err := t.prepare(); err != nil {
		return nil, err
	}
	rep := &report{Date: time.Now().UTC().Format(time.DateOnly), System: system()}
	defects := 0
	for _, k := range kinds {
		if only != "" && !slices.Contains(strings.Split(only, ","), k.name) {
			continue
		}
		fmt.Printf("%s: %s\n", k.name, k.what)
		r := &result{Name: k.name, What: k.what, Sample: t.sample}
		rep.Results = append(rep.Results, r)
		k.run(t, r)
		fmt.Printf("  %s\n", r)
		defects += r.All
		if err := writeJSON(filepath.Join(work, "torture.json"), rep); err != nil {
			return nil, err
		}
	}
	if defects > 0 {
		return rep, fmt.Errorf("%d defects", defects)
	}
	return rep, nil
}

// prepare makes the images and the delta, and makes sure that all is well while
// nothing is damaged.
func (t *torture) prepare() error {
	t.base = sampleImage(1)
	t.basePath, t.targetPath, t.deltaPath = filepath.Join(t.dir, "base.tar"), filepath.Join(t.dir, "target.tar"), filepath.Join(t.dir, "app.delta")
	for path, b := range map[string][]byte{t.basePath: t.base, t.targetPath: sampleImage(2)} {
		if err := os.WriteFile(path, b, 0o644); err != nil {
			return err
		}
	}
	if err := here("create", "--exact", "require", t.basePath, t.targetPath, "-o", t.deltaPath); err != nil {
		return err
	}
	var err error
	if t.delta, err = os.ReadFile(t.deltaPath); err != nil {
		return err
	}
	z, err := gzip.NewReader(bytes.NewReader(t.delta))
	if err != nil {
		return err
	}
	if t.plain, err = io.ReadAll(z); err != nil {
		return err
	}
	if t.identity, err = identify(t.targetPath); err != nil {
		return err
	}
	t.patchPath = filepath.Join(t.dir, "app.patch")
	if err := here("file", "create", t.basePath, t.targetPath, "-o", t.patchPath); err != nil {
		return err
	}
	if t.patch, err = os.ReadFile(t.patchPath); err != nil {
		return err
	}
	sound := filepath.Join(t.dir, "sound.tar")
	if err := here("apply", t.deltaPath, "--base", t.basePath, "--to", "oci-archive:"+sound); err != nil {
		return err
	}
	defer os.Remove(sound)
	return t.compare(sound)
}

// here runs the program in this process.
func here(args ...string) error {
	var out bytes.Buffer
	if code := cli.Run(context.Background(), append(args, "--no-progress"), strings.NewReader(""), &out, &out); code != cli.ExitOK {
		return fmt.Errorf("docker-delta %s: exit code %d: %s", strings.Join(args, " "), code, out.String())
	}
	return nil
}

func system() string {
	s := fmt.Sprintf("%s/%s, %d cores, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	if b, err := exec.Command("uname", "-r").Output(); err == nil {
		release := strings.SplitN(string(b), ".", 3)
		s += ", Linux " + strings.Join(release[:min(2, len(release))], ".")
	}
	return s
}
