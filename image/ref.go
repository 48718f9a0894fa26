package image

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Transport is where an image lives, as the prefix of a reference says.
type Transport string

// The transports of Skopeo's grammar. FilePath and Stdio have no prefix.
const (
	DockerDaemon      Transport = "docker-daemon"
	DockerArchive     Transport = "docker-archive"
	OCILayout         Transport = "oci"
	OCIArchive        Transport = "oci-archive"
	Dir               Transport = "dir"
	Registry          Transport = "docker"
	ContainersStorage Transport = "containers-storage"
	FilePath          Transport = "path"
	Stdio             Transport = "-"
)

// Transports lists the prefixes, for help texts and completion.
func Transports() []Transport {
	return []Transport{DockerDaemon, DockerArchive, OCILayout, OCIArchive, Dir, Registry, ContainersStorage}
}

// Reference is a parsed reference to an image.
type Reference struct {
	Transport Transport
	// Path is the file or directory, or the image name of a daemon, registry
	// or containers-storage.
	Path string
	// Select chooses inside a file or layout: "name:tag", a bare tag, "@2" (the
	// third image) or "@sha256:..."; empty when there is one image only.
	Select string
	raw    string
}

// IsStdio reports the standard input or output: "-", also as the path of an archive.
func (r Reference) IsStdio() bool {
	return r.Transport == Stdio || r.Path == "-" && (r.Transport == DockerArchive || r.Transport == OCIArchive)
}

// String gives the reference as it was written.
func (r Reference) String() string { return r.raw }

// ParseReference parses a source. A path that exists goes before everything but
// a transport prefix, and what is no path is an image in the docker daemon.
// Only existence is looked at here; what a path holds is found by [Open].
func ParseReference(s string) (Reference, error) {
	r, ok, err := parseTransport(s)
	if ok || err != nil {
		return r, err
	}
	if s == "-" {
		return Reference{Transport: Stdio, Path: "-", raw: s}, nil
	}
	if path, sel, ok := splitExisting(s); ok {
		return Reference{Transport: FilePath, Path: path, Select: sel, raw: s}, nil
	}
	if looksLikePath(s) {
		_, err := os.Lstat(s)
		if err == nil || errors.Is(err, os.ErrNotExist) {
			err = noSuchPath()
		}
		return Reference{}, withRef(s, err)
	}
	return Reference{Transport: DockerDaemon, Path: s, raw: s}, nil
}

// parseTransport handles references with a prefix; ok is false without one.
func parseTransport(s string) (r Reference, ok bool, err error) {
	prefix, rest, found := strings.Cut(s, ":")
	t := Transport(prefix)
	if !found || !slices.Contains(Transports(), t) {
		if s == "" {
			return r, true, &Error{Ref: `""`, Err: errors.New("an empty image reference")}
		}
		return r, false, nil
	}
	r = Reference{Transport: t, Path: rest, raw: s}
	switch t {
	case Registry:
		if r.Path, found = strings.CutPrefix(rest, "//"); !found {
			// "docker:27-cli" is an image of that name, and exists.
			return r, false, nil
		}
	case DockerArchive, OCIArchive, OCILayout:
		var exists bool
		if r.Path, r.Select, exists = splitExisting(rest); !exists {
			r.Path, r.Select = splitPath(rest)
		}
	}
	if r.Path == "" {
		return r, true, &Error{Ref: s, Err: errors.New("nothing follows the transport"), Hint: fmt.Sprintf("expected %s", example(t))}
	}
	return r, true, nil
}

func example(t Transport) string {
	return map[Transport]string{
		DockerDaemon:      "docker-daemon:name:tag",
		DockerArchive:     "docker-archive:path[:name:tag]",
		OCILayout:         "oci:path[:tag]",
		OCIArchive:        "oci-archive:path[:tag]",
		Dir:               "dir:path",
		Registry:          "docker://registry/name:tag",
		ContainersStorage: "containers-storage:name:tag",
	}[t]
}

// splitExisting finds the longest prefix of s that exists as a path and ends
// before a colon or at the end.
func splitExisting(s string) (path, sel string, ok bool) {
	for end := len(s); end > 0; end = strings.LastIndexByte(s[:end], ':') {
		if _, err := os.Stat(s[:end]); err == nil || os.IsPermission(err) {
			return s[:end], strings.TrimPrefix(s[end:], ":"), true
		}
	}
	return s, "", false
}

// splitPath splits at the first colon, as Skopeo does; a drive letter is no path.
func splitPath(s string) (path, sel string) {
	vol := len(filepath.VolumeName(s))
	path, sel, _ = strings.Cut(s[vol:], ":")
	return s[:vol] + path, sel
}

// looksLikePath reports what cannot be an image name.
func looksLikePath(s string) bool {
	return filepath.IsAbs(s) || strings.HasPrefix(s, "/") || s == "." || s == ".." ||
		strings.HasPrefix(s, "./") || strings.HasPrefix(s, "../") || strings.HasPrefix(s, "~") ||
		strings.ContainsRune(s, '\\') || strings.HasSuffix(s, "/")
}
