package code

import (
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
)

const (
	// zstdWindow bounds what a decoder has to remember.
	zstdWindow = 8 << 20
	// zstdSmall is the number of bytes up to which the small encoder does.
	zstdSmall = 8 << 10
)

// The encoders' tables take from 4 to 36 MiB. To clear fresh ones takes longer than
// most streams do, so encoders are used again: what they make does not depend
// on what they made before.
var (
	bestZstd  = zstdPool{level: zstd.SpeedBestCompression, window: zstdWindow}
	quickZstd = zstdPool{level: zstd.SpeedBetterCompression, window: zstdWindow}
	smallZstd = zstdPool{level: zstd.SpeedBetterCompression, window: zstdSmall}
)

type zstdPool struct {
	level  zstd.EncoderLevel
	window int
	free   sync.Pool // of *zstd.Encoder
}

// open starts a frame on w.
func (p *zstdPool) open(w io.Writer) (*zstd.Encoder, error) {
	if z, ok := p.free.Get().(*zstd.Encoder); ok {
		z.Reset(w)
		return z, nil
	}
	return zstd.NewWriter(w,
		zstd.WithEncoderLevel(p.level),
		zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(p.window),
		zstd.WithEncoderCRC(false))
}

// close ends the frame, after which z is not the caller's any more.
func (p *zstdPool) close(z *zstd.Encoder) error {
	err := z.Close()
	z.Reset(nil) // lets go of the writer
	p.free.Put(z)
	return err
}

// zstdWriter writes a frame, by the encoder that its length asks for.
type zstdWriter struct {
	w     io.Writer
	pool  *zstdPool     // of encoders for more than a little
	small []byte        // what was written as long as that is little
	cuts  []int         // where in small Flush was called
	large *zstd.Encoder // once it is more
}

func newZstdWriter(w io.Writer, coder Coder) *zstdWriter {
	if coder == Quick {
		return &zstdWriter{w: w, pool: &quickZstd}
	}
	return &zstdWriter{w: w, pool: &bestZstd}
}

func (z *zstdWriter) Write(p []byte) (int, error) {
	if z.large == nil {
		if len(z.small)+len(p) <= zstdSmall {
			z.small = append(z.small, p...)
			return len(p), nil
		}
		var err error
		if z.large, err = z.pool.open(z.w); err != nil {
			return 0, err
		}
		if err := z.replay(z.large); err != nil {
			return 0, err
		}
	}
	return z.large.Write(p)
}

// Flush ends a block, so that the next gets statistics of its own.
func (z *zstdWriter) Flush() error {
	if z.large == nil {
		z.cuts = append(z.cuts, len(z.small))
		return nil
	}
	return z.large.Flush()
}

// Close ends the frame. It does not close the writer below.
func (z *zstdWriter) Close() error {
	if z.large != nil {
		return z.pool.close(z.large)
	}
	e, err := smallZstd.open(z.w)
	if err != nil {
		return err
	}
	if err := z.replay(e); err != nil {
		return err
	}
	return smallZstd.close(e)
}

// replay gives an encoder what was written so far.
func (z *zstdWriter) replay(e *zstd.Encoder) error {
	at := 0
	for _, c := range z.cuts {
		if _, err := e.Write(z.small[at:c]); err != nil {
			return err
		}
		if err := e.Flush(); err != nil {
			return err
		}
		at = c
	}
	_, err := e.Write(z.small[at:])
	z.small, z.cuts = nil, nil
	return err
}

// newZstdReader decodes without goroutines, so nothing has to be closed.
func newZstdReader(r io.Reader) (*zstd.Decoder, error) {
	return zstd.NewReader(r,
		zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(zstdWindow),
		zstd.IgnoreChecksum(true))
}
