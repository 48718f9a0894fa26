package predict

// Assume reports whether the files are of a kind that can be predicted, and
// returns the params from which [New] makes the model.
func Assume(old, new []byte) (params []byte, ok bool) {
	l, ok := pair(old, new)
	if !ok {
		return nil, false
	}
	l.merge()
	return l.marshal(), true
}

// Detect is Assume and a trial: it runs the model over all copies, and leaves
// out kinds of references whose prediction does more harm than good.
func Detect(old, new []byte, ops []Op) (params []byte, ok bool) {
	l, ok := pair(old, new)
	if !ok {
		return nil, false
	}
	l.merge()
	params = l.marshal()
	m, err := New(params, ops)
	if err != nil {
		return nil, false
	}
	saved, total := m.trial(old, new, ops), 0
	for k, n := range saved {
		if n < 0 {
			for i := range l.regions {
				if l.regions[i].kind == kind(k) {
					l.regions[i].kind = kindPlain
				}
			}
			params = l.marshal()
		} else {
			total += n
		}
	}
	return params, total > 0
}

const trialChunk = 4096

// trial returns for each kind of region how many more bytes the predictions
// hit than the old bytes themselves.
func (m *Model) trial(old, new []byte, ops []Op) (saved [kindCount]int) {
	guess := make([]byte, trialChunk)
	for _, o := range ops {
		if o.New < 0 || o.Old < 0 || o.Len < 0 || o.New > int64(len(new))-o.Len || o.Old > int64(len(old))-o.Len {
			continue
		}
		for at := int64(0); at < o.Len; at += trialChunk {
			n := min(trialChunk, o.Len-at)
			was := old[o.Old+at : o.Old+min(o.Len, at+n+Lookahead)]
			is := new[o.New+at:][:n]
			m.Predict(guess[:n], was, o.Old+at, o.New+at)
			m.Update(is)
			r, _ := m.l.atOff(o.Old + at)
			if r == nil {
				continue
			}
			for i, b := range guess[:n] {
				if b == was[i] {
					continue
				}
				switch is[i] {
				case b:
					saved[r.kind]++
				case was[i]:
					saved[r.kind]--
				}
			}
		}
	}
	return saved
}

// pair makes the layout of two executables for the same machine.
func pair(old, new []byte) (*layout, bool) {
	a, ok := parseELF(old)
	if !ok {
		return nil, false
	}
	b, ok := parseELF(new)
	if !ok || a.machine != b.machine {
		return nil, false
	}
	place := map[string]span{}
	for _, s := range b.sections {
		place[s.key] = s.span
	}
	l := &layout{machine: a.machine, fixed: a.fixed && a.find(".gopclntab") == nil}
	for _, s := range a.sections {
		l.regions = append(l.regions, region{kind: s.kind, old: s.span, new: place[s.key]})
	}
	l.index()
	return l, true
}

// merge joins neighbours that are alike and move alike, to save params.
func (l *layout) merge() {
	out := l.regions[:1]
	for _, r := range l.regions[1:] {
		p := &out[len(out)-1]
		gap := r.old.off - (p.old.off + p.old.size)
		alike := p.kind == r.kind && (r.kind == kindPlain || r.kind == kindText || r.kind == kindData)
		if alike && p.old.size == p.new.size && gap >= 0 && gap < maxGap && r.new.size > 0 &&
			r.new.off-p.new.off == r.old.off-p.old.off && r.new.va-p.new.va == r.new.off-p.new.off &&
			r.old.va-p.old.va == r.old.off-p.old.off && p.old.va != 0 {
			p.old.size += gap + r.old.size
			p.new.size += gap + r.new.size
			continue
		}
		out = append(out, r)
	}
	l.regions = out
}

// maxGap is the largest alignment between merged regions.
const maxGap = 64
