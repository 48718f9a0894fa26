package cli

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/internal/spool"
	"github.com/docker-delta/docker-delta/signature"
)

// remedy says what to do about kinds of errors of which the place that reports them
// knows no remedy; empty for the others.
func remedy(err error) string {
	has := func(word string) bool { return strings.Contains(err.Error(), word) }
	var h hinted
	switch {
	case errors.As(err, &h):
		return h.do
	case isHinted(err), errors.Is(err, spool.ErrLimit):
		return ""
	case errors.Is(err, delta.ErrBase):
		switch {
		case has("--base"):
		case has("made from"):
			return "give that with --base"
		default:
			return "inspect tells what the delta was made from; give that with --base"
		}
	case errors.Is(err, delta.ErrVerify):
		return "fetch it again, or make it anew"
	case errors.Is(err, format.ErrVersion):
		return "update docker-delta here"
	case errors.Is(err, format.ErrPatch):
		return "apply it with docker-delta file apply OLD PATCH -o NEW"
	case errors.Is(err, format.ErrNotPackage) && has("it is an image"):
		return "docker-delta create makes a delta of two images"
	case errors.Is(err, format.ErrNotPackage):
		return "give a file that docker-delta create has written; if this should be one, fetch it again"
	case errors.Is(err, image.ErrNotImage) && has(format.ArtifactType):
		return "it is a delta: docker-delta apply gives its image"
	case errors.Is(err, signature.ErrSignature):
		if has("its bytes are not") || has("its signature is") || has("comment of its signature") {
			return "do not use it; fetch it and its signature again, or ask who made it"
		}
	case errors.Is(err, fs.ErrNotExist):
		if has("no such file or directory") && !has("dial unix") {
			return "check the name and the directory"
		}
	case errors.Is(err, syscall.ENOSPC):
		return "free some space, or write elsewhere"
	case errors.Is(err, fs.ErrPermission):
		if has("permission denied") && !has("dial unix") {
			return "run it as a user who may do that, or choose another place"
		}
	}
	return networkRemedy(err)
}

// hinted is an error with a remedy of its own, which its place knows better than its
// kind does.
type hinted struct {
	error
	do string
}

func (h hinted) Unwrap() error { return h.error }

// isHinted reports that an error, or one that it wraps, says what to do.
func isHinted(err error) bool {
	var e *image.Error
	for errors.As(err, &e) {
		if e.Hint != "" {
			return true
		}
		err = e.Err
	}
	return false
}

// networkRemedy says what to do when a registry cannot be reached. Errors of a
// docker daemon that does not answer have a hint of their own.
func networkRemedy(err error) string {
	var (
		name      *net.DNSError
		op        *net.OpError
		late      net.Error
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &op) && op.Op == "proxyconnect":
		return "check the proxy that HTTPS_PROXY names, or except the registry with NO_PROXY"
	case errors.As(err, &name) && name.IsNotFound:
		return "check the registry's name, and whether this machine's name server knows it"
	case errors.As(err, &name):
		return "check this machine's network and its name server, and try again"
	case errors.As(err, &authority):
		return "give the directory with its authority's certificate with --cert-dir; only where nobody can come between, --tls-verify=false"
	case errors.As(err, &host):
		return "call the registry by a name that its certificate is for"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "check this machine's clock; if it is right, the registry needs a new certificate"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "check the registry's name and port, and that it runs"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "check this machine's network"
	case errors.Is(err, syscall.ECONNRESET):
		return "try again; the registry, or something on the way to it, ended the connection"
	case errors.As(err, &late) && late.Timeout():
		return "try again; if it stays so, check the network, a firewall, and whether a proxy is needed (HTTPS_PROXY)"
	}
	return ""
}

// noDelta explains why what should be a delta cannot be opened, where its name
// tells more than the system does.
func noDelta(path string, err error) error {
	if strings.HasPrefix(path, registryPrefix) {
		return usageError{fmt.Errorf("%s: this command takes a delta out of a file; pull brings an image by the deltas in a registry", path)}
	}
	return absent(path, err)
}

// ofDelta names the delta in errors that come of it or of its base, and say only what
// is wrong there.
func ofDelta(path string, err error) error {
	for _, class := range []error{delta.ErrVerify, delta.ErrBase, format.ErrVersion} {
		if errors.Is(err, class) {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return err
}

// absent is err, but where the file path is not there, it says so, once.
func absent(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		if _, statErr := os.Stat(path); errors.Is(statErr, fs.ErrNotExist) {
			return fmt.Errorf("there is no file %s; check the name, and the directory that you are in", path)
		}
	}
	return err
}
