package image

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// ParseDestination parses where an image is written to. Without a transport it
// is a path, and the file a docker-archive; a name with a colon is refused then,
// since it may be meant for the docker daemon.
func ParseDestination(s string) (Reference, error) {
	if s == "-" {
		return Reference{Transport: Stdio, Path: "-", raw: s}, nil
	}
	r, ok, err := parseTransport(s)
	if err != nil {
		return r, err
	}
	if !ok {
		if strings.ContainsRune(s, ':') && !looksLikePath(s) {
			return r, &Error{Ref: s, Err: errors.New("this may be a file or an image name"),
				Hint: fmt.Sprintf("write ./%s, docker-daemon:%s or docker://%s", s, s, s)}
		}
		return Reference{Transport: DockerArchive, Path: s, raw: s}, nil
	}
	switch r.Transport {
	case DockerArchive, OCIArchive, OCILayout:
		// A file that already exists with the whole name must not swallow ":ref".
		r.Path, r.Select = splitPath(strings.TrimPrefix(s, string(r.Transport)+":"))
	}
	if strings.HasPrefix(r.Select, "@") {
		return r, &Error{Ref: s, Err: errors.New("a number or digest cannot be written to"), Hint: "expected " + example(r.Transport)}
	}
	switch r.Transport {
	case DockerArchive:
		if r.Select != "" {
			_, err = NormalizeName(r.Select)
		}
	case DockerDaemon:
		_, err = NormalizeName(r.Path)
	}
	return r, withRef(s, err)
}

// writeHint adds what may help to errors of the file system.
func writeHint(err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return hint(err, "free some space, or write elsewhere")
	case errors.Is(err, os.ErrPermission):
		return hint(err, "choose a place that you may write to")
	}
	return err
}
