package layer

import (
	"context"
	"fmt"
	"io"
	"sort"

	"github.com/docker-delta/docker-delta/internal/limit"
)

// Stream gives the stream that the program makes of plain bytes, cut as
// [Unwrapper.Cut] and [Unwrapper.Unwrap] would cut it, without making it: where
// its raw bytes hold something wrapped, it reads as zeros. The nodes take what they
// need off mem.
func (p *Program) Stream(ctx context.Context, plain io.ReaderAt, mem *limit.Memory) (*Stream, error) {
	return p.stream(ctx, plain, 0, 0, mem)
}

func (p *Program) stream(ctx context.Context, plain io.ReaderAt, at int64, depth int, mem *limit.Memory) (*Stream, error) {
	var raw Concat
	inner := make([]int64, len(p.steps)) // where their plain bytes start
	for i := range p.steps {
		st := &p.steps[i]
		raw.Add(plain, at, st.skip)
		at += st.skip
		inner[i] = at
		raw.Add(zeros{}, raw.Size(), st.size())
		at += st.inner.plain
	}
	raw.Add(plain, at, p.raw-raw.Size())
	s, err := Scan(io.NewSectionReader(&raw, 0, p.raw), mem)
	if err != nil {
		return nil, err
	}
	s.Raw = &raw
	u := &Unwrapper{Memory: mem}
	err = s.Leaves(func(n *Node) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return u.cut(&raw, n, depth)
	})
	if err != nil {
		return nil, err
	}
	from := int64(0)
	for i := range p.steps {
		st := &p.steps[i]
		from += st.skip
		n := s.leaf(from, st.size())
		if n == nil {
			return nil, fmt.Errorf("%w: a step crosses the parts of a container", ErrProgram)
		}
		if n.Inner, err = st.inner.stream(ctx, plain, inner[i], depth+1, mem); err != nil {
			return nil, err
		}
		nameInner(n.Inner.Nodes, n.Path)
		from += st.size()
	}
	return s, nil
}

// leaf finds the leaf that is n bytes long and starts at off. Where a larger one
// holds these bytes, it is cut.
func (s *Stream) leaf(off, n int64) *Node {
	nodes := s.Nodes
	for {
		i := sort.Search(len(nodes), func(i int) bool { return nodes[i].End() > off })
		if i == len(nodes) {
			return nil
		}
		in := nodes[i]
		switch {
		case off < in.Off || off+n > in.End() || in.Inner != nil:
			return nil
		case in.Parts != nil:
			nodes = in.Parts
			continue
		case in.Off == off && in.Len == n:
			return in
		}
		part := func(from, to int64) *Node {
			return &Node{Kind: in.Kind, Path: in.Path, Off: from, Len: to - from, Prefix: in.Prefix}
		}
		hit := part(off, off+n)
		isPNG := string(in.Prefix[:]) == pngMagic // which no longer has the checksums that cutPNG needs
		if isPNG {
			hit.Path += "!/IDAT"
		}
		for _, p := range []*Node{part(in.Off, off), hit, part(off+n, in.End())} {
			if isPNG && p != hit {
				p.Kind = Header
			}
			if p.Len > 0 {
				in.Parts = append(in.Parts, p)
			}
		}
		return hit
	}
}

// zeros reads as zeros everywhere.
type zeros struct{}

func (zeros) ReadAt(p []byte, _ int64) (int, error) {
	clear(p)
	return len(p), nil
}

// Leaf is a node that is not cut further, in the plain face of a stream.
type Leaf struct {
	*Node
	// Raw holds the node's bytes at Node.Off; At is where they stand in the plain
	// face.
	Raw io.ReaderAt
	At  int64
}

// PlainLeaves calls visit for the leaves of the plain face of the stream, in
// order: those of its parts and of what is unwrapped.
func (s *Stream) PlainLeaves(visit func(Leaf)) { s.plainLeaves(0, visit) }

func (s *Stream) plainLeaves(at int64, visit func(Leaf)) int64 {
	_ = s.Leaves(func(n *Node) error {
		if n.Inner != nil {
			at = n.Inner.plainLeaves(at, visit)
			return nil
		}
		visit(Leaf{n, s.Raw, at})
		at += n.Len
		return nil
	})
	return at
}
