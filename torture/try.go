package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/internal/cli"
)

// want says which outcomes of a try are right. Any other is a defect.
type want struct {
	codes []int // exit codes
	image bool  // the right image, with exit code 0, is as good
	plain bool  // also without its manifest and its compressed layers
}

var (
	damaged = want{codes: []int{cli.ExitFailure, cli.ExitVerify}}
	// damagedOrSame is for blobs under new digests: a blob that is carried whole is
	// not the one that the target's manifest names any more, so that goes.
	damagedOrSame = want{codes: []int{cli.ExitFailure, cli.ExitVerify}, image: true, plain: true}
	// wrongBase is for a base that is damaged: it may not be an image any more,
	// it may be another one, or a digest in it does not hold.
	wrongBase = want{codes: []int{cli.ExitFailure, cli.ExitBase, cli.ExitVerify}, image: true}
	// rewritten is for a delta of which everything may have been changed by hand:
	// it may promise less, such as layers without their compressed form.
	rewritten = want{codes: []int{cli.ExitFailure, cli.ExitBase, cli.ExitVerify}, image: true, plain: true}
)

// input is one try: what is damaged, how, and what must come of it.
type input struct {
	what   string
	isBase bool // the base is damaged, otherwise the delta
	make   func() []byte
	want   want
}

// slowest is how long one try of a few kilobytes may take.
const slowest = 2 * time.Minute

// maxKept is how many inputs of defects of one kind are kept.
const maxKept = 20

// tryAll applies inputs on all cores and reports each that comes out wrong. It
// does so in this process, as the command apply does: only that makes thousands
// of runs a second possible.
func (t *torture) tryAll(r *result, inputs func(yield func(input) bool)) {
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	begin := time.Now()
	work := make(chan input, 64)
	var wait sync.WaitGroup
	var step, used atomic.Int64
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			w := t.newWorker()
			defer w.close()
			for in := range work {
				w.try(r, in)
			}
		})
	}
	for in := range inputs {
		if n := step.Add(1); t.sample > 1 && n%int64(t.sample) != 0 {
			continue
		}
		used.Add(1)
		work <- in
	}
	close(work)
	wait.Wait()
	r.Seconds += time.Since(begin).Seconds()
	if used.Load() == 0 {
		r.defect("nothing was tried")
	}
}

// worker has a directory of its own.
type worker struct {
	t             *torture
	dir, tmp, out string
	base, result  string
}

func (t *torture) newWorker() *worker {
	dir := must(os.MkdirTemp(t.dir, "worker-"))
	w := &worker{t: t, dir: dir, tmp: filepath.Join(dir, "tmp"), out: filepath.Join(dir, "out"), base: filepath.Join(dir, "base.tar")}
	must(0, os.Mkdir(w.tmp, 0o700))
	must(0, os.Mkdir(w.out, 0o700))
	w.result = filepath.Join(w.out, "result.tar")
	return w
}

func (w *worker) close() { os.RemoveAll(w.dir) }

// apply does what the command does.
func (w *worker) apply(packed []byte, basePath string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicked{p, debug.Stack()}
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), slowest)
	defer cancel()
	d, err := delta.Read(ctx, bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		return err
	}
	defer d.Close()
	base, err := image.Open(ctx, basePath, image.Options{TempDir: w.tmp})
	if err != nil {
		return err
	}
	defer base.Close()
	img, err := d.Rebuild(ctx, base, delta.RebuildOptions{Resources: delta.Resources{TempDir: w.tmp, Concurrency: 1}})
	if err != nil {
		return err
	}
	defer img.Close()
	_, err = image.Write(ctx, "oci-archive:"+w.result, img, image.WriteOptions{Options: image.Options{TempDir: w.tmp}, Names: img.Names()})
	return err
}

type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v\n%s", p.value, p.stack) }

// try applies an input and judges what comes of it.
func (w *worker) try(r *result, in input) {
	bad := in.make()
	packed, base := w.t.delta, w.t.basePath
	if in.isBase {
		must(0, os.WriteFile(w.base, bad, 0o600))
		base = w.base
	} else {
		packed = bad
	}
	// What a panic in a goroutine, which ends everything, was given.
	must(0, os.WriteFile(filepath.Join(w.dir, "current"), []byte(r.Name+": "+in.what+"\n"), 0o600))
	err := w.apply(packed, base)
	code := cli.ExitCode(err)
	left := append(list(w.tmp), list(w.out)...)
	fail := func(format string, args ...any) {
		r.defect("%s: %s: exit code %d: %v", in.what, fmt.Sprintf(format, args...), code, err)
		w.keepFailure(r, bad)
	}
	var p *panicked
	switch {
	case errors.As(err, &p):
		fail("panic")
	case errors.Is(err, context.DeadlineExceeded):
		fail("it takes more than %s", slowest)
	case err == nil:
		left = slices.DeleteFunc(left, func(name string) bool { return name == "result.tar" })
		compare := w.t.compare
		if in.want.plain {
			compare = w.t.compareImage
		}
		if err := compare(w.result); err != nil {
			fail("a wrong image: %v", err)
		} else if !in.want.image {
			fail("the damage was not seen")
		}
	case !slices.Contains(in.want.codes, code):
		fail("another class was expected")
	}
	if len(left) > 0 {
		fail("left behind: %v", left)
	}
	if err == nil || len(left) > 0 {
		for _, dir := range []string{w.tmp, w.out} {
			for _, name := range list(dir) {
				os.RemoveAll(filepath.Join(dir, name))
			}
		}
	}
	r.count(outcomes[code])
}

var outcomes = map[int]string{
	cli.ExitOK: "the right image", cli.ExitFailure: "failure (1)", cli.ExitUsage: "usage (2)",
	cli.ExitBase: "base (3)", cli.ExitVerify: "verification (4)",
}

// keepFailure leaves the input for whoever mends the defect.
func (w *worker) keepFailure(r *result, bad []byte) {
	dir := filepath.Join(w.t.dir, "failures")
	if n := r.defects(); n <= maxKept && os.MkdirAll(dir, 0o755) == nil {
		_ = os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%d", r.Name, n)), bad, 0o644)
	}
}

func list(dir string) []string {
	var names []string
	for _, e := range must(os.ReadDir(dir)) {
		names = append(names, e.Name())
	}
	return names
}

// identity is what makes two images the same, byte for byte.
type identity struct {
	config, manifest string
	plain, blobs     string // digests of the layers
}

func identify(path string) (id identity, err error) {
	ctx := context.Background()
	img, err := image.Open(ctx, path, image.Options{})
	if err != nil {
		return id, err
	}
	defer img.Close()
	manifest, _ := img.Manifest()
	id = identity{config: digest.FromBytes(img.Config()).String(), manifest: digest.FromBytes(manifest).String()}
	for _, l := range img.Layers() {
		sum, err := digestOf(l.Plain(ctx))
		if err != nil {
			return id, err
		}
		id.plain += sum + " "
		if l.Blob() == nil {
			continue
		}
		if sum, err = digestOf(l.Compressed(ctx)); err != nil {
			return id, err
		}
		id.blobs += sum + " "
	}
	return id, nil
}

// identityOf is what an image claims to be: what its layers give is not read.
func identityOf(img image.Image) identity {
	id := identity{config: digest.FromBytes(img.Config()).String()}
	for _, l := range img.Layers() {
		id.plain += l.DiffID().String() + " "
	}
	return id
}

func digestOf(rc io.ReadCloser, err error) (string, error) {
	if err != nil {
		return "", err
	}
	defer rc.Close()
	sum, err := digest.FromReader(rc)
	return sum.String(), err
}

// compare fails if the image at path is not the target.
func (t *torture) compare(path string) error {
	got, err := identify(path)
	if err == nil && got != t.identity {
		err = fmt.Errorf("it has config %s and manifest %s", got.config, got.manifest)
	}
	return err
}
