package recipe

import (
	"bytes"
	"fmt"
)

// maxJob is the size up to which a whole stream is compressed beside others.
const maxJob = 2 << 20

// pieceEnder is what an engine needs for pigz framing: EndPiece ends a piece as
// pigz does, on a byte boundary.
type pieceEnder interface {
	EndPiece() error
}

// newStream starts a stream of the part p on the line.
func (p *part) newStream(l *line, f Format) (stream, error) {
	if p.fix != nil {
		return newCorrected(p, l)
	}
	c := p.coding
	switch {
	case c.framing == pgzip || c.framing == pigz:
		return newPieces(l, c, int(c.arg), p.plain), nil
	case l.cores > 1 && p.plain <= maxJob:
		return newPieces(l, c, int(p.plain)+1, p.plain), nil
	}
	e, err := c.take(l, nil)
	if err != nil {
		return nil, err
	}
	return &whole{coding: c, engine: e, flush: int64(c.arg)}, nil
}

// whole compresses a stream as it comes.
type whole struct {
	coding coding
	engine engine
	flush  int64 // bytes until the one flush, 0 for none
}

func (s *whole) Write(b []byte) (int, error) {
	if s.flush > 0 && int64(len(b)) >= s.flush {
		n, err := s.engine.Write(b[:s.flush])
		if err != nil {
			return n, err
		}
		b, s.flush = b[s.flush:], 0
		if err := s.engine.Flush(); err != nil {
			return n, err
		}
		m, err := s.engine.Write(b)
		return n + m, err
	}
	if s.flush > 0 {
		s.flush -= int64(len(b))
	}
	return s.engine.Write(b)
}

func (s *whole) Close() error {
	err := s.coding.end(s.engine, true)
	if err == nil {
		s.coding.put(s.engine)
	}
	return err
}

// pieces cuts a stream into pieces that are compressed side by side, each with
// the end of the one before as its dictionary.
type pieces struct {
	line   *line
	coding coding
	size   int   // of a piece
	left   int64 // plain bytes of the stream still to come
	buf    *[]byte
	dict   []byte
}

func newPieces(l *line, c coding, size int, plain int64) *pieces {
	s := &pieces{line: l, coding: c, size: size, left: plain}
	s.fresh()
	return s
}

func (s *pieces) fresh() {
	s.buf = buffers.Get().(*[]byte)
	want := int(min(int64(s.size), s.left))
	if cap(*s.buf) < want {
		*s.buf = make([]byte, 0, want)
	}
	*s.buf = (*s.buf)[:0]
}

func (s *pieces) Write(b []byte) (int, error) {
	var done int
	for len(b) > 0 {
		n := min(len(b), s.size-len(*s.buf))
		*s.buf = append(*s.buf, b[:n]...)
		b = b[n:]
		done += n
		s.left -= int64(n)
		if len(*s.buf) < s.size || s.left == 0 && s.coding.framing == pigz {
			continue // pigz looks ahead: its last piece is not empty
		}
		if err := s.cut(false); err != nil {
			return done, err
		}
	}
	return done, nil
}

// cut hands the piece over to the line.
func (s *pieces) cut(last bool) error {
	c, buf, dict := s.coding, s.buf, s.dict
	if !last {
		s.dict = c.dictionary(*buf)
		s.fresh()
	}
	return s.line.do(func(to []byte) ([]byte, error) {
		defer buffers.Put(buf)
		out := bytes.NewBuffer(to)
		err := c.compress(out, *buf, dict, last)
		return out.Bytes(), err
	})
}

func (s *pieces) Close() error { return s.cut(true) }

// dictionary returns a copy of what the piece after piece starts from.
func (c coding) dictionary(piece []byte) []byte {
	switch {
	case c.framing == pgzip && len(piece) > pgzipTail:
		return bytes.Clone(piece[len(piece)-pgzipTail:])
	case c.framing == pigz:
		return bytes.Clone(piece[max(0, len(piece)-pigzWindow):])
	}
	return nil
}

// compress writes one piece of a stream to out.
func (c coding) compress(out *bytes.Buffer, piece, dict []byte, last bool) error {
	e, err := c.take(out, dict)
	if err != nil {
		return err
	}
	if c.framing == flushOnce && uint64(len(piece)) >= c.arg {
		if _, err := e.Write(piece[:c.arg]); err != nil {
			return err
		}
		if err := e.Flush(); err != nil {
			return err
		}
		piece = piece[c.arg:]
	}
	if _, err := e.Write(piece); err != nil {
		return err
	}
	if err := c.end(e, last); err != nil {
		return err
	}
	c.put(e)
	return nil
}

func (c coding) end(e engine, last bool) error {
	if c.framing == pigz && !last {
		p, ok := e.(pieceEnder)
		if !ok {
			return fmt.Errorf("recipe: %s does not cut pieces", encoders[c.encoder].name)
		}
		return p.EndPiece()
	}
	if c.framing == pgzip || c.framing == flushEnd {
		if err := e.Flush(); err != nil {
			return err
		}
	}
	if !last {
		return nil
	}
	return e.Close()
}
