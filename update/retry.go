package update

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/docker-delta/docker-delta/image"
)

// again repeats what fails because a connection breaks, and once more each
// blob that came damaged. (Requests of package registry are repeated there; this is for images.)
func again(ctx context.Context, retries int, do func() error) error {
	wait, before := 200*time.Millisecond, map[digest.Digest]bool{}
	for try := 0; ; try++ {
		err := do()
		if d := damaged(err); d != "" && try < retries && !before[d] {
			before[d] = true
			continue
		}
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
	var short *image.DigestError // a body that ended early
	return errors.As(err, &short) && short.Got == "" && short.GotSize < short.WantSize
}

// damaged gives the digest that bytes should have had and have not.
func damaged(err error) digest.Digest {
	var other *image.DigestError
	if errors.As(err, &other) && other.Got != "" && !errors.As(err, new(damagedHere)) {
		return other.Want
	}
	return ""
}

// damagedHere is damage that does not go away by fetching again.
type damagedHere struct{ error }

func (e damagedHere) Unwrap() error { return e.error }
