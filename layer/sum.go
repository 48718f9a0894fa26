package layer

import (
	"bufio"
	"encoding/binary"
	"hash/maphash"
	"io"
	"sync"
)

// Sum identifies contents while the process runs: equal contents have equal
// sums, and others practically never: by accident with a chance of one in 2^128, and
// on purpose only if somebody knows the seeds, which are others in every process. A
// delta that comes to be wrong all the same is refused by the digest of what it gives.
type Sum [16]byte

// sumChunk is the number of bytes that are summed at once. Where chunks begin
// depends on the content alone.
const sumChunk = 32 << 10

var sumSeeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

// summer makes the sum of a content from its chunks, in order.
type summer [2]uint64

func (s *summer) add(chunk []byte) {
	for i, seed := range sumSeeds {
		s[i] = (s[i]<<29 | s[i]>>35) * 0x9E3779B97F4A7C15
		s[i] ^= maphash.Bytes(seed, chunk)
	}
}

func (s *summer) sum() (sum Sum) {
	binary.LittleEndian.PutUint64(sum[:], s[0])
	binary.LittleEndian.PutUint64(sum[8:], s[1])
	return sum
}

// sumFrom reads n bytes, or all the rest if n is -1, and returns how many there
// were and their sum.
func sumFrom(r *bufio.Reader, n int64) (m int64, sum Sum, err error) {
	var s summer
	for m != n {
		want := sumChunk
		if n >= 0 {
			want = int(min(n-m, sumChunk))
		}
		chunk, err := r.Peek(want)
		if err != nil && err != io.EOF {
			return m, sum, err
		}
		if len(chunk) == 0 {
			break
		}
		s.add(chunk)
		m += int64(len(chunk))
		if _, err := r.Discard(len(chunk)); err != nil {
			return m, sum, err
		}
	}
	return m, s.sum(), nil
}

// readers are buffers for reading streams, of at least sumChunk bytes.
var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 256<<10) }}

func takeReader(r io.Reader) *bufio.Reader {
	b := readers.Get().(*bufio.Reader)
	b.Reset(r)
	return b
}

func putReader(b *bufio.Reader) {
	b.Reset(nil)
	readers.Put(b)
}
