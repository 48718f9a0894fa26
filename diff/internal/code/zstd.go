package code

import (
	"io"

	"github.com/klauspost/compress/zstd"
)

// zstdWindow bounds what a decoder has to remember.
const zstdWindow = 8 << 20

func newZstdWriter(w io.Writer) (*zstd.Encoder, error) {
	return zstd.NewWriter(w,
		zstd.WithEncoderLevel(zstd.SpeedBestCompression),
		zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(zstdWindow),
		zstd.WithEncoderCRC(false))
}

// newZstdReader decodes without goroutines, so nothing has to be closed.
func newZstdReader(r io.Reader) (*zstd.Decoder, error) {
	return zstd.NewReader(r,
		zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(zstdWindow),
		zstd.IgnoreChecksum(true))
}
