package image

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/docker/distribution/registry/api/errcode"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/pkg/blobinfocache/none"
	"go.podman.io/image/v5/types"
)

// systemContext translates the options for the containers/image library, which
// knows credentials, registries.conf and certificates as Skopeo does.
func (o *Options) systemContext() *types.SystemContext {
	sys := &types.SystemContext{
		AuthFilePath:            o.Authfile,
		DockerCertPath:          o.CertDir,
		BigFilesTemporaryDir:    o.tempDir(),
		DockerRegistryUserAgent: "docker-delta",
	}
	if o.TLSVerify != nil {
		sys.DockerInsecureSkipTLSVerify = types.NewOptionalBool(!*o.TLSVerify)
	}
	if o.PlainHTTP {
		sys.DockerInsecureSkipTLSVerify = types.OptionalBoolTrue
	}
	return sys
}

// remoteStore reads through a transport of containers/image.
type remoteStore struct {
	name string
	src  types.ImageSource
	top  digest.Digest // what the reference itself names
	raw  []byte        // its manifest or index
}

func (s *remoteStore) source() string { return s.name }
func (s *remoteStore) local() bool    { return false }

func (s *remoteStore) manifest(ctx context.Context, desc ocispec.Descriptor) ([]byte, error) {
	if desc.Digest == s.top {
		return s.raw, nil
	}
	raw, _, err := s.src.GetManifest(ctx, &desc.Digest)
	if err != nil {
		return nil, remoteError(err)
	}
	return raw, nil
}

func (s *remoteStore) blob(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, int64, error) {
	rc, size, err := s.src.GetBlob(ctx, types.BlobInfo{Digest: desc.Digest, Size: desc.Size, URLs: desc.URLs, MediaType: desc.MediaType}, none.NoCache)
	if err != nil {
		return nil, 0, fmt.Errorf("fetching %s: %w", desc.Digest, remoteError(err))
	}
	return rc, size, nil
}

func openRegistry(ctx context.Context, r Reference, opt *Options) (*top, error) {
	ref, err := docker.ParseReference("//" + r.Path)
	if err != nil {
		return nil, hint(err, "expected docker://registry/name:tag or docker://registry/name@sha256:...")
	}
	src, err := ref.NewImageSource(ctx, opt.systemContext())
	if err != nil {
		return nil, remoteError(err)
	}
	t, err := openRemote(ctx, r, src, opt)
	if err != nil {
		src.Close()
		return nil, err
	}
	named := ref.DockerReference()
	if _, isDigest := named.(reference.Digested); !isDigest {
		t.names = []string{reference.TagNameOnly(named).String()}
	}
	return t, nil
}

func openRemote(ctx context.Context, r Reference, src types.ImageSource, opt *Options) (*top, error) {
	raw, mediaType, err := src.GetManifest(ctx, nil)
	if err != nil {
		return nil, remoteError(err)
	}
	desc := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	if named := src.Reference().DockerReference(); named != nil {
		if d, ok := named.(reference.Digested); ok && r.Transport == Registry {
			desc.Digest = d.Digest()
		}
	}
	s := &remoteStore{name: r.String(), src: src, top: desc.Digest, raw: raw}
	w := &walker{store: s, opt: opt, docs: map[string]*document{}}
	opt.debugf("%s: %s, %s", r, mediaType, desc.Digest)
	if err := w.walk(ctx, desc); err != nil {
		return nil, err
	}
	return &top{walker: w, closers: []io.Closer{src}}, nil
}

// remoteError adds what may help to an error of the library.
func remoteError(err error) error {
	var unauthorized docker.ErrUnauthorizedForCredentials
	switch {
	case errors.As(err, &unauthorized), isStatus(err, 401, 403):
		return hint(err, "log in with docker login or skopeo login, or give --authfile; a private image that does not exist looks the same")
	case isStatus(err, 404):
		return hint(fmt.Errorf("%w (%w)", err, ErrNotFound), "check the name and the tag")
	case errors.Is(err, docker.ErrTooManyRequests), isStatus(err, 429, 500, 502, 503, 504):
		return hint(err, "try again later; the registry is there, and cannot serve this now")
	case IsPlainHTTP(err):
		return hint(err, PlainHTTPHint)
	}
	return err
}

// PlainHTTPHint is the remedy where [IsPlainHTTP] holds.
const PlainHTTPHint = "if the registry speaks plain HTTP, and may, give --plain-http"

// IsPlainHTTP reports that TLS was asked for where a server speaks something else,
// which is plain HTTP as a rule.
func IsPlainHTTP(err error) bool {
	var record tls.RecordHeaderError
	return errors.Is(err, http.ErrSchemeMismatch) || errors.As(err, &record)
}

// isStatus reports an answer of a registry with one of the HTTP status codes.
func isStatus(err error, codes ...int) bool {
	var status docker.UnexpectedHTTPStatusError
	if errors.As(err, &status) {
		return slices.Contains(codes, status.StatusCode)
	}
	var coder errcode.ErrorCoder
	return errors.As(err, &coder) && slices.Contains(codes, coder.ErrorCode().Descriptor().HTTPStatusCode)
}
