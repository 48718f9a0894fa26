// Package match finds approximate copies: runs of a new text that resemble a
// run of an old one, byte for byte, without insertions. Start with [Match].
//
// The question is that of bsdiff (C. Percival, "Matching with mismatches and
// assorted applications", 2006), the answer another one. A table of seeds
// proposes alignments, that is distances between old and new places, and says
// roughly where each may be of use. Then a shortest path through the new text,
// whose edges cost the bits that coding will take, chooses among them, byte
// for byte: a match that does not earn its operation is not taken, and borders
// fall where they cost least.
package match

// Op is a copy of Len bytes from the old text at Old, of which some may
// differ, followed by Lit bytes that resemble nothing.
type Op struct {
	Len, Old, Lit int
}

// Options tune [Match].
type Options struct {
	// Step indexes each Step-th place of the old text; 0 means every one.
	Step int
	// Tries is how many places a seed may propose; 0 means 8.
	Tries int
	// Greedy asks for speed: Step and Tries do not matter then.
	Greedy bool
}

// Matcher matches new texts against one old text. It is safe for use by
// several goroutines.
type Matcher struct {
	old   []byte
	table *table
	seeds lazySparse // of a greedy one
	opt   Options
}

// New indexes old, which must be shorter than 2 GiB. It costs four to eight
// bytes of memory for each byte of old, less when Step is more than one.
func New(old []byte, opt Options) *Matcher {
	if opt.Greedy {
		return &Matcher{old: old, opt: opt}
	}
	if opt.Step < 1 {
		opt.Step = 1
	}
	if opt.Tries < 1 {
		opt.Tries = 8
	}
	return &Matcher{old: old, table: newTable(old, opt.Step), opt: opt}
}

// Match covers new with operations whose Len and Lit add up to len(new). Time
// is near linear. If new is a part of a text, at says where it is expected in the
// old one.
func (m *Matcher) Match(new []byte, at int) []Op {
	if len(new) == 0 {
		return nil
	}
	if m.opt.Greedy {
		g := greedy{old: m.old, new: new, seeds: &m.seeds}
		return g.match(at)
	}
	s := scanner{old: m.old, new: new, table: m.table, opt: m.opt}
	return s.cover(s.propose(at))
}

// Close gives memory back for others to use. The matcher is of no use then.
func (m *Matcher) Close() { m.seeds.free() }

// Match is [Matcher.Match] for one pair.
func Match(old, new []byte, opt Options) []Op {
	if len(new) > 0 && len(old) >= len(new) && common(old, new) == len(new) {
		return []Op{{Len: len(new)}}
	}
	m := New(old, opt)
	defer m.Close()
	return m.Match(new, 0)
}
