// Package registry keeps deltas in container registries, as OCI artifacts that
// refer to the images they rebuild.
//
// [Open] gives a [Repository]; [Repository.Push] stores a package there, with its
// manifest byte for byte, so that its digest and what refers to it hold;
// [Repository.Deltas] lists the packages that rebuild an image, and
// [Repository.Fetch] brings one back. Packages are found through the referrers
// API of the OCI distribution spec (v1.1), or through the referrers tag schema
// (sha256-…) where a registry has no such API.
//
// Credentials, certificates and registries.conf are found as for images, so as
// Skopeo finds them.
package registry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/docker/reference"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/internal/limit"
)

// Options say how a registry is reached.
type Options struct {
	image.Options
	// Retries is how often a request that failed for a passing reason (the
	// connection, or a server that is overloaded) is tried again; 0 is never.
	Retries int
	// Concurrency is how many blobs are sent or fetched at once; 0 means
	// DefaultConcurrency.
	Concurrency int
	// Traffic, if set, counts what is sent and received.
	Traffic *Traffic
}

// Parallel is how many blobs travel at once.
func (o *Options) Parallel() int {
	if o.Concurrency > 0 {
		return o.Concurrency
	}
	return DefaultConcurrency
}

// DefaultConcurrency is how many blobs travel at once.
const DefaultConcurrency = 4

// Meter is told how many bytes of a transfer are done, of how many in all. It is
// called from one goroutine at a time.
type Meter func(done, total int64)

// Repository is a repository in a registry.
type Repository struct {
	named   reference.Named // as it was asked for
	remote  *remote.Repository
	retries int
	wait    time.Duration // before the first retry
	opt     Options
	slots   chan struct{} // one for each blob that travels
}

// unmarshal decodes JSON out of a registry.
func unmarshal(b []byte, v any) error { return limit.Unmarshal(b, v) }

const (
	maxPages = 64   // of lists of tags or packages
	maxList  = 4096 // packages of one image

	maxListSize = 16 << 20 // bytes of what a list says of them
	maxLooked   = 64 << 20 // bytes of manifests and descriptions that are fetched for a list
	maxNames    = 4096     // bytes of names in a package's annotations
)

// ParseName reads the name of an image or a repository in a registry, with or
// without "docker://" before it. Short names are docker's: "app" is
// docker.io/library/app.
func ParseName(s string) (reference.Named, error) {
	name := strings.TrimPrefix(s, string(image.Registry)+"://")
	n, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return nil, &image.Error{Ref: s, Err: err, Hint: "expected registry.example/name[:tag]"}
	}
	return n, nil
}

// Open prepares access to the repository of a name, see [ParseName]; its tag or
// digest is not looked at. Nothing is asked of the registry yet, unless it has to
// be found out whether it speaks HTTPS.
func Open(ctx context.Context, name string, opt Options) (*Repository, error) {
	all, err := locations(name, &opt)
	if err != nil {
		return nil, err
	}
	return openAt(ctx, all[len(all)-1], opt)
}

// OpenMirrors prepares reading access to all places that have the repository: its
// mirrors as registries.conf names them, then itself. Mirrors that cannot be
// opened are left out.
func OpenMirrors(ctx context.Context, name string, opt Options) ([]*Repository, error) {
	all, err := locations(name, &opt)
	if err != nil {
		return nil, err
	}
	var out []*Repository
	for i, l := range all {
		r, err := openAt(ctx, l, opt)
		switch {
		case err == nil:
			out = append(out, r)
		case i == len(all)-1:
			return nil, err
		}
	}
	return out, nil
}

func openAt(ctx context.Context, l location, opt Options) (*Repository, error) {
	r := &Repository{named: l.named, retries: max(opt.Retries, 0), wait: 200 * time.Millisecond, opt: opt}
	r.slots = make(chan struct{}, opt.Parallel())
	var err error
	if r.remote, err = remote.NewRepository(l.at.Name()); err != nil {
		return nil, fmt.Errorf("%s: %w", l.named, err)
	}
	r.remote.SkipReferrersGC = true // many registries forbid to delete
	r.remote.TagListMaxPages, r.remote.ReferrerListMaxPages = maxPages, maxPages
	host := r.remote.Reference.Host()
	transport, err := r.transport(host, l.insecure)
	if err != nil {
		return nil, err
	}
	r.remote.PlainHTTP = opt.PlainHTTP || l.insecure && !speaksTLS(ctx, transport, host)
	client, err := r.client(l.at, transport)
	r.remote.Client = bounded{client}
	return r, err
}

// Name is the repository's, without a tag: "registry.example/app".
func (r *Repository) Name() string { return r.named.Name() }

// speaksTLS asks a registry that need not.
func speaksTLS(ctx context.Context, t http.RoundTripper, host string) bool {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+host+"/v2/", nil)
	if err != nil {
		return true
	}
	resp, err := t.RoundTrip(q)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return true
}

// Resolve gives the descriptor of the manifest or index of a tag or digest.
func (r *Repository) Resolve(ctx context.Context, tagOrDigest string) (ocispec.Descriptor, error) {
	d, err := r.remote.Resolve(ctx, tagOrDigest)
	return d, r.explain(tagOrDigest, err)
}

// Tags lists the repository's tags, without those that stand for lists of
// referrers.
func (r *Repository) Tags(ctx context.Context) ([]string, error) {
	var all []string
	err := r.readAgain(ctx, func() error {
		all = nil
		size := 0
		return r.remote.Tags(ctx, "", func(tags []string) error {
			for _, t := range tags {
				if size += len(t); size > maxListSize {
					return fmt.Errorf("%w: the list of tags has over %d bytes", format.ErrCorrupt, maxListSize)
				}
				if !isReferrersTag(t) {
					all = append(all, t)
				}
			}
			return nil
		})
	})
	slices.Sort(all)
	return slices.Compact(all), r.explain("its tags", err)
}

// isReferrersTag recognises "sha256-" and 64 hexadecimal digits, also with a
// suffix, as cosign writes it.
func isReferrersTag(t string) bool {
	algorithm, rest, ok := strings.Cut(t, "-")
	hex, _, _ := strings.Cut(rest, ".")
	return ok && digest.Digest(algorithm+":"+hex).Validate() == nil
}

// unreached reports that no connection to the registry came about.
func unreached(err error) bool {
	var (
		request     *url.Error
		op          *net.OpError
		certificate *tls.CertificateVerificationError
	)
	return errors.As(err, &request) && (errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect") ||
		errors.As(err, &certificate) || image.IsPlainHTTP(err))
}

// explain adds what was asked, and what may help.
func (r *Repository) explain(what string, err error) error {
	if err == nil {
		return nil
	}
	e := &image.Error{Err: fmt.Errorf("%s: %s: %w", r.Name(), what, err)}
	var answer *errcode.ErrorResponse
	switch {
	case errors.Is(err, errdef.ErrNotFound):
		e.Err = fmt.Errorf("%s has no %s (%w)", r.Name(), what, image.ErrNotFound)
	case errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound:
		e.Err = fmt.Errorf("%w (%w)", e.Err, image.ErrNotFound)
		e.Hint = "check the name of the repository"
	case errors.Is(err, auth.ErrBasicCredentialNotFound), errors.As(err, &answer) && (answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden):
		e.Hint = "log in with docker login or skopeo login, or give --authfile"
	case answer != nil && (answer.StatusCode == http.StatusTooManyRequests || answer.StatusCode >= http.StatusInternalServerError):
		e.Hint = "try again later; the registry is there, and cannot serve this now"
	case unreached(err):
		// What was asked first does not matter then, and neither does its long address.
		var request *url.Error
		errors.As(err, &request)
		e.Err = fmt.Errorf("%s: the registry cannot be reached: %w", r.Name(), request.Err)
		if image.IsPlainHTTP(err) {
			e.Hint = image.PlainHTTPHint
		}
	}
	return e
}
