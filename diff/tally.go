package diff

import (
	"bytes"
	"sort"
)

// tally counts where bytes go.
type tally struct {
	Stats
	l     *layout
	parts []pieceTally
}

// pieceTally is the tally of one piece, which ends at the target offset end.
type pieceTally struct {
	end                   int64
	ops, changed, literal int64
}

func newTally(l *layout, pieces []Piece, head int) *tally {
	t := &tally{l: l}
	t.Target, t.Ops, t.OpBytes, t.Coded = l.target, len(l.ops), int64(head), int64(head)
	at := int64(0)
	for _, p := range pieces {
		at += p.Len
		t.parts = append(t.parts, pieceTally{end: at})
	}
	at = 0
	for _, o := range l.ops {
		if i := t.part(at); i < len(t.parts) {
			t.parts[i].ops++
		}
		at += o.Len
		for n := o.Lit; n > 0; {
			p := &t.parts[t.part(at)]
			k := min(n, p.end-at)
			p.literal += k
			at += k
			n -= k
		}
		t.Literal += o.Lit
	}
	return t
}

// part returns the index of the piece that has the target byte at.
func (t *tally) part(at int64) int {
	return sort.Search(len(t.parts), func(i int) bool { return t.parts[i].end > at })
}

// add counts the differences of a predicted run at a target offset.
func (t *tally) add(at int64, pred, actual []byte) {
	if bytes.Equal(pred, actual) {
		t.Equal += int64(len(pred))
		return
	}
	p := t.part(at)
	for i, b := range pred {
		if b == actual[i] {
			t.Equal++
			continue
		}
		for at+int64(i) >= t.parts[p].end {
			p++
		}
		t.parts[p].changed++
		t.Changed++
	}
}

// share estimates the coded bytes of each piece.
func (t *tally) share() {
	each := func(total int64, n int64) float64 {
		return float64(total) / float64(max(n, 1))
	}
	op := each(t.OpBytes, int64(t.Ops))
	changed := each(t.CopyBytes, t.Changed)
	literal := each(t.LiteralBytes, t.Literal)
	t.Pieces = make([]float64, len(t.parts))
	for i, p := range t.parts {
		t.Pieces[i] = op*float64(p.ops) + changed*float64(p.changed) + literal*float64(p.literal)
	}
}
