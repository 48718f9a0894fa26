package recipe

// The encoders, one line for each class. The number is the encoder's name on
// the wire: a number is never changed and never given to another class.
//
//	 1 –  9  Go's compress/flate
//	10 – 29  klauspost/compress/flate
//	30 – 49  the zlib family
//	50 – 69  klauspost/compress/zstd
var registry = []*encoder{}

var encoders = index(registry)

func index(list []*encoder) map[encoderID]*encoder {
	m := make(map[encoderID]*encoder, len(list))
	for _, e := range list {
		if m[e.id] != nil {
			panic("recipe: two encoders with one number")
		}
		m[e.id] = e
	}
	return m
}
