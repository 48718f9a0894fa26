package image

import (
	"io"
	"os"
	"path/filepath"
	"runtime"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-delta/docker-delta/internal/spool"
	"github.com/docker-delta/docker-delta/internal/tempfile"
)

// Options say how images are found and reached. The zero value is what a person
// gets who gives no flags.
type Options struct {
	// Platform chooses from a multi-platform image. Nil means
	// DOCKER_DEFAULT_PLATFORM, else Linux on the processor of this program.
	// When it is set, an image of one other platform is refused as well.
	Platform *ocispec.Platform

	// Authfile holds registry credentials. Empty means REGISTRY_AUTH_FILE, then
	// containers/auth.json, then docker's config.json and its helpers.
	Authfile string
	// TLSVerify false allows registries without a valid certificate, and plain
	// HTTP. Nil leaves it to registries.conf.
	TLSVerify *bool
	// CertDir holds *.crt, *.cert and *.key files for registries.
	CertDir string
	// PlainHTTP allows registries that speak HTTP only.
	PlainHTTP bool

	// DockerHost is the daemon's address, as with docker -H. Empty means
	// DOCKER_HOST, then DOCKER_CONTEXT, then the current context.
	DockerHost string
	// DockerContext names a docker context and goes before DOCKER_HOST.
	DockerContext string
	// ReadStore says whether the files of a daemon's store are read.
	ReadStore ReadStore

	// TempDir is where big temporary files go. Empty means TMPDIR, else /var/tmp.
	TempDir string
	// MaxTemp bounds the bytes of one such file; 0 means nine tenths of what is
	// free in the directory.
	MaxTemp int64
	// AllowMissing lets Open succeed when layers are absent; reading such a
	// layer fails with a *MissingError.
	AllowMissing bool
	// Debugf, if set, is told what was recognised and why.
	Debugf func(format string, args ...any)
}

func (o *Options) debugf(format string, args ...any) {
	if o.Debugf != nil {
		o.Debugf(format, args...)
	}
}

func (o *Options) tempDir() string {
	switch {
	case o.TempDir != "":
		return o.TempDir
	case os.Getenv("TMPDIR") != "" || runtime.GOOS == "windows":
		return os.TempDir()
	}
	if st, err := os.Stat("/var/tmp"); err == nil && st.IsDir() {
		return "/var/tmp"
	}
	return os.TempDir()
}

// newSpool makes a temporary file, and a writer to it that keeps to its limit.
func (o *Options) newSpool() (*tempfile.File, io.Writer, error) {
	f, err := tempfile.Anonymous(o.tempDir())
	if err != nil {
		return nil, nil, hint(err, "choose another directory for temporary files (TMPDIR)")
	}
	return f, &spoolWriter{w: f, room: spool.NewRoom(o.tempDir(), o.MaxTemp)}, nil
}

type spoolWriter struct {
	w    io.Writer
	n    int64
	room spool.Room
}

func (s *spoolWriter) Write(p []byte) (int, error) {
	if err := s.room.Check(s.n + int64(len(p))); err != nil {
		return 0, err
	}
	n, err := s.w.Write(p)
	s.n += int64(n)
	return n, err
}

// spool copies r into a temporary file and rewinds it.
func (o *Options) spool(r io.Reader) (*tempfile.File, int64, error) {
	s, w, err := o.newSpool()
	if err != nil {
		return nil, 0, err
	}
	n, err := io.Copy(w, r)
	if err == nil {
		_, err = s.Seek(0, io.SeekStart)
	}
	if err != nil {
		s.Close()
		return nil, n, err
	}
	return s, n, nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func absPath(p string) string {
	if a, err := filepath.Abs(p); err == nil {
		return a
	}
	return p
}
