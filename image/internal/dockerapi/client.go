package dockerapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// maxVersion is the newest API that this client was written for. minVersion is
// what docker 1.13 spoke.
const (
	maxVersion = "1.51"
	minVersion = "1.25"
	maxAnswer  = 64 << 20 // bytes of a JSON answer
)

// ErrNotFound reports status 404.
var ErrNotFound = errors.New("not found")

// Client talks to one daemon.
type Client struct {
	Endpoint Endpoint
	// Version is the API version in use, "1.41".
	Version string
	// Podman reports podman's imitation of the API.
	Podman bool
	http   *http.Client
	base   *url.URL
}

// UnreachableError reports a daemon that does not answer.
type UnreachableError struct {
	Endpoint Endpoint
	Err      error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("no docker daemon answers at %s: %v", e.Endpoint, e.Err)
}

func (e *UnreachableError) Unwrap() error { return e.Err }

// Connect asks the daemon for its API version and agrees on one.
func Connect(ctx context.Context, e Endpoint) (*Client, error) {
	t, base, err := transport(e)
	if err != nil {
		return nil, err
	}
	c := &Client{Endpoint: e, http: &http.Client{Transport: t}, base: base}
	resp, err := c.do(ctx, http.MethodGet, "/_ping", nil, nil, "")
	if err != nil {
		c.Close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, &UnreachableError{e, err}
	}
	resp.Body.Close()
	c.Version = resp.Header.Get("Api-Version")
	c.Podman = resp.Header.Get("Libpod-Api-Version") != ""
	if resp.Header.Get("Docker-Experimental") == "" && c.Version == "" {
		c.Close()
		return nil, &UnreachableError{e, errors.New("what answers there is no docker daemon")}
	}
	switch {
	case compareVersions(c.Version, maxVersion) > 0:
		c.Version = maxVersion
	case compareVersions(c.Version, minVersion) < 0:
		v := c.Version
		c.Close()
		return nil, fmt.Errorf("the docker daemon at %s is too old: it speaks API %q, at least %s is needed", e, v, minVersion)
	}
	return c, nil
}

// Close drops idle connections.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

// AtLeast reports whether the agreed API has the version, "1.48".
func (c *Client) AtLeast(version string) bool { return compareVersions(c.Version, version) >= 0 }

func compareVersions(a, b string) int {
	for a != "" || b != "" {
		var x, y string
		x, a, _ = strings.Cut(a, ".")
		y, b, _ = strings.Cut(b, ".")
		m, _ := strconv.Atoi(x)
		n, _ := strconv.Atoi(y)
		if m != n {
			if m < n {
				return -1
			}
			return 1
		}
	}
	return 0
}

// do sends a request. path is below the version. The caller closes the body.
func (c *Client) do(ctx context.Context, method, path string, query url.Values, body io.Reader, contentType string) (*http.Response, error) {
	u := *c.base
	if c.Version != "" {
		u.Path += "/v" + c.Version
	}
	// The path may hold an escaped image name, which must stay escaped.
	u.RawPath = u.EscapedPath() + path
	unescaped, err := url.PathUnescape(path)
	if err != nil {
		return nil, err
	}
	u.Path += unescaped
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	req.Header.Set("User-Agent", "docker-delta")
	resp, err := c.http.Do(req)
	if err != nil {
		if ue := (*url.Error)(nil); errors.As(err, &ue) { // its text has the made-up URL
			err = ue.Err
		}
		return nil, err
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, answerError(resp)
}

func answerError(resp *http.Response) error {
	raw, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	var m struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(raw, &m) != nil || m.Message == "" {
		m.Message = strings.TrimSpace(string(raw[:min(len(raw), 500)]))
	}
	if m.Message == "" {
		m.Message = resp.Status
	}
	if resp.StatusCode == http.StatusNotFound {
		return fmt.Errorf("the docker daemon says: %s (%w)", m.Message, ErrNotFound)
	}
	return fmt.Errorf("the docker daemon says: %s", m.Message)
}

func (c *Client) get(ctx context.Context, path string, query url.Values, v any) error {
	resp, err := c.do(ctx, http.MethodGet, path, query, nil, "")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	if err := json.NewDecoder(bytes.NewReader(raw)).Decode(v); err != nil {
		return fmt.Errorf("the answer of the docker daemon to %s is not understood: %w", path, err)
	}
	return nil
}
