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
	inv    *layer.Inventory
	header layer.Place // the last one that had a counterpart
	pieces []diff.Piece
	leaves []*layer.Node // of each piece
}

func plan(inv *layer.Inventory, s *layer.Stream) *planner {
	p := &planner{inv: inv}
	p.stream(s)
	return p
}

func (p *planner) stream(s *layer.Stream) { p.nodes(s.Nodes) }

func (p *planner) nodes(nodes []*layer.Node) {
	for _, n := range nodes {
		if n.Kind == layer.Content && n.Inner == nil {
			if addr, ok := p.inv.Same(n.Sum); ok {
				p.add(n, diff.Piece{Len: n.Len, Same: addr})
				continue
			}
		}
		switch {
		case n.Inner != nil:
			p.stream(n.Inner)
		case n.Parts != nil:
			p.nodes(n.Parts)
		default:
			p.add(n, diff.Piece{Len: n.Len, Same: -1, Candidates: p.candidates(n)})
		}
	}
}

func (p *planner) add(n *layer.Node, piece diff.Piece) {
	if piece.Len > 0 {
		p.pieces = append(p.pieces, piece)
		p.leaves = append(p.leaves, n)
	}
}

func (p *planner) candidates(n *layer.Node) []diff.Extent {
	var places []layer.Place
	if n.Kind == layer.Header {
		if h, ok := p.inv.HeaderOf(n.Path); ok {
			p.header = h
		}
		if p.header.Len > 0 {
			places = []layer.Place{p.header}
		}
	} else {
		places = p.inv.Counterparts(n.Path, n.Len, maxCandidates)
	}
	var extents []diff.Extent
	for _, place := range places {
		extents = append(extents, diff.Extent{Off: place.Addr, Len: place.Len})
	}
	return extents
}
