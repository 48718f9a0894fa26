package image

import (
	"context"
	_ "crypto/sha256" // digests that may be verified
	_ "crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/opencontainers/go-digest"
)

// verifier passes a stream through and gives io.EOF only when all of it had the
// promised digest and size.
type verifier struct {
	ctx  context.Context
	r    io.Reader
	hash hash.Hash
	want DigestError // Got and GotSize are filled while reading
	err  error
}

// newVerifier checks r against d, and against size unless it is -1.
// d must have been validated.
func newVerifier(ctx context.Context, r io.Reader, what string, d digest.Digest, size int64) *verifier {
	return &verifier{ctx: ctx, r: r, hash: d.Algorithm().Hash(),
		want: DigestError{What: what, Want: d, WantSize: size}}
}

func (v *verifier) Read(p []byte) (int, error) {
	if v.err != nil {
		return 0, v.err
	}
	if err := v.ctx.Err(); err != nil {
		v.err = err
		return 0, err
	}
	n, err := v.r.Read(p)
	v.hash.Write(p[:n])
	v.want.GotSize += int64(n)
	switch {
	case v.want.WantSize >= 0 && v.want.GotSize > v.want.WantSize:
		e := v.want
		err = &e
	case err == io.EOF:
		e := v.want
		if e.WantSize >= 0 && e.GotSize < e.WantSize {
			err = &e
		} else if e.Got = digest.NewDigest(e.Want.Algorithm(), v.hash); e.Got != e.Want {
			err = &e
		}
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = fmt.Errorf("%s is truncated or corrupt after %d bytes: %w", v.want.What, v.want.GotSize, err)
	case err != nil:
		err = fmt.Errorf("reading %s: %w", v.want.What, err)
	}
	v.err = err
	return n, err
}

// readCloser joins a reader with what is to be closed, in order.
type readCloser struct {
	io.Reader
	closers []io.Closer
}

func (r *readCloser) Close() error {
	var first error
	for _, c := range r.closers {
		first = firstError(first, c.Close())
	}
	r.closers = nil
	return first
}

// Verifies implements [Verifying].
func (r *readCloser) Verifies(d digest.Digest) bool {
	v, ok := r.Reader.(*verifier)
	return ok && v.want.Want == d
}

// verified is a reader of what has a digest and a size: r itself if it says that it
// sees to that.
func verified(ctx context.Context, r io.Reader, d digest.Digest, size int64) io.Reader {
	if v, ok := r.(Verifying); ok && v.Verifies(d) {
		return r
	}
	return newVerifier(ctx, r, "it", d, size)
}

// checkDigest validates a digest from outside: its form, and that its algorithm
// is one of sha256, sha384 and sha512.
func checkDigest(d digest.Digest) error {
	if err := d.Validate(); err != nil {
		return fmt.Errorf("%q is no valid digest: %w", truncate(string(d), 100), err)
	}
	return nil
}

func truncate(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + "..."
}
