package diff

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/docker-delta/docker-delta/diff/internal/code"
)

// Share is what a run of the target costs in the coded form. Shares are
// estimates: of an operation, of the bytes that differ from what was foretold,
// of a literal, each by what the coder of its stream made of it.
type Share struct {
	Off, Len int64 // in the target
	Bytes    float64
}

// A ledger gathers the shares of one stream. They are weights until the stream
// ends and its size is known; where the coder cannot tell what it has made of a
// run, the weight is a number of bytes. A nil ledger takes no notes.
type ledger struct {
	list    []Share
	settled int   // shares whose Bytes are bytes
	begin   int64 // target offset where the stream begins
}

// Differences that lie at most nearby bytes apart share an entry, of at most
// maxShare bytes.
const (
	nearby   = 32
	maxShare = 512
)

func (l *ledger) add(off, n int64, weight float64) {
	if l == nil || weight <= 0 {
		return
	}
	if k := len(l.list) - 1; k >= l.settled {
		last := &l.list[k]
		if end := off + n - last.Off; off >= last.Off && off <= last.Off+last.Len+nearby && end <= maxShare {
			last.Len = max(last.Len, end)
			last.Bytes += weight
			return
		}
	}
	l.list = append(l.list, Share{off, n, weight})
}

// append adds the weights of another one, which is nil if l is.
func (l *ledger) append(other *ledger) {
	if l != nil {
		l.list = append(l.list, other.list...)
	}
}

// operation adds the operation at a target offset, of which bits were made, or a
// negative number if nobody knows.
func (l *ledger) operation(at int64, bits float64) {
	if bits < 0 {
		bits = 32
	}
	l.add(at, 1, bits)
}

// differences adds a copy at a target offset, of which bits were made, or a
// negative number if nobody knows. What they are for are the bytes that differ.
func (l *ledger) differences(at int64, pred, actual []byte, bits float64) {
	if l == nil || bytes.Equal(pred, actual) {
		return
	}
	each := 1.0
	if bits >= 0 {
		changed := 0
		for i, b := range pred {
			if b != actual[i] {
				changed++
			}
		}
		each = bits / float64(changed)
	}
	for i, b := range pred {
		if b != actual[i] {
			l.add(at+int64(i), 1, each)
		}
	}
}

// literal adds n literal bytes at a target offset, of which bits were made, or a
// negative number if nobody knows.
func (l *ledger) literal(at, n int64, bits float64) {
	if bits < 0 {
		bits = float64(n)
	}
	l.add(at, n, bits)
}

// settle ends the stream at a target offset: the weights that were noted since the
// last call become shares of a number of bytes. If there are none, all of the
// stream's run shares these.
func (l *ledger) settle(size, end int64) {
	if l == nil {
		return
	}
	open := l.list[l.settled:]
	sum := 0.0
	for _, s := range open {
		sum += s.Bytes
	}
	if sum > 0 {
		for i := range open {
			open[i].Bytes *= float64(size) / sum
		}
	} else if size > 0 && end > l.begin {
		l.list = append(l.list, Share{l.begin, end - l.begin, float64(size)})
	}
	l.settled, l.begin = len(l.list), end
}

// shares merges ledgers into one list, in the order of the target.
func shares(ledgers ...*ledger) []Share {
	var all []Share
	for _, l := range ledgers {
		if l != nil {
			all = append(all, l.list...)
		}
	}
	slices.SortStableFunc(all, func(a, b Share) int { return cmp.Compare(a.Off, b.Off) })
	return all
}

// meter tells how many bits went through a coder since it was last asked.
type meter struct{ last float64 }

// step returns the number of bits, negative if the coder cannot tell.
func (m *meter) step(total float64) float64 {
	if total < 0 {
		return -1
	}
	bits := total - m.last
	m.last = total
	return max(bits, 0)
}

// notes are what a stage of decoding writes into its ledger, if it has one.
type notes struct {
	ledger   *ledger
	made     meter
	size     int // of the section's stream
	expected []byte
}

// section settles the section that ends at a target offset, where another one
// begins with a stream of size bytes.
func (n *notes) section(at int64, size int) {
	n.ledger.settle(int64(n.size), at)
	n.size, n.made = size, meter{}
}

// before keeps what a copy predicts, which decoding overwrites.
func (n *notes) before(pred []byte) {
	if n.ledger != nil {
		n.expected = append(n.expected[:0], pred...)
	}
}

// copied notes a copy after it was decoded.
func (n *notes) copied(at int64, actual []byte, d *code.CopyDecoder) {
	if n.ledger != nil {
		n.ledger.differences(at, n.expected, actual, n.made.step(d.Bits()))
	}
}

// literal notes a literal after it was decoded.
func (n *notes) literal(at, length int64, d *code.LiteralDecoder) {
	if n.ledger != nil {
		n.ledger.literal(at, length, n.made.step(d.Bits()))
	}
}
