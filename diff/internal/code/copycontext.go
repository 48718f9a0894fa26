package code

// mixedDifferent decides with all contexts.
func (m *mixCopyCoder) mixedDifferent(next uint64, at uint32, bit int) bool {
	m.guesses.look(m, next)
	n, p, a, d := uint32(next), uint32(m.pred), uint32(m.actual), uint32(m.diffs)
	p0 := n & 0xff
	run := uint32(min(m.run, 7))
	f := m.differs
	f.ctx = [maxContexts]uint32{
		hash32(p0, p&0xff, m.flags&1),
		hash32(n, m.flags&15, 1),
		hash32(a&0xff, d&0xff, p0|run<<8),
		hash32(m.flags&0xfffff, at, 2),
		hash32(p&0xffff, n&0xffff, 3),
		hash32(p&0xffffff, p0, 4),
		hash32(m.flags&0xff, p0, 5),
		hash32(d&0xffff, m.flags&15, p0|6<<8),
		hash32(m.flags&0x7f, m.last&0xffff, p0),
		hash32(uint32(m.since), uint32(m.lengths[0]), uint32(m.lengths[1])),
		hash32(d>>24|p>>24<<8, p0, at),
		hash32(m.last&0xff<<16|uint32(bucket(m.since)), uint32(bucket(m.lengths[0])), at|run<<2),
		hash32(a&0xffff, p0, m.flags&15),
		hash32(a, m.flags&3, p0),
	}
	best := m.guesses.inputs(f.extra)
	f.sel = [2]int{
		int(m.flags&0x3f<<2|at)<<5 | best,
		int(run<<8) | min(15, bucket(m.since))<<4 | min(15, bucket(m.lengths[0])),
	}
	f.apmCtx = [2]int{int(hash32(p0, p&0xff, 8) & (bitAPM0 - 1)), int(m.flags & (bitAPM1 - 1))}
	bit = f.code(m.c, bit)
	m.guesses.learnDifferent(bit)
	return bit != 0
}

// difference codes a difference, which is not 0. When fresh, the guesses have
// not been looked up.
func (m *mixCopyCoder) difference(next uint64, at uint32, diff int, fresh bool) int {
	if fresh {
		m.guesses.look(m, next)
	}
	s := m.diff
	best := m.guesses.offer(s)
	p0 := next & 0xff
	p, a, d, l := m.pred, m.actual, m.diffs, uint64(m.last)
	run, at64 := uint64(min(m.run, 7)), uint64(at)
	s.ctx = [maxContexts]uint64{
		hash(l&0xffff, 1|run<<8),
		hash(p0, 2|run<<8),
		hash(next&0xffff, 3),
		hash(d&0xffffffff, 4),
		hash(run<<2|at64, 5),
		hash(d&0xffff, 6|run<<8),
		hash(l&0xff|p0<<8, 7),
		hash(l&0xffffff, 8|run<<8),
		hash(d>>24&0xffffffff, 9|at64<<8),
		hash(p0|d&0xff<<8|a&0xff<<16, 10),
		hash(d&0xff, 11|run<<8),
		hash(d>>24&0xff|p0<<16, 12|at64<<8),
		hash(uint64(m.lastAt[p0])|p0<<8, 13),
		hash(l, 14|run<<8),
		hash(d>>56|d>>24&0xff<<8, 15|at64<<8),
		hash(p0|p&0xff<<8|a&0xff<<16, 16),
	}
	conf := 0
	if best >= 0 {
		conf = s.guess[best].conf >> 2
	}
	s.sel = conf<<5 | int(run<<2|at64)
	s.apmCtx = int(p0)
	return s.code(m.c, diff)
}
