package recipe

import (
	"bytes"
	"cmp"
	"slices"
	"sync"
)

// candidates lists the codings that may have written the span, likely ones first.
func (in *Input) candidates(s *span, hints []coding, hintOnly bool) ([]coding, error) {
	var list []coding
	seen := make(map[coding]bool)
	add := func(c coding) {
		if !seen[c] && c.encoder != idCorrected && c.check(in.Format) == nil {
			seen[c] = true
			list = append(list, c)
		}
	}
	for _, c := range hints {
		add(c)
	}
	if hintOnly {
		return list, nil
	}
	var more []coding
	var err error
	if in.Format == Zstd {
		more, err = in.zstdCandidates(s)
	} else {
		more, err = in.flateCandidates(s)
	}
	for _, c := range more {
		add(c)
	}
	return list, err
}

// flateCandidates lists codings of a deflate stream.
func (in *Input) flateCandidates(s *span) ([]coding, error) {
	n := min(int64(len(tailGoSync)), s.body[1]-s.body[0])
	tail, err := in.at(s.body[1]-n, n)
	if err != nil {
		return nil, err
	}
	m := marksOf(tail, s.plain)
	block := int64(1 << 20)
	if m.flushed {
		if first, err := in.firstFlush(s); err != nil {
			return nil, err
		} else if first > 0 {
			block = first
		}
	}
	h := in.hintsOf(s.literal)
	type scored struct {
		coding
		score int
	}
	var list []scored
	for i, e := range registry {
		if e.format == Zstd || e.id == idCorrected {
			continue
		}
		for j, level := range e.levels {
			for _, f := range e.framings {
				c := coding{encoder: e.id, framing: f, level: level, opts: h.opts(e.id)}
				switch f {
				case pigz:
					c.arg = 128 << 10
				case pgzip:
					c.arg = uint64(block)
				}
				if e.mayLeave(m, f) && !(e.same != nil && e.same(level, f)) && (f != pigz || s.plain > int64(c.arg)) {
					score := 100*h.levelPenalty(level) + 20*j + i + h.familyPenalty(e.id) + int(framingPenalty[f])
					list = append(list, scored{c, score})
				}
			}
		}
	}
	slices.SortStableFunc(list, func(a, b scored) int { return cmp.Compare(a.score, b.score) })
	out := make([]coding, 0, len(list))
	for _, c := range list {
		out = append(out, c.coding)
	}
	return append(out, h.unusual(in.Format)...), nil
}

// framingPenalty puts framings in order, where the end of the stream allows several.
var framingPenalty = [...]int8{oneStream: 30, pgzip: 0, pigz: 25, flushEnd: 5}

// headerHints is what a header tells about its writer.
type headerHints struct {
	best, fastest bool // the header says so
	middle        bool // the header says that it is neither
	os            byte // gzip: operating system
	zeroTime      bool // gzip: no time given
	zlib          bool
	windowBits    int // zlib: 0 for the usual 15
}

func (in *Input) hintsOf(head []byte) headerHints {
	var h headerHints
	switch {
	case in.Format == Gzip && len(head) >= 10:
		h.best, h.fastest = head[8] == 2, head[8] == 4
		h.os = head[9]
		h.zeroTime = bytes.Equal(head[4:8], []byte{0, 0, 0, 0}) || bytes.Equal(head[4:8], []byte{0, 9, 0x6e, 0x88})
	case in.Format == Zlib && len(head) == 2:
		h.zlib = true
		h.fastest, h.best = head[1]>>6 == 0, head[1]>>6 == 3
		h.middle = head[1]>>6 == 2
		if bits := int(head[0]>>4) + 8; bits != 15 {
			h.windowBits = bits
		}
	}
	return h
}

// levelPenalty is 0 for levels that go with the header.
func (h headerHints) levelPenalty(level int8) int {
	switch {
	case h.best && level != 9 && !(h.zlib && level > 6),
		h.fastest && level > 1,
		h.middle && level != 6:
		return 1
	}
	return 0
}

// familyPenalty is small for encoders of programs that write such headers.
func (h headerHints) familyPenalty(id encoderID) int {
	unix := h.os == 3
	switch {
	case id == idGNU || id == idBusybox || id == idPigz || id == idPigzSingle:
		if h.zlib || !unix {
			return 60
		}
	case id == idZlib:
		if unix {
			return 10
		}
	}
	return 0
}

func (h headerHints) opts(id encoderID) uint32 {
	if id == idZlib {
		return uint32(h.windowBits) << zlibWindowBits
	}
	return 0
}

// unusual lists settings of zlib that only careful programs use, such as
// writers of PNG, and builds of busybox with more memory.
func (h headerHints) unusual(f Format) []coding {
	var list []coding
	if f == Gzip && h.os == 3 {
		for _, level := range []int8{6, 9, 5, 7, 8, 4} {
			for _, mem := range []uint32{8, 9} {
				list = append(list, coding{encoder: idBusybox, level: level, opts: mem << zlibMemLevel})
			}
		}
	}
	if f != Zlib {
		return list
	}
	for _, level := range []int8{9, 6, 8, 7, 5, 4, 3, 2, 1} {
		for _, o := range []uint32{9 << zlibMemLevel, 1 << zlibStrategy, 9<<zlibMemLevel | 1<<zlibStrategy} {
			if h.levelPenalty(level) == 0 {
				list = append(list, coding{encoder: idZlib, level: level, opts: o | h.opts(idZlib)})
			}
		}
	}
	for _, strategy := range []uint32{2, 3, 4} { // Huffman only, runs, fixed codes
		list = append(list, coding{encoder: idZlib, level: 6, opts: strategy<<zlibStrategy | h.opts(idZlib)})
	}
	return list
}

// weed drops the candidates that fail on the first bytes of span i.
func (s *search) weed(i int, list []coding) ([]coding, error) {
	alive := make([]int, len(list))
	errs := make([]error, len(list))
	var wg sync.WaitGroup
	slots := make(chan struct{}, max(1, s.opt.Concurrency))
	for k, c := range list {
		if c.framing == pgzip { // it uses the cores itself, and fails within a block
			alive[k] = 1
			continue
		}
		slots <- struct{}{}
		wg.Add(1)
		go func() {
			defer wg.Done()
			alive[k], errs[k] = s.try(i, c, weedSize, 1)
			<-slots
		}()
	}
	wg.Wait()
	var left []coding
	for k, c := range list {
		if errs[k] != nil {
			return nil, errs[k]
		}
		if alive[k] > 0 {
			left = append(left, c)
		}
	}
	return left, nil
}
