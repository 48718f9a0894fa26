// Command bench measures docker-delta beside other ways to ship an image
// update, on pairs of real images that it builds first.
//
// It needs Debian (or a system with apt and mmdebstrap) and Go. The pairs are
// built from the mirrors that apt is set up with, once, and kept in a cache.
//
//	go run ./bench                      # all pairs, all tools
//	go run ./bench -pair base           # one pair
//	go run ./bench -tools ours,xdelta3  # some tools
//	go run ./bench -quick -pair base    # within a minute, once the pair is built
//	go run ./bench -build               # only build the pairs
//	go run ./bench -wire                # bytes on the wire: docker pull, docker-delta pull
//
// Tools that are not installed are left out, and named. Every rebuilt file is
// checked by its hash. Nothing is reported that was not measured in this run, or
// in one that -after names, which the page then says.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

type settings struct {
	dir, pairs, tools, suite, program, docs, from, after, daemons, note string
	build, list, quick, noImages, noLayers, wired                       bool
	bsdiffMax, zstdMax                                                  int64
	timeout                                                             time.Duration
}

func main() {
	if len(os.Args) == 5 && os.Args[1] == "copy" { // one of the tools measured
		if err := copyAndHash(os.Args[2], os.Args[3], os.Args[4]); err != nil {
			fatal(err)
		}
		return
	}
	var s settings
	flag.StringVar(&s.dir, "dir", defaultDir(), "where pairs and results are kept")
	flag.StringVar(&s.pairs, "pair", "", "pairs to measure, with commas (default all)")
	flag.StringVar(&s.tools, "tools", "", `tools to run, with commas; "ours" and "peers" stand for many (default all)`)
	flag.StringVar(&s.suite, "suite", "", "Debian suite of the images (default this system's)")
	flag.StringVar(&s.program, "ours", "", "the docker-delta to measure (default: built from this source)")
	flag.StringVar(&s.docs, "docs", "", "also write benchmark.md, benchmark.svg and benchmark.json into this directory")
	flag.StringVar(&s.from, "from", "", "measure nothing; write tables and picture from this results file")
	flag.StringVar(&s.after, "after", "", "add to these results of an earlier run on this machine: tools that do not run now keep their figures")
	flag.StringVar(&s.note, "note", "", "what the page shall say about the runs, such as what else the machine did")
	flag.BoolVar(&s.build, "build", false, "only build the pairs")
	flag.BoolVar(&s.wired, "wire", false, "count the bytes that hosts receive from a registry; with -docs, write wire.md")
	flag.StringVar(&s.daemons, "daemons", "", "docker daemons to pull into with -wire, with commas (default: docker's own)")
	flag.BoolVar(&s.quick, "quick", false, "leave out the tools that take minutes")
	flag.BoolVar(&s.list, "list", false, "list pairs and tools")
	flag.BoolVar(&s.noImages, "no-images", false, "leave out whole images where a pair has a layer of its own")
	flag.BoolVar(&s.noLayers, "no-layers", false, "leave out single layers")
	flag.Int64Var(&s.bsdiffMax, "bsdiff-max", 64, "largest old file in MB that bsdiff is run on (it takes 17 times as much memory)")
	flag.Int64Var(&s.zstdMax, "zstd-max", 1000, "largest old file in MB that zstd -19 is run on (it takes minutes for each 100 MB)")
	flag.DurationVar(&s.timeout, "timeout", 30*time.Minute, "longest time for one command")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := s.run(ctx); err != nil {
		fatal(err)
	}
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "bench:", err)
	os.Exit(1)
}

func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// defaultDir is DOCKER_DELTA_BENCH_DIR, or a directory in the user's cache.
func defaultDir() string {
	if dir := os.Getenv("DOCKER_DELTA_BENCH_DIR"); dir != "" {
		return dir
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	return filepath.Join(cache, "docker-delta", "bench")
}

func split(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

func (s settings) run(ctx context.Context) error {
	dir, err := filepath.Abs(s.dir)
	if err != nil {
		return err
	}
	all := tools(s.bsdiffMax*1_000_000, s.zstdMax*1_000_000)
	switch {
	case s.list:
		fmt.Println("pairs:", strings.Join(pairNames(), " "))
		for _, t := range all {
			fmt.Printf("tool: %-10s %s\n", t.Name, t.Label)
		}
		return nil
	case s.from != "":
		r, err := readReport(s.from)
		if err != nil {
			return err
		}
		return s.publish(dir, r)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	names := split(s.pairs)
	if len(names) == 0 {
		names = pairNames()
	}
	w := &workshop{dir: dir, suite: s.suite, log: say}
	var pairs []pair
	for _, n := range names {
		p, err := w.pair(ctx, n)
		if err != nil {
			return err
		}
		pairs = append(pairs, p)
	}
	if s.build {
		return nil
	}
	if s.wired {
		return s.wire(ctx, dir, pairs)
	}
	return s.measure(ctx, dir, pairs, all)
}

func (s settings) measure(ctx context.Context, dir string, pairs []pair, all []tool) error {
	var earlier *report
	if s.after != "" {
		var err error
		if earlier, err = readReport(s.after); err != nil {
			return err
		}
	}
	picked, err := selectTools(all, split(s.tools))
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(dir, "work-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	suite := s.suite
	if suite == "" {
		suite, _ = hostSuite()
	}
	rep := newReport(suite)
	var usable []tool
	needOurs := false
	for _, t := range picked {
		if s.quick && t.slow {
			continue
		}
		if p := t.missing(); p != "" {
			say("leaving out %s: %s is not installed", t.Label, p)
			continue
		}
		if v := t.versionOf(); v != "" {
			rep.Versions[t.Name] = v
		}
		usable = append(usable, t)
		needOurs = needOurs || t.ours
	}
	if needOurs {
		if ours, err = s.ourProgram(ctx, tmp); err != nil {
			return err
		}
	}
	r := &runner{tmp: tmp, timeout: s.timeout, begun: time.Now().UTC().Truncate(time.Second), log: say}
	for _, p := range pairs {
		for _, sub := range subjects(p, !s.noLayers, !s.noImages) {
			if err := r.measure(ctx, &sub, usable); err != nil {
				return err
			}
			rep.Subjects = append(rep.Subjects, sub)
		}
	}
	if earlier != nil {
		if err := rep.add(earlier); err != nil {
			return fmt.Errorf("%s: %w", s.after, err)
		}
	}
	return s.publish(dir, rep)
}

// ourProgram builds docker-delta from this source, unless one was given.
func (s settings) ourProgram(ctx context.Context, tmp string) (string, error) {
	if s.program != "" {
		return filepath.Abs(s.program)
	}
	out := filepath.Join(tmp, "docker-delta")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", out, "github.com/docker-delta/docker-delta/cmd/docker-delta")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if log, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building docker-delta (run the benchmark inside its source, or give -ours): %w\n%s", err, log)
	}
	return out, nil
}

// publish prints the tables, keeps the results in dir, and writes the docs.
func (s settings) publish(dir string, r *report) error {
	if s.note != "" {
		r.Note = s.note
	}
	if err := writeTables(os.Stdout, r); err != nil {
		return err
	}
	if s.from == "" {
		name := filepath.Join(dir, "results.json")
		if err := writeJSON(name, r); err != nil {
			return err
		}
		say("results kept in %s", name)
	}
	if s.docs != "" {
		if err := writeDocs(s.docs, r); err != nil {
			return err
		}
	}
	return failures(r)
}

// failures is an error when one of our own runs failed: a benchmark that does
// not rebuild its images is no benchmark.
func failures(r *report) error {
	var all []error
	for _, s := range r.Subjects {
		for _, t := range s.Results {
			if t.Ours && t.Failed != "" {
				all = append(all, fmt.Errorf("%s: %s: %s", s.key(), t.Label, t.Failed))
			}
		}
	}
	return errors.Join(all...)
}
