package predeflate

// prediction is what zlib would do at a position, and what it saw.
type prediction struct {
	m       match // the match found at the position
	next    match // a longer one found at the next position, or none
	looked  bool  // whether one was looked for
	isMatch bool  // what zlib would take
}

// predictor follows the real tokens and predicts the next.
type predictor struct {
	*window
	carry     match // the match already found at pos, by lazy evaluation
	haveCarry bool
}

// clean drops matches that zlib does not take.
func (p *predictor) clean(m match) match {
	if m.length == 3 && m.dist > tooFar && !p.p.search.fast || p.p.search.filtered && m.length <= 5 {
		return match{}
	}
	return m
}

func (p *predictor) predict() prediction {
	s := p.p.search
	if s.none() {
		return prediction{}
	}
	var r prediction
	if p.haveCarry {
		r.m = p.carry
	} else {
		r.m = p.clean(p.find(p.pos, p.p.minMatch-1, s.chain))
	}
	if r.m.length == 0 {
		return r
	}
	r.isMatch = true
	if !s.fast && r.m.length < s.lazy {
		chain := s.chain
		if r.m.length >= s.good {
			chain >>= 2
		}
		p.add(p.pos + 1)
		r.looked = true
		r.next = p.clean(p.find(p.pos+1, r.m.length, chain))
		r.isMatch = r.next.length == 0
	}
	return r
}

// advance moves over the real token, of n bytes.
func (p *predictor) advance(r *prediction, isMatch bool, n int) {
	p.haveCarry = false
	s := p.p.search
	if !isMatch && !r.isMatch && r.next.length > 0 {
		p.carry, p.haveCarry = r.next, true
	}
	if !s.none() {
		if s.fast && isMatch && n > s.skip {
			p.add(p.pos + 1)
			p.added = p.pos + n
		} else {
			p.add(p.pos + n)
		}
	}
	p.pos += n
}
