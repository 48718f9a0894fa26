package zlibenc

import "io"

// dictSize is pigz's dictionary: what precedes a piece.
const dictSize = 32 << 10

// pigz compresses pieces on their own, several at once.
type pigz struct {
	s           setup
	piece       int
	independent bool
	workers     int

	cur   *job   // being filled
	queue []*job // being compressed, oldest first; at most workers
	free  []*job
}

// job is one piece.
type job struct {
	e    *encoder
	in   []byte // dictionary and piece
	dict int    // length of the dictionary
	last bool
	done chan struct{}
}

func newPigz(s setup, p Params) *pigz {
	return &pigz{s: s, piece: p.Piece, independent: p.Independent, workers: max(1, p.Concurrency)}
}

func (q *pigz) reset() {
	for _, j := range q.queue {
		<-j.done
		q.free = append(q.free, j)
	}
	q.queue = q.queue[:0]
	if q.cur != nil {
		q.free = append(q.free, q.cur)
		q.cur = nil
	}
}

// next returns an empty job that has dict as its dictionary.
func (q *pigz) next(dict []byte) *job {
	var j *job
	if n := len(q.free); n > 0 {
		j, q.free = q.free[n-1], q.free[:n-1]
	} else {
		j = &job{e: newEncoder(q.s), done: make(chan struct{}, 1)}
	}
	j.in = append(j.in[:0], dict...)
	j.dict, j.last = len(dict), false
	return j
}

func (q *pigz) write(w io.Writer, p []byte) error {
	for len(p) > 0 {
		if q.cur == nil {
			q.cur = q.next(nil)
		}
		room := q.piece - (len(q.cur.in) - q.cur.dict)
		if room == 0 { // and there is more, so this piece is not the last
			full := q.cur
			var dict []byte
			if !q.independent {
				dict = full.in[max(0, len(full.in)-dictSize):]
			}
			q.cur = q.next(dict)
			if err := q.start(w, full); err != nil {
				return err
			}
			continue
		}
		n := min(room, len(p))
		q.cur.in = append(q.cur.in, p[:n]...)
		p = p[n:]
	}
	return nil
}

// start compresses j, in the background if there are several workers, and
// writes out the oldest piece if all workers are busy.
func (q *pigz) start(w io.Writer, j *job) error {
	if q.workers == 1 {
		j.compress(q.independent)
		_, err := w.Write(j.e.out)
		q.free = append(q.free, j)
		return err
	}
	if len(q.queue) == q.workers {
		if err := q.collect(w); err != nil {
			return err
		}
	}
	q.queue = append(q.queue, j)
	go func() {
		j.compress(q.independent)
		j.done <- struct{}{}
	}()
	return nil
}

// collect writes out the oldest piece.
func (q *pigz) collect(w io.Writer) error {
	j := q.queue[0]
	<-j.done
	q.queue = append(q.queue[:0], q.queue[1:]...)
	q.free = append(q.free, j)
	_, err := w.Write(j.e.out)
	return err
}

func (q *pigz) close(w io.Writer) error {
	if q.cur == nil {
		q.cur = q.next(nil)
	}
	last := q.cur
	q.cur = nil
	last.last = true
	if err := q.start(w, last); err != nil {
		return err
	}
	for len(q.queue) > 0 {
		if err := q.collect(w); err != nil {
			return err
		}
	}
	return nil
}

func (j *job) compress(independent bool) {
	e := j.e
	e.reset()
	e.setDictionary(j.in[:j.dict])
	for p := j.in[j.dict:]; len(p) > 0; {
		p = e.fill(p)
		if e.full() {
			e.run(noFlush)
		}
	}
	if j.last {
		e.run(finish)
		return
	}
	e.run(blockFlush)
	e.mark(independent)
}
