package diff

import (
	"bytes"
	"io"

	"github.com/docker-delta/docker-delta/diff/internal/code"
)

// Level Default is as small as decoding stays quick: a stream is coded by zstd
// and by mixing, and mixing, which is smaller, is taken where it stays within a
// budget of work in proportion to the target.
const (
	// workShare is the number of target bytes that pay for one unit of work, for
	// each kind of stream: literals and copies are decoded side by side.
	workShare = 32
	// workFloor is what the smallest target may take.
	workFloor = 1 << 18
	// workPerByte is what decoding a byte of parameters takes.
	workPerByte = 64
)

// coders are the ways in which a level codes; the first is always there.
func (l Level) coders() []code.Coder {
	switch l {
	case Fast:
		return []code.Coder{code.Quick}
	case Default:
		return []code.Coder{code.Zstd, code.Lean}
	}
	return []code.Coder{code.Full}
}

// numberCoders are the ways in which a level codes operations and parameters, and
// the work that decoding them may take: at any level, mixing is worth it for a few.
func (l *layout) numberCoders(level Level) ([]code.Coder, int64) {
	if level == Fast {
		return []code.Coder{code.Quick, code.Lean}, workFloor
	}
	return level.coders(), l.budget()
}

// budget is the work that decoding one kind of stream of the layout may take.
func (l *layout) budget() int64 { return workFloor + l.target/workShare }

// encoder is what the encoders of package code have in common.
type encoder interface {
	Work() int64
	Bits() float64
	Close() error
}

// choice codes the same in several ways at once, and keeps the shortest that is
// not too much work.
type choice[E encoder] struct {
	ways   []*way[E]
	budget int64
}

// way is one of them.
type way[E encoder] struct {
	out   bytes.Buffer
	e     E
	made  meter
	notes *ledger // what the coded bytes are for, if that is asked for
}

// newChoice starts to code. It keeps ledgers if the caller does.
func newChoice[E encoder](coders []code.Coder, budget int64, l *ledger, open func(io.Writer, code.Coder) (E, error)) (*choice[E], error) {
	c := &choice[E]{budget: budget}
	for _, coder := range coders {
		w := new(way[E])
		var err error
		if w.e, err = open(&w.out, coder); err != nil {
			return nil, err
		}
		if l != nil {
			w.notes = new(ledger)
		}
		c.ways = append(c.ways, w)
	}
	return c, nil
}

// each codes something in all ways that are left.
func (c *choice[E]) each(write func(*way[E]) error) error {
	left := c.ways[:0]
	for _, w := range c.ways {
		if err := write(w); err != nil {
			return err
		}
		if w.e.Work() <= c.budget {
			left = append(left, w)
		}
	}
	c.ways = left
	return nil
}

// step returns the bits that were made since the last call, as [meter.step] does.
func (w *way[E]) step() float64 { return w.made.step(w.e.Bits()) }

// close ends all ways and returns the one that is chosen.
func (c *choice[E]) close() (*way[E], error) {
	best := c.ways[0]
	for _, w := range c.ways {
		if err := w.e.Close(); err != nil {
			return nil, err
		}
		if w.out.Len() < best.out.Len() {
			best = w
		}
	}
	return best, nil
}

// end ends a stream of a section at a target offset, if there is one: it returns
// what was coded, puts down in the ledger what for, and takes the work off the
// budget.
func (c *choice[E]) end(budget *int64, l *ledger, end int64) ([]byte, error) {
	if c == nil {
		l.settle(0, end)
		return nil, nil
	}
	best, err := c.close()
	if err != nil {
		return nil, err
	}
	*budget -= best.e.Work()
	l.append(best.notes)
	l.settle(int64(best.out.Len()), end)
	return best.out.Bytes(), nil
}
