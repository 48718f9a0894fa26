package layer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/docker-delta/docker-delta/internal/limit"
	"github.com/docker-delta/docker-delta/internal/spool"
	"github.com/docker-delta/docker-delta/recipe"
)

const (
	// MaxDepth is how deep containers in containers are unwrapped.
	MaxDepth = 4
	// minWrapped is the shortest compressed run worth a recipe of its own.
	minWrapped = 64
	// maxPlain bounds what one member may decompress to.
	maxPlain = 4 << 30
	// correctionShare bounds the corrections in a recipe: one part in so many of
	// the compressed bytes.
	correctionShare = 8
)

// Unwrapper decompresses what it finds inside streams.
type Unwrapper struct {
	// Dir holds the decompressed bytes until Close.
	Dir *spool.Dir
	// Recipes asks for a recipe with everything that is unwrapped; what cannot
	// be rewrapped then stays as it is.
	Recipes bool
	// Known, if set, tells of contents that need no look inside, because the
	// other side has the same bytes.
	Known func(Sum) bool
	// Wanted, if set, tells of what deserves to be unwrapped; it is asked about
	// nodes of the stream itself, not about what is unwrapped from them.
	Wanted func(*Node) bool
	// Concurrency is the number of members worked on at a time; 0 means one per
	// core.
	Concurrency int
	// Memory is what the nodes may take; nil is all.
	Memory *limit.Memory
	// Debugf, if set, is told what was not unwrapped, and why.
	Debugf func(format string, args ...any)

	mu    sync.Mutex
	files []*spool.File
}

// Close gives up the decompressed bytes of all streams.
func (u *Unwrapper) Close() error {
	var errs []error
	for _, f := range u.files {
		errs = append(errs, f.Close())
	}
	u.files = nil
	return errors.Join(errs...)
}

func (u *Unwrapper) known(n *Node) bool { return u.Known != nil && u.Known(n.Sum) }

// Cut finds the parts of the containers among the stream's contents, as far as
// that takes no decompression.
func (u *Unwrapper) Cut(ctx context.Context, s *Stream) error {
	return s.Leaves(func(n *Node) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return u.cut(s.Raw, n, 0)
	})
}

func (u *Unwrapper) cut(raw io.ReaderAt, n *Node, depth int) error {
	if n.Kind != Content || n.Parts != nil || n.Wrapping.Format != recipe.Unknown || depth >= MaxDepth || u.known(n) {
		return nil
	}
	var err error
	switch {
	case bytes.HasPrefix(n.Prefix[:], []byte("PK\x03\x04")):
		n.Parts = cutZip(raw, n)
	case string(n.Prefix[:]) == pngMagic:
		n.Parts = cutPNG(raw, n)
	case bytes.HasPrefix(n.Prefix[:], []byte("\x1f\x8b\x08")):
		n.Wrapping.Format = recipe.Gzip
	case bytes.HasPrefix(n.Prefix[:], []byte("\x28\xb5\x2f\xfd")):
		n.Wrapping.Format = recipe.Zstd
	case bytes.HasPrefix(n.Prefix[:], []byte(elfMagic)):
		n.Parts = cutELF(raw, n)
	case n.IsTar:
		if n.Parts, err = cutTar(raw, n, u.Memory); err != nil {
			return err
		}
	}
	for _, part := range n.Parts {
		if !n.IsTar {
			if err := u.Memory.Take(part.memory()); err != nil {
				return err
			}
		}
		if err := u.cut(raw, part, depth+1); err != nil { // a zip stored in a zip
			return err
		}
	}
	return nil
}

// batchSize is the number of wrapped nodes that share one chain of hints.
const batchSize = 32

// Unwrap decompresses what the stream holds, recursively. Cut comes first.
//
// Nodes are worked on in batches, so that what is found does not depend on
// which core was free.
func (u *Unwrapper) Unwrap(ctx context.Context, s *Stream) error {
	batches := u.batch(s)
	workers := u.Concurrency
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	g, ctx := errgroup.WithContext(ctx)
	next := make(chan []*Node)
	g.Go(func() error {
		defer close(next)
		for _, b := range batches {
			select {
			case next <- b:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	for range workers {
		g.Go(func() error {
			w := &worker{u: u}
			for b := range next {
				w.hint, w.misses = nil, 0
				for _, n := range b {
					if err := w.unwrap(ctx, s.Raw, n, 1); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// batch gathers the wrapped leaves; those of one container stay together.
func (u *Unwrapper) batch(s *Stream) [][]*Node {
	var batches [][]*Node
	for _, top := range s.Nodes {
		var current []*Node
		_ = leaves([]*Node{top}, func(n *Node) error {
			if n.wrapped() && (u.Wanted == nil || u.Wanted(n)) {
				current = append(current, n)
			}
			if len(current) == batchSize {
				batches = append(batches, current)
				current = nil
			}
			return nil
		})
		if current != nil {
			batches = append(batches, current)
		}
	}
	return batches
}

// worker unwraps one node after another into one file.
type worker struct {
	u    *Unwrapper
	file *spool.File
	hint *recipe.Recipe
	// misses counts the nodes since the last one that an encoder reproduced.
	misses int
}

// hopeless tells whether all encoders need no trying, because none reproduced
// the last nodes; now and then they are tried again.
func (w *worker) hopeless() bool { return w.misses >= 4 && w.misses%8 != 0 }

func (w *worker) unwrap(ctx context.Context, raw io.ReaderAt, n *Node, depth int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if w.u.known(n) {
		return nil
	}
	inner, err := w.decompress(raw, n)
	if err != nil || inner == nil {
		return err
	}
	if w.u.Recipes {
		n.Recipe, err = w.find(ctx, raw, n, inner)
		if err == nil && n.Recipe.Corrections() == 0 {
			w.misses = 0
		} else {
			w.misses++
		}
		if errors.Is(err, recipe.ErrNotReproduced) {
			w.debugf("%s: %d bytes stay wrapped: %v", n.Path, n.Len, err)
			return nil
		}
		if err != nil {
			return err
		}
		if w.misses == 0 {
			w.hint = n.Recipe
		}
	}
	n.Inner = inner
	if depth >= MaxDepth {
		return nil
	}
	return inner.Leaves(func(in *Node) error {
		if err := w.u.cut(inner.Raw, in, depth); err != nil {
			return err
		}
		if in.Parts == nil {
			return w.unwrapLeaf(ctx, inner.Raw, in, depth+1)
		}
		return leaves(in.Parts, func(part *Node) error {
			return w.unwrapLeaf(ctx, inner.Raw, part, depth+1)
		})
	})
}

// wrapped tells whether the node can be unwrapped, and is worth it.
func (n *Node) wrapped() bool { return n.Wrapping.Format != recipe.Unknown && n.Len >= minWrapped }

func (w *worker) unwrapLeaf(ctx context.Context, raw io.ReaderAt, n *Node, depth int) error {
	if !n.wrapped() {
		return nil
	}
	return w.unwrap(ctx, raw, n, depth)
}

// decompress spools what n holds; nil means that n is not sound.
func (w *worker) decompress(raw io.ReaderAt, n *Node) (*Stream, error) {
	if w.file == nil {
		f, err := w.u.Dir.Create()
		if err != nil {
			return nil, err
		}
		w.file = f
		w.u.mu.Lock()
		w.u.files = append(w.u.files, f)
		w.u.mu.Unlock()
	}
	r, err := n.Wrapping.Open(io.NewSectionReader(raw, n.Off, n.Len))
	if err != nil {
		w.debugf("%s: not unwrapped: %v", n.Path, err)
		return nil, nil
	}
	defer r.Close()
	start := w.file.Size()
	tee := &spoolTee{r: io.LimitReader(r, maxPlain+1), f: w.file}
	s, err := Scan(tee, w.u.Memory)
	if errors.Is(err, limit.ErrMemory) {
		return nil, err
	}
	if tee.err != nil {
		return nil, tee.err
	}
	if err != nil || s.Size > maxPlain || s.Size == 0 {
		w.debugf("%s: not unwrapped: %v", n.Path, err)
		return nil, nil
	}
	s.Raw = w.file.Section(start, s.Size)
	nameInner(s.Nodes, n.Path)
	return s, nil
}

// nameInner gives the contents of an unwrapped stream their full paths.
func nameInner(nodes []*Node, outer string) {
	for _, n := range nodes {
		if n.Path == "" && n.Kind == Content {
			n.Path = outer
		} else {
			n.Path = cutPath(outer + "!/" + n.Path)
		}
	}
}

// Open decompresses the raw bytes of a node, which r reads from their start.
func (w Wrapping) Open(r io.Reader) (io.ReadCloser, error) {
	return recipe.NewReader(w.Format, w.dechunk(r))
}

func (w Wrapping) dechunk(r io.Reader) io.Reader {
	if w.Chunks == nil {
		return r
	}
	return &chunkReader{r: r, chunks: append([]int64(nil), w.Chunks...)}
}

func (w *worker) find(ctx context.Context, raw io.ReaderAt, n *Node, inner *Stream) (*recipe.Recipe, error) {
	compressed, size := io.ReaderAt(io.NewSectionReader(raw, n.Off, n.Len)), n.Len
	if n.Wrapping.Chunks != nil {
		b, err := io.ReadAll(n.Wrapping.dechunk(io.NewSectionReader(raw, n.Off, n.Len)))
		if err != nil {
			return nil, fmt.Errorf("%w: %v", recipe.ErrNotReproduced, err)
		}
		compressed, size = bytes.NewReader(b), int64(len(b))
	}
	return recipe.Find(ctx, recipe.Input{
		Format: n.Wrapping.Format, Compressed: compressed, Size: size,
		Plain: inner.Raw, PlainSize: inner.Size,
	}, recipe.Options{MaxCorrections: size / correctionShare, Concurrency: 1, Hint: w.hint, HintOnly: w.hopeless()})
}

func (w *worker) debugf(format string, args ...any) {
	if w.u.Debugf != nil {
		w.u.Debugf(format, args...)
	}
}

// spoolTee copies what is read to a file and keeps the file's errors apart
// from those of unsound input.
type spoolTee struct {
	r   io.Reader
	f   *spool.File
	err error
}

func (t *spoolTee) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	if n > 0 {
		if _, werr := t.f.Write(p[:n]); werr != nil {
			t.err = werr
			return n, werr
		}
	}
	return n, err
}

// sum fills in the sum and first bytes of a node.
func (n *Node) sum(raw io.ReaderAt) error {
	r := takeReader(io.NewSectionReader(raw, n.Off, n.Len))
	defer putReader(r)
	start, err := r.Peek(int(min(blockSize, n.Len)))
	if err != nil && err != io.EOF {
		return err
	}
	n.look(start, n.Len)
	_, n.Sum, err = sumFrom(r, n.Len)
	return err
}
