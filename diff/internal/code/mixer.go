package code

// maxInputs bounds the predictions that a mixer weighs.
const maxInputs = 24

// A mixer weighs predictions in the logistic domain and learns from its error:
// gated linear mixing, in fixed point. The weight of an input is the sum of
// its weights in two sets, each selected by a context of its own.
type mixer struct {
	in   [maxInputs]int32 // stretched probabilities; zero where unused
	rows int              // groups of four inputs in use
	sets [2][][maxInputs]int32
	a, b *[maxInputs]int32 // the sets in use
	out  int32             // the prediction, stretched
	rate int32
}

// tinyError is the error, scaled by the rate, that is not worth learning from.
const tinyError = 24

func newMixer(inputs int, sizes [2]int, weight, rate int32) *mixer {
	m := &mixer{rows: (inputs + 3) / 4, rate: rate}
	for k, n := range sizes {
		m.sets[k] = make([][maxInputs]int32, n)
		for i := range m.sets[k] {
			for j := range inputs {
				m.sets[k][i][j] = weight / 2
			}
		}
	}
	return m
}

// mix gives the stretched prediction by the given sets of weights.
func (m *mixer) mix(s0, s1 int) int32 {
	a, b := &m.sets[0][s0], &m.sets[1][s1]
	m.a, m.b = a, b
	x := &m.in
	var t0, t1 int64
	for i := 0; i < m.rows*4 && i+3 < maxInputs; i += 4 {
		t0 += int64(a[i]+b[i])*int64(x[i]) + int64(a[i+1]+b[i+1])*int64(x[i+1])
		t1 += int64(a[i+2]+b[i+2])*int64(x[i+2]) + int64(a[i+3]+b[i+3])*int64(x[i+3])
	}
	m.out = int32(max(-2047, min(2047, (t0+t1)>>16)))
	return m.out
}

// update trains the sets in use.
func (m *mixer) update(bit int) {
	err := ((int32(bit)<<16 - squash(m.out)) * m.rate) >> 6
	if err < tinyError && err > -tinyError {
		return
	}
	a, b := m.a, m.b
	x := &m.in
	for i := 0; i < m.rows*4 && i+3 < maxInputs; i += 4 {
		d0 := (x[i]*err + 1<<13) >> 14
		d1 := (x[i+1]*err + 1<<13) >> 14
		d2 := (x[i+2]*err + 1<<13) >> 14
		d3 := (x[i+3]*err + 1<<13) >> 14
		a[i] += d0
		a[i+1] += d1
		a[i+2] += d2
		a[i+3] += d3
		b[i] += d0
		b[i+1] += d1
		b[i+2] += d2
		b[i+3] += d3
	}
}
