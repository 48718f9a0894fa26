package predict

// Detect reports whether the files are of a kind that can be predicted, and
// returns the params from which [New] makes the model.
func Detect(old, new []byte, ops []Op) (params []byte, ok bool) {
	l, ok := pair(old, new)
	if !ok {
		return nil, false
	}
	return l.marshal(), true
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
		l.regions = append(l.regions, region{s.kind, s.span, place[s.key]})
	}
	l.index()
	return l, true
}
