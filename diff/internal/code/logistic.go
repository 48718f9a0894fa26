package code

// Probabilities are mixed in the logistic domain: stretch(p) = ln(p/(1-p)), in
// units of 1/256, from -2047 to 2047; squash is its inverse. Both are tables
// made by integer arithmetic only.

// squashPoints is 65536/(1+exp(-x/2)) for x from -16 to 16.
var squashPoints = [33]int32{
	22, 36, 60, 98, 162, 267, 439, 720, 1179, 1921, 3108, 4971, 7812, 11954, 17625, 24743,
	32768,
	40793, 47911, 53582, 57724, 60565, 62428, 63615, 64357, 64816, 65097, 65269, 65374, 65438, 65476, 65500, 65514,
}

var (
	squashTable  [4096]uint16 // by stretch + 2048, 16-bit probability
	stretchTable [4096]int16  // by 12-bit probability
	leanSquash   [4096]uint16 // like squashTable, but never near to certain
)

func init() {
	for i := range squashTable {
		x := i >> 7
		f := int32(i & 127)
		squashTable[i] = uint16((squashPoints[x]*(128-f) + squashPoints[x+1]*f + 64) >> 7)
	}
	for i, p := range squashTable {
		leanSquash[i] = max(32, min(65536-32, p))
	}
	// The inverse: the middle of the arguments that squash maps to p.
	x := 0
	for p := range stretchTable {
		for x < 4095 && int(squashTable[x])>>4 < p {
			x++
		}
		lo := x
		for x < 4095 && int(squashTable[x])>>4 == p {
			x++
		}
		stretchTable[p] = int16(max(-2047, min(2047, (lo+max(lo, x-1))/2-2048)))
	}
}

// squash gives a 16-bit probability.
func squash(x int32) int32 {
	if x > 2047 {
		x = 2047
	} else if x < -2047 {
		x = -2047
	}
	return int32(squashTable[(x+2048)&4095])
}

// stretch takes a 16-bit probability.
func stretch(p uint32) int32 { return int32(stretchTable[p>>4&4095]) }
