package image

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"go.podman.io/image/v5/docker"
)

// What a registry answers, or does not, gets a remedy.
func TestRemediesOfRegistries(t *testing.T) {
	asked := func(err error) error {
		return fmt.Errorf("pinging container registry: %w", &url.Error{Op: "Get", URL: "https://localhost:5000/v2/", Err: err})
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{docker.UnexpectedHTTPStatusError{StatusCode: http.StatusUnauthorized}, "log in"},
		{docker.UnexpectedHTTPStatusError{StatusCode: http.StatusNotFound}, "check the name"},
		{fmt.Errorf("fetching: %w", docker.ErrTooManyRequests), "try again later"},
		{docker.UnexpectedHTTPStatusError{StatusCode: http.StatusTooManyRequests}, "try again later"},
		{asked(http.ErrSchemeMismatch), "--plain-http"},
		{asked(tls.RecordHeaderError{Msg: "no TLS"}), "--plain-http"},
	} {
		var e *Error
		if err := remoteError(c.err); !errors.As(err, &e) || !strings.Contains(e.Hint, c.want) {
			t.Errorf("%v: %v, want %q", c.err, err, c.want)
		}
	}
	if err := remoteError(errors.New("x")); err.Error() != "x" {
		t.Errorf("an unknown error became %v", err)
	}
}
