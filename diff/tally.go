package diff

// tally counts where bytes go.
type tally struct {
	Stats
	l *layout
	// What the coded bytes are for; nil unless that was asked for.
	ops, copies, literals *ledger
}

func newTally(l *layout, withShares bool) *tally {
	t := &tally{l: l}
	if withShares {
		t.ops, t.copies, t.literals = new(ledger), new(ledger), new(ledger)
	}
	t.Target, t.Ops = l.target, len(l.ops)
	for _, o := range l.ops {
		t.Literal += o.Lit
	}
	return t
}

// copied counts a predicted run, and tells whether it is as predicted.
func (t *tally) copied(pred, actual []byte) bool {
	changed := differing(pred, actual)
	t.Changed += changed
	t.Equal += int64(len(pred)) - changed
	return changed == 0
}

// done completes the figures.
func (t *tally) done() Stats {
	t.Shares = shares(t.ops, t.copies, t.literals)
	return t.Stats
}
