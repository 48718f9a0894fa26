package diff

import "bytes"

// tally counts where bytes go.
type tally struct {
	Stats
	l                     *layout
	ops, copies, literals ledger
}

// newTally starts with the operations, of which head bytes were made.
func newTally(l *layout, ops *ledger, head int) *tally {
	t := &tally{l: l, ops: *ops}
	t.Target, t.Ops, t.OpBytes, t.Coded = l.target, len(l.ops), int64(head), int64(head)
	for _, o := range l.ops {
		t.Literal += o.Lit
	}
	t.ops.settle(t.OpBytes, l.target)
	return t
}

// copied counts a predicted run, and tells whether it is as predicted.
func (t *tally) copied(pred, actual []byte) bool {
	if bytes.Equal(pred, actual) {
		t.Equal += int64(len(pred))
		return true
	}
	for i, b := range pred {
		if b == actual[i] {
			t.Equal++
		} else {
			t.Changed++
		}
	}
	return false
}

// done completes the figures.
func (t *tally) done() Stats {
	t.Shares = shares(&t.ops, &t.copies, &t.literals)
	return t.Stats
}
