package delta

import (
	"github.com/docker-delta/docker-delta/diff"
	"github.com/docker-delta/docker-delta/layer"
)

// maxCandidates is how many counterparts of a content are named.
const maxCandidates = 4

// planner cuts the plain face of a target stream into pieces and says what
// each may resemble.
type planner struct {
	inv    inventories
	size   int64       // of the reference
	header layer.Place // the last one that had a counterpart
	next   int64       // address behind the counterpart of the piece before
	pieces []diff.Piece
}

func plan(inv inventories, size int64, s *layer.Stream) *planner {
	p := &planner{inv: inv, size: size, next: -1}
	p.nodes(s.Nodes)
	return p
}

func (p *planner) nodes(nodes []*layer.Node) {
	for i, n := range nodes {
		if n.Kind == layer.Content && n.Inner == nil {
			if addr, ok := p.inv.Same(n.Sum, p.next); ok {
				p.add(n, diff.Piece{Len: n.Len, Same: addr})
				p.next = addr + n.Len
				continue
			}
		}
		switch {
		case n.Inner != nil:
			p.nodes(n.Inner.Nodes)
		case n.Parts != nil:
			p.nodes(n.Parts)
		default:
			piece := diff.Piece{Len: n.Len, Same: -1, Names: n.Names}
			for _, place := range p.candidates(n, nodes[i+1:]) {
				piece.Candidates = append(piece.Candidates, diff.Extent{Off: place.Addr, Len: place.Len})
			}
			p.next = -1
			if len(piece.Candidates) > 0 {
				p.next = piece.Candidates[0].End()
			}
			p.add(n, piece)
		}
	}
}

func (p *planner) add(n *layer.Node, piece diff.Piece) {
	if piece.Len > 0 {
		p.pieces = append(p.pieces, piece)
	}
}

// candidates lists what a leaf may resemble; after is what follows it.
func (p *planner) candidates(n *layer.Node, after []*layer.Node) []layer.Place {
	switch n.Kind {
	case layer.Content:
		return p.inv.Counterparts(n.Path, n.Len, maxCandidates)
	case layer.Padding:
		if p.next >= 0 && p.next <= p.size-n.Len { // a counterpart of the same length has the same padding
			return []layer.Place{{Addr: p.next, Len: n.Len}}
		}
		return nil
	}
	if headers := p.inv.HeadersOf(n.Path); len(headers) > 0 {
		p.header = p.nearest(headers, after)
	}
	if p.header.Len == 0 {
		return nil
	}
	return []layer.Place{p.header}
}

// nearest chooses among headers of one name: that which continues the piece
// before, else that which stands before the same content.
func (p *planner) nearest(headers []layer.Place, after []*layer.Node) layer.Place {
	for _, h := range headers {
		if h.Addr == p.next {
			return h
		}
	}
	if len(after) > 0 && after[0].Kind == layer.Content {
		for _, h := range headers {
			if addr, ok := p.inv.Same(after[0].Sum, h.Addr+h.Len); ok && addr == h.Addr+h.Len {
				return h
			}
		}
	}
	return headers[0]
}
