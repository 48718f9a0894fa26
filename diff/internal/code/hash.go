package code

// hash mixes two words into one whose bits all depend on both.
func hash(a, b uint64) uint64 {
	h := (a + b*0x9E3779B97F4A7C15 + 0x632BE59BD9B4E019) * 0xD6E8FEB86659FD93
	return (h ^ h>>32) * 0xD6E8FEB86659FD93
}

// hash32 does so with three halves, quicker.
func hash32(a, b, c uint32) uint32 {
	h := a*0x9E3779B1 + b*0x85EBCA77 + c*0xC2B2AE3D + 0x27D4EB2F
	h = (h ^ h>>15) * 0x2C1B3C6D
	return h ^ h>>13
}
