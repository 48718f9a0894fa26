package recipe

import (
	"bytes"
	"io"

	"github.com/docker-delta/docker-delta/recipe/internal/predeflate"
)

// maxJob is the size up to which a whole stream is compressed beside others.
const maxJob = 2 << 20

// newStream starts a stream of the part p on the line.
func (p *part) newStream(l *line) (stream, error) {
	if l.cores == 1 || p.plain > maxJob {
		return p.stream1(l, l.cores)
	}
	s := &gathered{line: l, part: p, buf: buffers.Get().(*[]byte)}
	if cap(*s.buf) < int(p.plain) {
		*s.buf = make([]byte, 0, p.plain)
	}
	*s.buf = (*s.buf)[:0]
	return s, nil
}

// stream1 starts a stream of the part p that is compressed as it comes.
func (p *part) stream1(out io.Writer, cores int) (stream, error) {
	if p.coding.encoder == idCorrected {
		w, err := predeflate.NewWriter(out, p.fix, p.plain)
		return corrected{w}, err
	}
	e, err := p.coding.take(out, cores)
	if err != nil {
		return nil, err
	}
	s := &whole{coding: p.coding, cores: cores, engine: e}
	if p.coding.framing == flushOnce {
		s.flush = int64(p.coding.arg)
	}
	return s, nil
}

// whole compresses a stream as it comes.
type whole struct {
	coding coding
	cores  int
	engine engine
	flush  int64 // bytes until the one flush, 0 for none
}

func (s *whole) Write(b []byte) (int, error) {
	if s.flush == 0 {
		return s.engine.Write(b)
	}
	if int64(len(b)) < s.flush {
		s.flush -= int64(len(b))
		return s.engine.Write(b)
	}
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

// Close ends the stream.
func (s *whole) Close() error {
	var err error
	if s.coding.framing == flushEnd {
		err = s.engine.Flush()
	}
	if err == nil {
		err = s.engine.Close()
	}
	s.release()
	return err
}

// release gives the engine back.
func (s *whole) release() {
	if s.engine != nil {
		s.coding.put(s.engine, s.cores)
		s.engine = nil
	}
}

// gathered is a short stream, compressed at its end beside others.
type gathered struct {
	line *line
	part *part
	buf  *[]byte
}

func (s *gathered) Write(b []byte) (int, error) {
	*s.buf = append(*s.buf, b...)
	return len(b), nil
}

func (s *gathered) Close() error {
	p, buf := s.part, s.buf
	return s.line.do(func(to []byte) ([]byte, error) {
		defer buffers.Put(buf)
		out := bytes.NewBuffer(to)
		w, err := p.stream1(out, 1)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(*buf); err != nil {
			w.release()
			return nil, err
		}
		err = w.Close()
		return out.Bytes(), err
	})
}

func (s *gathered) release() {}
