package code

// A bitModel predicts single decisions from hashed contexts, and codes them.
type bitModel struct {
	contexts int
	mask     uint32
	ctx      [maxContexts]uint32 // hashes of the contexts, set by the caller
	tables   [maxContexts][]adaptiveProb
	cur      [maxContexts]*adaptiveProb
	extra    []int32 // further inputs of the mixer, set by the caller
	mixer    *mixer
	sel      [2]int // sets of the mixer's weights, set by the caller
	apms     [2]apm // correct the mixer in contexts of their own
	apmCtx   [2]int // set by the caller
}

// bitLimit bounds the memory of a bitModel's probabilities.
const bitLimit = 255

// The number of contexts of a bitModel's two last stages.
const (
	bitAPM0 = 1 << 11
	bitAPM1 = 1 << 10
)

func newBitModel(tableBits uint, contexts, extra int, sets [2]int, initial uint32, rate int32) *bitModel {
	m := &bitModel{contexts: contexts, mask: 1<<tableBits - 1}
	for i := range m.tables[:contexts] {
		m.tables[i] = make([]adaptiveProb, 1<<tableBits)
		fill(m.tables[i], probOf(initial, 0))
	}
	inputs := contexts + extra + 1
	m.mixer = newMixer(inputs, sets, 65536*5/2/int32(inputs), rate)
	m.mixer.in[inputs-1] = 256
	m.extra = m.mixer.in[contexts : contexts+extra]
	m.apms[0].init(bitAPM0, 6)
	m.apms[1].init(bitAPM1, 6)
	return m
}

func (m *bitModel) code(c *binaryCoder, bit int) int {
	in := m.mixer.in[:m.contexts]
	for i := range in {
		a := &m.tables[i][m.ctx[i]&m.mask]
		m.cur[i] = a
		in[i] = stretch(a.p16())
	}
	st := m.mixer.mix(m.sel[0], m.sel[1])
	p := (2*squash(st) + m.apms[0].refine(st, m.apmCtx[0]) + m.apms[1].refine(st, m.apmCtx[1])) >> 2
	bit = c.code(bit, uint32(max(16, min(65536-16, p))))
	for _, a := range m.cur[:m.contexts] {
		a.update(bit, bitLimit)
	}
	m.mixer.update(bit)
	m.apms[0].update(bit)
	m.apms[1].update(bit)
	return bit
}
