package update

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/docker-delta/docker-delta/image"
)

// again repeats what fails because a connection breaks. (Requests of package
// registry are repeated there; this is for images.)
func again(ctx context.Context, retries int, do func() error) error {
	wait := 200 * time.Millisecond
	for try := 0; ; try++ {
		err := do()
		if err == nil || try >= retries || ctx.Err() != nil || !broken(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		wait = min(2*wait, 10*time.Second)
	}
}

// broken reports an error of the connection.
func broken(err error) bool {
	var network net.Error
	switch {
	case errors.Is(err, image.ErrUnreachable), errors.Is(err, context.Canceled):
		return false
	case errors.As(err, &network), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.EPIPE):
		return true
	}
	var damaged *image.DigestError // a body that ended early
	return errors.As(err, &damaged) && damaged.Got == "" && damaged.GotSize < damaged.WantSize
}
