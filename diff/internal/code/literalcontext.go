package code

// isText reports whether the last 4 bytes, the last lowest, are such as text
// has.
func isText(last uint64) bool {
	l := uint32(last)
	// A byte below 0x20 borrows from its highest bit; line feed and tab are as
	// rare in text as harmless.
	return (l|(l-0x20202020))&0x80808080 == 0
}

// contextsAll sets all contexts, the most useful first.
func (m *mixLiteralCoder) contextsAll() {
	l, at := m.last, uint64(m.pos&3)
	m.model.ctx = [maxContexts]uint64{
		hash(l&0xff, 1),
		hash(l&0xffff, 2),
		hash(l&0xffffff, 3),
		hash(l&0xffffffff, 4),
		hash(l&0xffffffffffff, 5),
		hash(uint64(m.word), l&0xff|6<<8),
		hash(l>>24&0xff, 7|at<<8),
		hash(l>>24&0xff00ff, 8|at<<8),
		hash(l>>56|l&0xff<<8, 9|at<<8),
		hash(l>>8&0xffff, 10),
		hash(l&0xffffffffff, 11),
		hash(l&0xf0f0f0ff, 12),
		hash(l>>24&0xffff, 13|at<<8),
		hash(l>>56|l>>24&0xff<<8, 14|at<<8),
		hash(l>>16&0xffff, 15),
		hash(at, 16),
	}
}
