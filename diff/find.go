package diff

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/docker-delta/docker-delta/diff/internal/match"
	"github.com/docker-delta/docker-delta/diff/internal/predict"
)

const (
	// tiny is the size up to which a piece is not searched for: it is a tar
	// header, and its counterpart is the candidate of the same length.
	tiny = 1024
	// maxOld bounds the reference bytes that are matched at once.
	maxOld = 128 << 20
	// maxNew bounds the target bytes that are matched at once.
	maxNew = 128 << 20
	// largeOld and hugeOld are the sizes from which on only every second and
	// every fourth place is indexed.
	largeOld = 16 << 20
	hugeOld  = 64 << 20
)

// finder finds operations for pieces. It is safe for use by several
// goroutines.
type finder struct {
	space
	level   Level
	workers int
	pieces  []Piece
	memory  memory
	found   []found // for each piece
}

// windowed is the finder for one goroutine: most pieces are headers and small
// files, which it reads through blocks.
func (f *finder) windowed(target int64) *finder {
	own := *f
	own.space = f.space.windowed(target)
	return &own
}

// piece finds the operations for the target bytes at off.
func (f *finder) piece(ctx context.Context, p Piece, off int64) (found, error) {
	var list opList
	if p.Same >= 0 {
		list.copy(p.Same, p.Len)
		return found{ops: list.ops, same: true}, nil
	}
	if p.Len <= maxNew {
		return f.window(ctx, p, off)
	}
	// Groups are for whole files, so a file that is cut has none.
	for at := int64(0); at < p.Len; at += cutNew {
		r, err := f.window(ctx, p.cut(at, min(cutNew, p.Len-at)), off+at)
		if err != nil {
			return found{}, err
		}
		list.append(r.ops)
	}
	return found{ops: list.ops}, nil
}

// cutNew is the length of the parts into which a file is cut that is longer than
// maxNew. It leaves room in maxOld for what has moved.
const cutNew = maxNew * 3 / 4

// cut is the part of n bytes at an offset of a long piece. Of candidates that are
// too long themselves, it has the part in proportion, so that a file whose contents
// have moved by less than an eighth of maxOld finds them all.
func (p Piece) cut(at, n int64) Piece {
	part := Piece{Len: n, Same: -1}
	for _, e := range p.Candidates {
		if e.Len > maxOld {
			middle := int64(float64(e.Len) * (float64(at) + float64(n)/2) / float64(p.Len))
			from := max(0, min(middle-maxOld/2, e.Len-maxOld))
			e = Extent{e.Off + from, maxOld}
		}
		part.Candidates = append(part.Candidates, e)
	}
	return part
}

// window finds the operations for a piece, or a part of one, that fits memory.
func (f *finder) window(ctx context.Context, p Piece, off int64) (found, error) {
	data := make([]byte, p.Len)
	if err := readFull(f.target, data, off); err != nil {
		return found{}, err
	}
	old, err := f.collect(p.Candidates, maxOld)
	if err != nil {
		return found{}, err
	}
	if len(data) <= tiny {
		return found{ops: f.header(data, old)}, nil
	}
	file, oldFile, newFile := f.executable(p, old), []byte(nil), []byte(nil)
	if file != nil {
		oldFile, newFile = f.withNames(file, old.parts[0].ext.Off), predict.WithNames(data, p.Names)
	}
	canonicalOld, canonicalNew := f.canonical(oldFile, newFile, len(file), old.bytes, data)
	var list opList
	if len(old.bytes) > 0 {
		matched, err := f.match(ctx, canonicalOld, canonicalNew)
		if err != nil {
			return found{}, err
		}
		for _, o := range matched {
			old.ops(&list, o.Old, o.Len)
			list.literal(int64(o.Lit))
		}
	} else {
		list.literal(p.Len)
	}
	r := found{ops: list.ops}
	if file == nil {
		return r, nil
	}
	g := group{new: Extent{off, p.Len}, old: old.parts[0].ext}
	var ok bool
	if f.level == Fast {
		g.params, ok = predict.Assume(oldFile, newFile)
	} else {
		// Operations of this piece alone start at its own offset.
		l := layout{ops: r.ops}
		g.params, ok = predict.Detect(oldFile, newFile, l.copies(&g, 0, off))
	}
	if ok {
		r.groups = []group{g}
	}
	return r, nil
}

// withNames returns a part of an executable in the reference with the names of its
// sections, where these stand behind it.
func (f *finder) withNames(part []byte, at int64) []byte {
	off, size, ok := predict.NamesAt(part)
	if !ok || at+off+size > f.refSize {
		return part
	}
	names := make([]byte, size)
	if err := readFull(f.ref, names, at+off); err != nil {
		return part
	}
	return predict.WithNames(part, names)
}

// canonical returns the forms in which an old text and a new one are matched.
// oldFile and newFile, if they may be executables, start as these do, the old one
// for fileLen bytes, and may have more at their ends; otherwise they are nil.
func (f *finder) canonical(oldFile, newFile []byte, fileLen int, old, new []byte) (canonicalOld, canonicalNew []byte) {
	if oldFile == nil {
		return old, new
	}
	canonicalOld, canonicalNew = old, new
	var g errgroup.Group
	g.Go(func() error {
		if c, ok := predict.Canonical(nil, newFile); ok {
			canonicalNew = c[:len(new)]
		}
		return nil
	})
	if c, ok := predict.Canonical(nil, oldFile); ok {
		canonicalOld = append(c[:fileLen], old[fileLen:]...)
	}
	_ = g.Wait()
	return canonicalOld, canonicalNew
}

// matchPart is the length of the parts into which a long new text is cut, so that
// all cores match them.
const matchPart = 6 << 20

// match matches a new text, in parts if it is long.
func (f *finder) match(ctx context.Context, old, new []byte) ([]match.Op, error) {
	opt := f.matching(len(old))
	if len(new) < 2*matchPart {
		return match.Match(old, new, opt), ctx.Err()
	}
	m := match.New(old, opt)
	defer m.Close()
	parts := make([][]match.Op, len(new)/matchPart)
	var g errgroup.Group
	g.SetLimit(f.workers)
	for i := range parts {
		from, to := i*matchPart, (i+1)*matchPart
		if i == len(parts)-1 {
			to = len(new)
		}
		g.Go(func() error {
			if ctx.Err() == nil {
				parts[i] = m.Match(new[from:to], from)
			}
			return ctx.Err()
		})
	}
	err := g.Wait()
	return slices.Concat(parts...), err
}

// executable returns the bytes of the first candidate when the piece may be a
// newer version of an executable.
func (f *finder) executable(p Piece, old *text) []byte {
	if len(old.parts) == 0 || p.Len < 4096 || old.parts[0].ext != p.Candidates[0] {
		return nil
	}
	return old.bytes[:old.parts[0].ext.Len]
}

func (f *finder) matching(old int) match.Options {
	switch {
	case f.level == Fast:
		return match.Options{Greedy: true}
	case old > hugeOld:
		return match.Options{Step: 4}
	case old > largeOld:
		return match.Options{Step: 2}
	}
	return match.Options{}
}

// header copies a tiny piece from its candidate when that is of the same size
// and at least half of it is equal.
func (f *finder) header(data []byte, old *text) []op {
	var list opList
	if n := len(data); len(old.bytes) >= n {
		same := 0
		for i, b := range old.bytes[:n] {
			if b == data[i] {
				same++
			}
		}
		if same*2 >= n {
			old.ops(&list, 0, n)
			return list.ops
		}
	}
	list.literal(int64(len(data)))
	return list.ops
}
