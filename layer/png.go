package layer

import (
	"encoding/binary"
	"hash/crc32"
	"io"

	"github.com/docker-delta/docker-delta/recipe"
)

const (
	pngMagic = "\x89PNG\r\n\x1a\n"
	// chunkFrame is what lies between the data of two adjoining chunks: the
	// checksum of the first, the length and type of the second.
	chunkFrame = 12
	maxPNG     = 64 << 20
	maxIDATs   = 1 << 16
)

// cutPNG cuts a PNG (W3C PNG, third edition) into the chunks before its pixels,
// the zlib stream of its adjoining IDAT chunks, and what follows.
func cutPNG(raw io.ReaderAt, node *Node) []*Node {
	if node.Len > maxPNG {
		return nil
	}
	b := make([]byte, node.Len)
	if _, err := raw.ReadAt(b, node.Off); err != nil && err != io.EOF {
		return nil
	}
	first, last := -1, -1
	var chunks []int64
	for at := len(pngMagic); at+12 <= len(b); {
		n := int(binary.BigEndian.Uint32(b[at:]))
		if n > len(b)-at-12 {
			return nil
		}
		isIDAT := string(b[at+4:at+8]) == "IDAT"
		if isIDAT && last >= 0 && at != last+4 {
			return nil // IDAT chunks must adjoin
		}
		if isIDAT {
			// The chunk framing is computed at rewrap, so it must be computable.
			if crc32.ChecksumIEEE(b[at+4:at+8+n]) != binary.BigEndian.Uint32(b[at+8+n:]) || len(chunks) == maxIDATs {
				return nil
			}
			if first < 0 {
				first = at + 8
			}
			last = at + 8 + n
			chunks = append(chunks, int64(n))
		}
		at += 12 + n
	}
	if first < 0 || first == last {
		return nil
	}
	pixels := &Node{
		Kind: Content, Path: node.Path + "!/IDAT", Off: node.Off + int64(first), Len: int64(last - first),
		Wrapping: Wrapping{Format: recipe.Zlib},
	}
	if len(chunks) > 1 {
		pixels.Wrapping.Chunks = chunks
	}
	if err := pixels.sum(raw); err != nil {
		return nil
	}
	return []*Node{
		{Kind: Header, Path: node.Path, Off: node.Off, Len: int64(first)},
		pixels,
		{Kind: Header, Path: node.Path + "!/", Off: node.Off + int64(last), Len: node.Len - int64(last)},
	}
}

// chunkReader reads the data of chunks and passes over the framing between.
type chunkReader struct {
	r      io.Reader
	chunks []int64
	frame  [chunkFrame]byte
}

func (c *chunkReader) Read(p []byte) (int, error) {
	for len(c.chunks) > 0 && c.chunks[0] == 0 {
		c.chunks = c.chunks[1:]
		if len(c.chunks) == 0 {
			break
		}
		if _, err := io.ReadFull(c.r, c.frame[:]); err != nil {
			return 0, noEOF(err)
		}
	}
	if len(c.chunks) == 0 {
		return 0, io.EOF
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.chunks[0])])
	c.chunks[0] -= int64(n)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
		if c.chunks[0] == 0 && len(c.chunks) == 1 {
			err = nil
		}
	}
	return n, err
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// chunkWriter cuts a zlib stream into IDAT chunks: the inverse of chunkReader.
type chunkWriter struct {
	w      io.Writer
	chunks []int64 // what is left of the current chunk, and the next ones
	crc    uint32
}

func newChunkWriter(w io.Writer, chunks []int64) *chunkWriter {
	return &chunkWriter{w: w, chunks: append([]int64(nil), chunks...), crc: crc32.ChecksumIEEE([]byte("IDAT"))}
}

func (c *chunkWriter) Write(p []byte) (int, error) {
	done := 0
	for {
		for len(c.chunks) > 1 && c.chunks[0] == 0 {
			var frame [chunkFrame]byte
			binary.BigEndian.PutUint32(frame[0:], c.crc)
			binary.BigEndian.PutUint32(frame[4:], uint32(c.chunks[1]))
			copy(frame[8:], "IDAT")
			if _, err := c.w.Write(frame[:]); err != nil {
				return done, err
			}
			c.crc = crc32.ChecksumIEEE(frame[8:])
			c.chunks = c.chunks[1:]
		}
		if done == len(p) {
			return done, nil
		}
		n := min(int64(len(p)-done), c.chunks[0])
		if n == 0 {
			return done, errTooLong
		}
		b := p[done : done+int(n)]
		c.crc = crc32.Update(c.crc, crc32.IEEETable, b)
		if _, err := c.w.Write(b); err != nil {
			return done, err
		}
		done += int(n)
		c.chunks[0] -= n
	}
}
