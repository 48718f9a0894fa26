package delta

import (
	"encoding/binary"
	"hash"
	"io"

	"github.com/docker-delta/docker-delta/image"
)

func appendUvarint(b []byte, n int) []byte { return binary.AppendUvarint(b, uint64(n)) }

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// platform writes an image's platform as --platform takes it.
func platform(img image.Image) string {
	p := img.Platform()
	if p.OS == "" && p.Architecture == "" {
		return ""
	}
	s := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		s += "/" + p.Variant
	}
	return s
}

// summer sums and counts what it passes on.
type summer struct {
	h hash.Hash
	w io.Writer
	n int64
}

// aside is the number of bytes from which on it pays to sum them beside writing.
const aside = 64 << 10

func (s *summer) Write(p []byte) (int, error) {
	n, err := sumAside(s.h, s.w, p)
	s.n += int64(n)
	return n, err
}

// sumAside writes p to w, and to a hash, which does not fail.
func sumAside(hash, w io.Writer, p []byte) (int, error) {
	if len(p) < aside {
		_, _ = hash.Write(p)
		return w.Write(p)
	}
	summed := make(chan struct{})
	go func() {
		_, _ = hash.Write(p)
		close(summed)
	}()
	n, err := w.Write(p)
	<-summed
	return n, err
}

// countingWriter counts what went through.
type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
