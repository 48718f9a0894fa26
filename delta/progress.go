package delta

// reportEvery is how many bytes pass between two reports of a meter.
const reportEvery = 1 << 20

// meter reports how far a step is, in bytes. It is an io.Writer, for
// io.TeeReader and io.MultiWriter, and belongs to one goroutine.
type meter struct {
	report   func(Progress)
	step     Progress
	reported int64
}

// meter begins a step. Its end is to be told by finish.
func (r *Resources) meter(step Progress) *meter {
	m := &meter{report: r.progress, step: step}
	m.report(step)
	return m
}

func (m *meter) Write(p []byte) (int, error) {
	m.at(m.step.Done + int64(len(p)))
	return len(p), nil
}

// at tells that so many bytes are done.
func (m *meter) at(done int64) {
	m.step.Done = done
	if done-m.reported >= reportEvery {
		m.reported = done
		m.report(m.step)
	}
}

func (m *meter) finish() {
	m.step.Finished = true
	m.report(m.step)
}
