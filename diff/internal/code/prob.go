package code

// An adaptiveProb is a 22-bit probability of a 1 with a 10-bit count: it moves
// by 1/(count+1.5) of the error, so that it is the mean of what it has seen
// until the count reaches its limit.
type adaptiveProb uint32

var reciprocal [1024]int32

func init() {
	for i := range reciprocal {
		reciprocal[i] = int32(65536 * 2 / (2*i + 3))
	}
}

func probOf(p22 uint32, count uint32) adaptiveProb { return adaptiveProb(p22<<10 | count) }

// p16 is the probability in units of 1/2^16.
func (a adaptiveProb) p16() uint32 { return uint32(a) >> 16 }

func (a *adaptiveProb) update(bit int, limit uint32) {
	v := uint32(*a)
	n := v & 1023
	p := int32(v >> 10)
	p += int32(int64((int32(bit)<<22-int32(bit))-p) * int64(reciprocal[n]) >> 16)
	if n < limit {
		n++
	}
	*a = adaptiveProb(uint32(p)<<10 | n)
}

// historyProbs maps bit histories to probabilities, at first as the counts say.
type historyProbs [256]adaptiveProb

// initialProb is what the counts of a history say.
var initialProb historyProbs

// An apm refines a probability in a context, by interpolation between 33
// learned points of the logistic scale.
type apm struct {
	t    []uint16
	idx  int
	rate uint
}

func (a *apm) init(contexts int, rate uint) {
	a.t = make([]uint16, contexts*33)
	a.rate = rate
	for i := range a.t {
		a.t[i] = uint16(min(65535, squash(int32(i%33-16)*128)))
	}
}

// refine takes a stretched probability and gives a 16-bit one.
func (a *apm) refine(st int32, ctx int) int32 {
	x := st + 2048
	lo := int(x >> 7)
	w := x & 127
	base := ctx*33 + lo
	a.idx = base + int(w>>6)
	return (int32(a.t[base])*(128-w) + int32(a.t[base+1])*w) >> 7
}

func (a *apm) update(bit int) {
	g := int32(bit)<<16 - int32(bit)
	p := int32(a.t[a.idx])
	a.t[a.idx] = uint16(p + (g-p)>>a.rate)
}

func fill(t []adaptiveProb, p adaptiveProb) {
	for i := range t {
		t[i] = p
	}
}
