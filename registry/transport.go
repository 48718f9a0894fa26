package registry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/pkg/docker/config"
	"go.podman.io/image/v5/pkg/sysregistriesv2"
	"go.podman.io/image/v5/pkg/tlsclientconfig"
	"go.podman.io/image/v5/types"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"
	"oras.land/oras-go/v2/registry/remote/retry"
)

// Traffic counts the bytes of the bodies of requests and answers: what HTTP and
// TLS add to them is not counted. Several repositories may share one.
type Traffic struct {
	received, sent, requests atomic.Int64
}

// Received is the number of bytes that came.
func (t *Traffic) Received() int64 { return t.received.Load() }

// Sent is the number of bytes that went.
func (t *Traffic) Sent() int64 { return t.sent.Load() }

// Requests is the number of requests.
func (t *Traffic) Requests() int64 { return t.requests.Load() }

// counter is a transport that counts.
type counter struct {
	next    http.RoundTripper
	traffic *Traffic
}

func (c *counter) RoundTrip(q *http.Request) (*http.Response, error) {
	c.traffic.requests.Add(1)
	if q.Body != nil {
		q = q.Clone(q.Context())
		q.Body = &countedBody{q.Body, &c.traffic.sent}
	}
	resp, err := c.next.RoundTrip(q)
	if err == nil {
		resp.Body = &countedBody{resp.Body, &c.traffic.received}
	}
	return resp, err
}

type countedBody struct {
	io.ReadCloser
	n *atomic.Int64
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n.Add(int64(n))
	return n, err
}

// location is a place that has a repository.
type location struct {
	named, at reference.Named // as it was asked for; where it is
	insecure  bool            // it may be reached without valid TLS
}

// locations applies registries.conf: the mirrors of a repository, and last where
// it is itself.
func locations(name string, opt *Options) ([]location, error) {
	named, err := ParseName(name)
	if err != nil {
		return nil, err
	}
	named = reference.TrimNamed(named)
	found, err := sysregistriesv2.FindRegistry(&types.SystemContext{}, named.Name())
	if err != nil {
		return nil, fmt.Errorf("reading registries.conf: %w", err)
	}
	all := []location{{named: named, at: named}}
	if found != nil {
		if found.Blocked {
			return nil, fmt.Errorf("registries.conf blocks %s", named.Name())
		}
		// All that matters is fetched by digest, so mirrors for digests will do.
		digested, err := reference.WithDigest(named, digest.FromString(""))
		if err != nil {
			return nil, err
		}
		sources, err := found.PullSourcesFromReference(digested)
		if err != nil {
			return nil, err
		}
		all = nil
		for _, s := range sources {
			all = append(all, location{named, reference.TrimNamed(s.Reference), s.Endpoint.Insecure})
		}
	}
	for i := range all {
		if opt.TLSVerify != nil {
			all[i].insecure = !*opt.TLSVerify
		}
		all[i].insecure = all[i].insecure || opt.PlainHTTP
	}
	return all, nil
}

// certDirs are searched for a directory named after the registry.
var certDirs = []string{"/etc/containers/certs.d", "/etc/docker/certs.d"}

// transport speaks to one registry.
func (r *Repository) transport(host string, insecure bool) (http.RoundTripper, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{InsecureSkipVerify: insecure}
	t.ResponseHeaderTimeout = 2 * time.Minute
	dir := r.opt.CertDir
	for _, d := range append(userCertDirs(), certDirs...) {
		if dir == "" {
			if st, err := os.Stat(filepath.Join(d, host)); err == nil && st.IsDir() {
				dir = filepath.Join(d, host)
			}
		}
	}
	if dir != "" {
		if err := tlsclientconfig.SetupCertificates(dir, t.TLSClientConfig); err != nil {
			return nil, fmt.Errorf("certificates in %s: %w", dir, err)
		}
	}
	if r.opt.Traffic == nil {
		return t, nil
	}
	return &counter{t, r.opt.Traffic}, nil
}

func userCertDirs() []string {
	dir, err := os.UserConfigDir()
	if err != nil {
		return nil
	}
	return []string{filepath.Join(dir, "containers", "certs.d")}
}

// client adds retries and credentials to a transport.
func (r *Repository) client(at reference.Named, t http.RoundTripper) (remote.Client, error) {
	creds, err := config.GetCredentialsForRef(&types.SystemContext{AuthFilePath: r.opt.Authfile}, at)
	if err != nil {
		return nil, fmt.Errorf("credentials for %s: %w", r.Name(), err)
	}
	host := r.remote.Reference.Host()
	policy := &retry.GenericPolicy{
		Retryable: retryable, Backoff: retry.DefaultBackoff,
		MinWait: r.wait, MaxWait: 10 * time.Second, MaxRetry: r.retries,
	}
	return &auth.Client{
		Client: &http.Client{Transport: &retry.Transport{Base: t, Policy: func() retry.Policy { return policy }}},
		Header: http.Header{"User-Agent": {"docker-delta"}},
		Cache:  auth.NewCache(),
		Credential: func(_ context.Context, asked string) (auth.Credential, error) {
			if asked != host {
				return auth.EmptyCredential, nil
			}
			return auth.Credential{Username: creds.Username, Password: creds.Password, RefreshToken: creds.IdentityToken}, nil
		},
	}, nil
}

// retryable tells failures that may pass from those that will not.
func retryable(resp *http.Response, err error) (bool, error) {
	if err != nil {
		return passing(err), nil
	}
	switch resp.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true, nil
	}
	return false, nil
}

// passing reports an error of the connection; an untrusted certificate, or a
// server that speaks another protocol, does not pass.
func passing(err error) bool {
	var certificate *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var record tls.RecordHeaderError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, http.ErrSchemeMismatch),
		errors.As(err, &certificate), errors.As(err, &authority), errors.As(err, &record):
		return false
	}
	return true
}

// isAnswer reports an error that the registry itself stated.
func isAnswer(err error) bool {
	var answer *errcode.ErrorResponse
	return errors.As(err, &answer) && answer.StatusCode < http.StatusInternalServerError && answer.StatusCode != http.StatusTooManyRequests
}
