package predict

// form says how a field holds its value.
type form uint8

const (
	rel32 form = iota // 4 bytes signed, relative to base
	abs64             // 8 bytes, an address
	abs32             // 4 bytes unsigned, relative to base
	armBranch26
	armBranch19
	armBranch14
	armAdr
	armPage // ADRP
	armLow  // the lower 12 bits of what an ADRP began; base is the shift
)

// size is the number of bytes of the field.
func (f form) size() int {
	if f == abs64 {
		return 8
	}
	return 4
}

// encode returns the field that refers to the new address to. The old word
// gives the other bits of an instruction.
func (f form) encode(word uint32, base, to int64) uint64 {
	switch f {
	case rel32, abs32:
		return uint64(to - base)
	case abs64:
		return uint64(to)
	case armPage:
		return uint64(setADRP(word, base, to&^pageMask))
	case armLow:
		return uint64(setBits(word, 10, 12, to&pageMask>>base))
	}
	return uint64(f.withTarget(word, base, to))
}

// actualTarget returns where the reference r goes, by the actual bytes.
func (m *Model) actualTarget(r *ref, actual, predicted []byte) (int64, bool) {
	switch r.form {
	case rel32:
		return r.base + int64(int32(le.Uint32(actual))), true
	case abs32:
		return r.base + int64(le.Uint32(actual)), true
	case abs64:
		return int64(le.Uint64(actual)), true
	}
	return m.updateARM64(r, le.Uint32(actual), le.Uint32(predicted))
}
